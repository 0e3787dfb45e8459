"""llama.cpp's own fit: the placement that it searches for by dry passes over the model's files."""

from __future__ import annotations

import re
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from freehold.errors import FreeholdError
from freehold.sizing.held import Run
from freehold.sizing.wishes import MIB
from tests.engine.cards import Cards
from tests.engine.parts import CPU_FLAGS

LIMIT_S = 240

# Source: common/fit.cpp. Where all fits as asked, the first form; else the second.
_USED = re.compile(r"  - (\S+)(?: \(.*?\))? *:.*?(\d+) (?:MiB )?used,")
_ENDED = re.compile(r"fitting params to free memory took ([\d.]+) seconds")
_FAILED = re.compile(r"failed to fit params to free device memory: (.*)")


@dataclass(frozen=True)
class Fit:
    """What it puts on each device in bytes, or why it gave up; and the seconds of its search."""

    used_bytes: dict[str, int]
    took_s: float
    failure: str | None = None


def fit(engine: Path, cards: Cards, model: Path, run: Run) -> Fit:
    """Its answer for these cards; 1 GiB is left free on each, as Freehold does by default."""
    argv = [str(engine / "llama-server"), "--model", str(model), *_flags(cards, run)]
    with tempfile.TemporaryDirectory(prefix="freehold-bench-") as folder:
        process = subprocess.Popen(
            [*argv, "--host", f"{folder}/engine.sock"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
        alarm = threading.Timer(LIMIT_S, process.kill)
        alarm.start()
        began = time.perf_counter()
        try:
            assert process.stdout is not None  # noqa: S101 - started with a pipe, above
            return _read(iter(process.stdout), began)
        finally:
            alarm.cancel()
            process.kill()
            process.wait()


def _flags(cards: Cards, run: Run) -> list[str]:
    words = [word for flag in (*cards.flags, *CPU_FLAGS) for word in flag]
    return [
        *words,
        *("--fit", "on", "--verbosity", "4", "--flash-attn", "on"),
        *("--ctx-size", str(run.context_tokens * run.slots), "--parallel", str(run.slots)),
        *("--batch-size", str(run.batch_tokens), "--ubatch-size", str(run.ubatch_tokens)),
        *("--cache-type-k", run.cache_type, "--cache-type-v", run.cache_type),
    ]


def _read(log: Iterator[str], began: float) -> Fit:
    """Up to the end of the search: the load that would follow needs the weights."""
    used: dict[str, int] = {}
    failure, last = None, ""
    for line in log:
        last = line
        if found := _USED.search(line):
            used[found[1]] = int(found[2]) * MIB
        elif found := _FAILED.search(line):
            failure = found[1]
        elif _ENDED.search(line):
            return Fit(used, time.perf_counter() - began, failure)
    raise FreeholdError.of("llama-server --fit on", f"expected its answer, got {last.strip()}")
