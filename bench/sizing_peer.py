"""gguf-parser-go's estimate of the same run; its library is built once, into the user's cache."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path

from freehold.errors import FreeholdError
from freehold.sizing.layout import Layout

_SOURCES = Path(__file__).with_name("gguf_parser")
_MODULE = "github.com/gpustack/gguf-parser-go"


@dataclass(frozen=True)
class Estimate:
    """Bytes on one device as it says them."""

    weights_bytes: int
    kv_bytes: int
    total_bytes: int


def version() -> str:
    """The pinned one."""
    found = re.search(rf"{_MODULE} (v\S+)", (_SOURCES / "go.mod").read_text())
    assert found is not None  # noqa: S101 - our own file
    return found[1]


def build(say: Callable[[str], None]) -> Path:
    """The program, built where it is not yet. Raises FreeholdError where it cannot be had."""
    sources = b"".join(path.read_bytes() for path in sorted(_SOURCES.iterdir()))
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "freehold"
    cache.mkdir(parents=True, exist_ok=True)
    program = cache / f"bench-gguf-parser-{hashlib.sha256(sources).hexdigest()[:12]}"
    with (cache / "bench-gguf-parser.lock").open("w") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        if not program.exists():
            say(f"building gguf-parser-go {version()}, to compare with (once)")
            _build(_go(cache), program)
    return program


def estimate(
    program: Path, model: Path, layout: Layout, endpoints: Sequence[str]
) -> tuple[tuple[Estimate, ...], float]:
    """Of each device that the layout uses, the host last; and the seconds of the process.

    Asked for unmapped weights: of mapped ones its figure for the host counts none.
    """
    shares = layout.tensor_split or (1,)
    asked = {
        "path": str(model),
        "context": layout.run.context_tokens * layout.run.slots,
        "slots": layout.run.slots,
        "batch": layout.run.batch_tokens,
        "ubatch": layout.run.ubatch_tokens,
        "cache_type": layout.run.cache_type,
        "flash_attention": layout.run.has_flash_attention,
        "gpu_layers": layout.gpu_layers,
        "tensor_split": [upto / sum(shares) for upto in accumulate(shares)],
        "rpc": list(endpoints[: len(shares)]),
        "overrides": [{"pattern": o.pattern, "buffer": o.buffer_type} for o in layout.overrides],
    }
    began = time.perf_counter()
    done = subprocess.run(
        [program], input=json.dumps(asked), capture_output=True, text=True, check=False
    )
    took_s = time.perf_counter() - began
    if done.returncode:
        told = done.stderr.strip().splitlines()[-5:]
        raise FreeholdError.of(str(model), "\n".join(["gguf-parser-go could not size it:", *told]))
    host, *devices = json.loads(done.stdout)
    found = tuple(
        Estimate(one["weights"], one["kv"], one["total"])
        for one in (*devices[: len(layout.devices)], host)
    )
    return found, took_s


def _go(cache: Path) -> str:
    """A Go toolchain: the user's, or the one that bin/setup fetched."""
    fetched = sorted(cache.glob("go-*/go/bin/go"))
    found = shutil.which("go") or (str(fetched[-1]) if fetched else None)
    if found is None:
        raise FreeholdError.of(
            "bench/gguf_parser",
            "expected a Go toolchain to build gguf-parser-go with, found none",
            "install Go 1.25 or newer",
        )
    return found


def _build(go: str, program: Path) -> None:
    aside = program.with_suffix(f".{os.getpid()}")
    environment = {**os.environ, "CGO_ENABLED": "0", "GOWORK": "off", "GOFLAGS": "-mod=readonly"}
    done = subprocess.run(
        [go, "build", "-trimpath", "-o", str(aside), "."],
        cwd=_SOURCES,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        told = done.stderr.strip().splitlines()[-5:]
        raise FreeholdError.of(
            "bench/gguf_parser",
            "\n".join(["expected to build gguf-parser-go, got", *told]),
            "the Go module proxy must be reachable, this once",
        )
    aside.rename(program)
