"""What came out of sizing, as data: each model on each machine, by formula and by others."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

WITHIN = 0.03
UNDER_MAX = 0.01
FORMULA, ENGINE, PEER = "formula", "engine", "gguf-parser"


@dataclass(frozen=True)
class Device:
    """Total bytes on one card, or the host, by who says so.

    `is_inside`: the engine's compute buffer lies in the formula's interval.
    """

    name: str
    is_host: bool
    total_bytes: Mapping[str, int]
    is_inside: bool

    def error(self, who: str) -> float | None:
        """By which part of the engine's figure theirs is too large; below 0: too small."""
        if who not in self.total_bytes:
            return None
        return self.total_bytes[who] / max(self.total_bytes[ENGINE], 1) - 1


@dataclass(frozen=True)
class Row:
    """One model on one machine. `inexact` names parts that are not exact, with the bytes.

    `took_s`: from the file to the answer, of the formula, the engine and the peer.
    """

    model: str
    machine: str
    asked: str
    mode: str
    devices: tuple[Device, ...]
    inexact: Mapping[str, int]
    took_s: Mapping[str, float]

    @property
    def fullest(self) -> Device:
        """The card that holds most; the host where there is none."""
        cards = [device for device in self.devices if not device.is_host]
        return max(cards or self.devices, key=lambda device: device.total_bytes[ENGINE])

    def worst(self, who: str, *, is_host: bool) -> float | None:
        """The largest error of a card, or the host's."""
        some = [d.error(who) for d in self.devices if d.is_host is is_host]
        return max((e for e in some if e is not None), key=abs, default=None)


@dataclass(frozen=True)
class Fitted:
    """What the layout and llama.cpp's own fit put on the cards; `failure` is its own words."""

    model: str
    machine: str
    ours_bytes: int
    fit_bytes: int
    ours_s: float
    fit_s: float
    failure: str | None


@dataclass(frozen=True)
class Speed:
    """Seconds that something took, beside the goal; `told` says more."""

    what: str
    took_s: float
    goal_s: float | None = None
    told: str = ""


@dataclass
class Sizing:
    """Filled as the bench goes on. `left_out` says what could not be measured, and why."""

    rows: list[Row] = field(default_factory=list)
    fitted: list[Fitted] = field(default_factory=list)
    speeds: list[Speed] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)

    def summary(self) -> list[str]:
        """The worst of all rows, against the goals."""
        devices = [device for row in self.rows for device in row.devices]
        if not devices:
            return []
        errors = _errors(devices, FORMULA)
        is_met = max(map(abs, errors)) <= WITHIN and min(errors) >= -UNDER_MAX
        wrong = {f"{r.model} on {r.machine}: {part}" for r in self.rows for part in r.inexact}
        inside = sum(device.is_inside for device in devices)
        lines = [
            f"weights, KV, indexer's KV and output, to the MiB the engine prints: "
            f"{'exact' if not wrong else 'NOT exact'} on {len(devices)} devices of "
            f"{len(self.rows)} layouts, each accepted by the engine",
            *sorted(wrong),
            f"total of a device by formula: {min(errors):+.2%} to {max(errors):+.2%} of the "
            f"engine's (goal: within {WITHIN:.0%}, never under by more than {UNDER_MAX:.0%}): "
            f"{'met' if is_met else 'missed'}",
            f"the engine's compute buffer lies in the formula's interval on {inside} of "
            f"{len(devices)} devices",
        ]
        for where, some in (
            ("a card", [d for d in devices if not d.is_host]),
            ("the host", [d for d in devices if d.is_host]),
        ):
            if theirs := _errors(some, PEER):
                lines.append(
                    f"{PEER} misses the total of {where} by {min(theirs):+.1%} to "
                    f"{max(theirs):+.1%}, half the time by more than "
                    f"{statistics.median(map(abs, theirs)):.1%}; ours by more than "
                    f"{statistics.median(map(abs, _errors(some, FORMULA))):.2%}"
                )
        return [*lines, self._seconds()]

    def _seconds(self) -> str:
        told = []
        for who in (FORMULA, ENGINE, PEER):
            if samples := [row.took_s[who] for row in self.rows if who in row.took_s]:
                told.append(f"{who} {statistics.median(samples):.3f}")
        return f"median seconds from the file to the answer: {', '.join(told)}"


def _errors(devices: Iterable[Device], who: str) -> list[float]:
    return [error for device in devices if (error := device.error(who)) is not None]
