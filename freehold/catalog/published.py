"""What others measured of GLM-5.2, beside what is predicted for the same machine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from freehold.catalog.calibration import calibration
from freehold.catalog.data_file import data_file
from freehold.catalog.hardware import hardware_of
from freehold.catalog.models import catalogue_header
from freehold.sizing.choose import lay_out
from freehold.sizing.held import Interval
from freehold.sizing.layout import Layout
from freehold.sizing.shape import shape_of
from freehold.sizing.speed import Speed, predict_speed
from freehold.sizing.wishes import GIB, Wishes

MODEL = "glm-5.2"
CONTEXT_TOKENS = 16384  # none of the reports says how large it was


@dataclass(frozen=True)
class Report:
    """One figure somebody published; speeds in tokens/s as (lowest, highest)."""

    hardware: str | None
    quant: str
    decode: tuple[float, float]
    prompt: tuple[float, float] | None
    depth_tokens: int
    engine: str
    note: str
    source: str
    is_calibration: bool
    """Whether a constant was read from it: then that it fits proves nothing."""
    wishes: Wishes


@dataclass(frozen=True)
class Compared:
    """A report and its prediction: None where it does not say enough, or would not fit."""

    report: Report
    speed: Speed | None

    @property
    def decode_error(self) -> float | None:
        """Of the expected value against the nearest one reported: 0.1 is 10% too fast."""
        return None if self.speed is None else error(self.speed.decode, self.report.decode)

    @property
    def is_inside(self) -> bool | None:
        """Whether all that was reported lies in the predicted intervals."""
        if self.speed is None:
            return None
        pairs = [(self.speed.decode, self.report.decode)]
        if self.report.prompt is not None:
            pairs.append((self.speed.prompt, self.report.prompt))
        return all(i.low <= low and high <= i.high for i, (low, high) in pairs)


def published_table() -> tuple[Compared, ...]:
    """Every report with its prediction."""
    return tuple(_compared(report) for report in reports())


def reports() -> tuple[Report, ...]:
    """All of the data file, in its order."""
    return tuple(_report(entry) for entry in data_file("published.yaml"))


def error(predicted: Interval, reported: tuple[float, float]) -> float:
    """Relative, of what is expected; 0 within what was reported."""
    low, high = reported
    nearest = min(max(predicted.expected, low), high)
    return predicted.expected / nearest - 1


def _compared(report: Report) -> Compared:
    if report.hardware is None:
        return Compared(report, None)
    model = shape_of(catalogue_header(MODEL, report.quant), MODEL, report.quant)
    answer = lay_out(model, hardware_of(report.hardware), report.wishes)
    if not isinstance(answer, Layout):
        return Compared(report, None)
    return Compared(report, predict_speed(answer, calibration(), None, report.depth_tokens))


def _report(entry: Mapping[str, Any]) -> Report:
    devices = entry.get("devices")
    return Report(
        hardware=entry["hardware"],
        quant=entry["quant"],
        decode=_range(entry["tokens_per_s"]),
        prompt=_range(entry["prompt_tokens_per_s"]) if "prompt_tokens_per_s" in entry else None,
        depth_tokens=entry.get("depth", 0),
        engine=entry.get("engine", "llama.cpp"),
        note=entry["note"],
        source=entry["source"],
        is_calibration=entry.get("is_calibration", False),
        wishes=Wishes(
            context_tokens=CONTEXT_TOKENS,
            cache_type=entry.get("cache_type", "q8_0"),
            has_mtp=entry.get("has_mtp", False),
            threads=entry.get("threads"),
            headroom_gpu_bytes=int(entry.get("headroom_gpu_gib", 1) * GIB),
            devices=None if devices is None else tuple(devices),
        ),
    )


def _range(reported: float | list[float]) -> tuple[float, float]:
    if isinstance(reported, list):
        return float(reported[0]), float(reported[1])
    return float(reported), float(reported)
