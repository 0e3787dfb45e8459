"""The units that write a node's own metrics for node_exporter."""

from __future__ import annotations

from dataclasses import dataclass

from freehold.render.paths import TELEMETRY_TIMER_PATH, TELEMETRY_UNIT_PATH, WARDEN_PATH
from freehold.render.service import escape
from freehold.render.templates import render
from freehold.spec.telemetry import Telemetry


@dataclass(frozen=True)
class TelemetryContext:
    """What the service's template may use."""

    command: str
    folder: str
    has_gpu: bool


@dataclass(frozen=True)
class TelemetryTimerContext:
    """What the timer's template may use."""

    every_s: int


def telemetry_unit(telemetry: Telemetry, port: int, has_gpu: bool) -> str:
    """The text of freehold-telemetry.service; `port` is the server's."""
    folder = telemetry.textfile_folder
    words = ["python3", "-I", WARDEN_PATH, "textfile", folder, str(port)]
    command = " ".join(map(escape, words))
    context = TelemetryContext(command, folder, has_gpu)
    return render(TELEMETRY_UNIT_PATH, context)


def telemetry_timer(telemetry: Telemetry) -> str:
    """The text of freehold-telemetry.timer."""
    return render(TELEMETRY_TIMER_PATH, TelemetryTimerContext(telemetry.every_s))
