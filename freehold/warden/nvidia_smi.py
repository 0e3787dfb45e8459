"""NVIDIA GPUs by nvidia-smi: what they do, how warm they are, and why they are held back."""

from __future__ import annotations

import shutil
from typing import Dict, List, Optional, Union

from freehold.warden.run import AskError, ask

Gpu = Dict[str, Union[str, int, float, None]]

TIMEOUT_S = 10.0
ABSENT = "no nvidia-smi"
REASONS = ("clocks_event_reasons.active", "clocks_throttle_reasons.active")
"""The newer name, and that of drivers before 535. Source: nvidia-smi --help-query-gpu."""
_NUMBERS = {
    "utilization_percent": "utilization.gpu",
    "memory_used_mib": "memory.used",
    "memory_total_mib": "memory.total",
    "celsius": "temperature.gpu",
    "watts": "power.draw",
    "limit_watts": "power.limit",
    "default_limit_watts": "power.default_limit",
    "least_limit_watts": "power.min_limit",
    "most_limit_watts": "power.max_limit",
    "sm_mhz": "clocks.sm",
    "memory_mhz": "clocks.mem",
}
_TEXTS = {"index": "index", "uuid": "uuid", "persistence": "persistence_mode", "name": "name"}
_UNKNOWN_FIELD = "is not a valid field to query"


def gpus(timeout_s: float = TIMEOUT_S) -> List[Gpu]:
    """Every GPU; a number that the board does not tell is None.

    Raises AskError where nvidia-smi is not there (ABSENT), fails, hangs, or says what cannot be
    read.
    """
    program = shutil.which("nvidia-smi")
    if program is None:
        raise AskError(ABSENT)
    try:
        return read_gpus(_query(program, REASONS[0], timeout_s))
    except AskError as error:
        if _UNKNOWN_FIELD not in error.output:
            raise
    return read_gpus(_query(program, REASONS[1], timeout_s))


def _query(program: str, reasons: str, timeout_s: float) -> str:
    # The name comes last: it alone may hold a comma.
    fields = ",".join([*_NUMBERS.values(), reasons, *_TEXTS.values()])
    return ask([program, f"--query-gpu={fields}", "--format=csv,noheader,nounits"], timeout_s)


def read_gpus(output: str) -> List[Gpu]:
    """Of its lines. Raises AskError for one that has other fields than were asked for."""
    lines = [line for line in output.splitlines() if line.strip()]
    if lines in ([], ["No devices were found"]):
        return []
    return [_gpu(line) for line in lines]


def _gpu(line: str) -> Gpu:
    cells = [cell.strip() for cell in line.split(",", len(_NUMBERS) + len(_TEXTS))]
    numbers, (reasons, *texts) = cells[: len(_NUMBERS)], cells[len(_NUMBERS) :] or [""]
    try:
        gpu: Gpu = {name: _float(cell) for name, cell in zip(_NUMBERS, numbers)}  # noqa: B905
        gpu["reasons"] = None if _is_absent(reasons) else int(reasons, 16)
        for name, text in zip(_TEXTS, texts):  # noqa: B905 - strict= is not of Python 3.9
            gpu[name] = text
        gpu["index"] = int(str(gpu["index"]))
        if not gpu["name"]:
            raise KeyError("name")
    except (ValueError, KeyError):
        raise AskError(f"nvidia-smi: a line that cannot be read: {line[:200]}") from None
    return gpu


def _float(cell: str) -> Optional[float]:
    return None if _is_absent(cell) else float(cell)


def _is_absent(cell: str) -> bool:
    """Of "[N/A]", "N/A", "[Not Supported]", "[GPU requires reset]" and their like."""
    return cell.startswith("[") or cell == "N/A"
