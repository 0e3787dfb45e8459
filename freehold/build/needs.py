"""What a build needs of the box that it runs on, and what that box lacks: all at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from freehold.build.flags import Backend
from freehold.errors import Problem
from freehold.facts.toolchain import ToolchainFacts, Version

CMAKE_MIN, CMAKE_MIN_CUDA = (3, 15), (3, 18)  # several targets at once; CMAKE_CUDA_ARCHITECTURES
# A file of llama.cpp's own takes up to 1.5 GB to compile; nvcc takes several at once.
JOB_BYTES = {Backend.CPU: 2 << 30, Backend.CUDA: 4 << 30}
# Of b11434 (38 MB) 178 MB are unpacked and 67 MB built, 40 MB more with all kinds of processors;
# CUDA's part is an estimate: a kernel is compiled for each quant and each architecture.
DISK_FACTOR = {Backend.CPU: 10, Backend.CUDA: 150}
DISK_MARGIN_BYTES = 64 << 20
# Of a capability, the first nvcc that knows it. Source: NVIDIA's release notes of CUDA.
_NVCC_MIN = (
    ((12, 1), (12, 9)),
    ((12, 0), (12, 8)),
    ((10, 3), (12, 9)),
    ((10, 0), (12, 8)),
    ((8, 9), (11, 8)),
    ((8, 6), (11, 1)),
    ((8, 0), (11, 0)),
)
_NVCC_13_MIN = (7, 5)
# Of an nvcc, the first driver that runs what it makes. Source: the same.
_DRIVER_MIN = ((13, 580), (12, 525))


def jobs(tools: ToolchainFacts, backend: Backend) -> int:
    """How many files may be compiled at a time."""
    return max(1, min(tools.threads, tools.memory_available_bytes // JOB_BYTES[backend]))


def disk_bytes(source_bytes: int, backend: Backend) -> int:
    """What a build of a source archive of that size takes on the disk while it runs."""
    return source_bytes * DISK_FACTOR[backend] + DISK_MARGIN_BYTES


def lacking(
    place: str,
    tools: ToolchainFacts,
    backend: Backend,
    capabilities: Iterable[str],
    source_bytes: int,
) -> list[Problem]:
    """Every reason why it cannot be built there."""
    found = [*_of_tools(tools, backend), *_of_room(tools, backend, source_bytes)]
    if backend is Backend.CUDA:
        found += _of_cuda(tools, capabilities)
    return [Problem(place, message, hint) for message, hint in found]


def _of_tools(tools: ToolchainFacts, backend: Backend) -> Iterator[tuple[str, str]]:
    wanted = CMAKE_MIN_CUDA if backend is Backend.CUDA else CMAKE_MIN
    if tools.cmake is None:
        yield "expected cmake, found none", "apt-get install cmake"
    elif tools.cmake < wanted:
        words = f"expected cmake {_dotted(wanted)} or newer, found {_dotted(tools.cmake)}"
        yield words, "a newer release of the distribution has it"
    if not tools.has_c or not tools.compiler:
        yield "expected compilers of C and C++ (cc, c++), found none", "apt-get install g++"
    if not tools.maker:
        yield "expected ninja or make, found neither", "apt-get install make"


def _of_room(
    tools: ToolchainFacts, backend: Backend, source_bytes: int
) -> Iterator[tuple[str, str]]:
    needed, free = disk_bytes(source_bytes, backend), tools.disk_available_bytes
    if free < needed:
        yield (
            f"/var/lib/freehold: expected {_mb(needed)} free for the build, found {_mb(free)}",
            "make room, or mount a larger disk there",
        )
    if tools.memory_available_bytes < JOB_BYTES[backend]:
        yield (
            f"expected {_mb(JOB_BYTES[backend])} of memory for a compiler, "
            f"found {_mb(tools.memory_available_bytes)} available",
            "stop what holds it (fab service.stop), or build on another box",
        )


def _of_cuda(tools: ToolchainFacts, capabilities: Iterable[str]) -> Iterator[tuple[str, str]]:
    if tools.nvcc is None:
        yield (
            "expected nvcc, found none in PATH and /usr/local/cuda",
            "apt-get install cuda-toolkit (of NVIDIA's archive), or nvidia-cuda-toolkit "
            "(Debian's non-free)",
        )
        return
    said = f"nvcc {_dotted(tools.nvcc)}"
    for each in capabilities:
        capability = tuple(int(part) for part in each.split("."))
        first = next((nvcc for least, nvcc in _NVCC_MIN if capability >= least), (0,))
        if tools.nvcc < first:
            words = f"expected nvcc {_dotted(first)} or newer for capability {each}, found {said}"
            yield words, "apt-get install a newer cuda-toolkit"
        if tools.nvcc >= (13,) and capability < _NVCC_13_MIN:
            words = f"expected nvcc 12 for capability {each}, found {said}, which knows it no more"
            yield words, "apt-get install cuda-toolkit-12-9"
    least = next((driver for nvcc, driver in _DRIVER_MIN if tools.nvcc >= (nvcc,)), 0)
    if tools.driver is not None and tools.driver < (least,):
        yield (
            f"expected driver {least} or newer for what {said} makes, "
            f"found {_dotted(tools.driver)}",
            "a newer driver, or an older cuda-toolkit",
        )


def _dotted(version: Version) -> str:
    return ".".join(map(str, version))


def _mb(size_bytes: int) -> str:
    return f"{size_bytes / 1e6:,.0f} MB"
