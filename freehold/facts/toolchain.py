"""What a machine can build the engine with: cmake, compilers, nvcc, memory and disk."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from freehold.facts.fact import Fact, every, field

Version = tuple[int, ...]
_SCRIPT = Path(__file__).with_name("toolchain.sh").read_text()


@dataclass(frozen=True)
class ToolchainFacts:
    """None and "" are what is not there. `compiler` is what c++ says of itself in its first line,
    `libc` as getconf says it ("glibc 2.36"), `driver` NVIDIA's."""

    os: str
    arch: str
    libc: str
    threads: int
    memory_available_bytes: int
    disk_available_bytes: int
    cmake: Version | None
    has_c: bool
    compiler: str
    maker: str
    """What cmake's files are for: "ninja" where it is there, else "make"."""
    nvcc: Version | None = None
    nvcc_path: str = ""
    driver: Version | None = None


def _parse(text: str) -> ToolchainFacts:
    makers = every(text, "maker")
    return ToolchainFacts(
        os=field(text, "os"),
        arch=field(text, "arch"),
        libc=field(text, "libc"),
        threads=int(field(text, "threads")),
        memory_available_bytes=int(field(text, "available_kib").removesuffix("kB")) * 1024,
        disk_available_bytes=int(field(text, "disk").split()[3]) * 1024,
        cmake=_version(every(text, "cmake"), r"cmake version (\d+(?:\.\d+)+)"),
        has_c=bool(every(text, "cc")),
        compiler=next(iter(every(text, "c++")), ""),
        maker=makers[0] if makers else "",
        nvcc=_version(every(text, "nvcc"), r"release (\d+(?:\.\d+)+)"),
        nvcc_path=next(iter(every(text, "nvcc_path")), ""),
        driver=_version(every(text, "driver"), r"(\d+(?:\.\d+)+)"),
    )


def _version(lines: tuple[str, ...], form: str) -> Version | None:
    """Of the line, if there is one. Raises ValueError for a line that has none."""
    if not lines:
        return None
    found = re.search(form, lines[0])
    if found is None:
        raise ValueError(f"expected {form}, got {lines[0]!r}")
    return tuple(int(part) for part in found[1].split("."))


TOOLCHAIN: Fact[ToolchainFacts] = Fact("toolchain", _SCRIPT, _parse)
