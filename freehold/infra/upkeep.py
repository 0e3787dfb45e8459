"""What keeps a node's machine: its tuning and its guard."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import pulumi

from freehold.infra.resources import File, Timer, Tuning, Where
from freehold.render.guard import guard_settings, guard_unit
from freehold.render.paths import (
    GUARD_PATH,
    GUARD_UNIT,
    GUARD_UNIT_PATH,
    TELEMETRY_TIMER,
    TELEMETRY_TIMER_PATH,
    TELEMETRY_UNIT_PATH,
    TUNING_PATH,
    TUNING_UNIT_PATH,
    WARDEN_PATH,
)
from freehold.render.telemetry import telemetry_timer, telemetry_unit
from freehold.render.tuning import tuning_settings, tuning_unit
from freehold.spec import tuning as spec_tuning
from freehold.spec.guard import Guard
from freehold.spec.telemetry import Telemetry
from freehold.warden.program import program_text


@dataclass(frozen=True)
class Upkeep:
    """What the stack says of its machines; None leaves a machine as it is."""

    tuning: spec_tuning.Tuning | None
    guard: Guard | None
    telemetry: Telemetry | None


def declare_upkeep(
    upkeep: Upkeep,
    port: int,
    where: Where,
    nvidia: pulumi.Output[list[str]],
    on_box: pulumi.ResourceOptions,
) -> list[pulumi.Resource]:
    """The resources that a server should come after; none where nothing is kept. `port` is the
    server's."""
    telemetry = upkeep.telemetry
    if upkeep.tuning is None and upkeep.guard is None and telemetry is None:
        return []
    warden = File(where, WARDEN_PATH, program_text(), on_box)
    placed: list[pulumi.Resource] = []
    if upkeep.tuning is not None:
        placed.append(_tuning(upkeep.tuning, where, nvidia, warden, on_box))
    if upkeep.guard is not None:
        placed.append(_guard(upkeep.guard, where, nvidia, [warden, *placed], on_box))
    if telemetry is not None:
        placed.append(_telemetry(telemetry, port, where, nvidia, warden, on_box))
    return placed


def _tuning(
    tuning: spec_tuning.Tuning,
    where: Where,
    nvidia: pulumi.Output[list[str]],
    warden: File,
    on_box: pulumi.ResourceOptions,
) -> Tuning:
    settings = tuning_settings(tuning)
    unit_text = nvidia.apply(lambda gpus: tuning_unit(bool(gpus)))
    files = [
        File(where, TUNING_PATH, settings, on_box),
        File(where, TUNING_UNIT_PATH, unit_text, on_box),
    ]
    restart_on = {
        TUNING_PATH: sha256(settings),
        TUNING_UNIT_PATH: unit_text.apply(sha256),
        WARDEN_PATH: sha256(program_text()),
    }
    after = pulumi.ResourceOptions(depends_on=[warden, *files])
    props = {"settings": settings, "restart_on": restart_on}
    return Tuning(where, props, pulumi.ResourceOptions.merge(on_box, after))


def _guard(
    guard: Guard,
    where: Where,
    nvidia: pulumi.Output[list[str]],
    first: list[pulumi.Resource],
    on_box: pulumi.ResourceOptions,
) -> Timer:
    settings = guard_settings(guard)
    unit_text = nvidia.apply(lambda gpus: guard_unit(guard, bool(gpus)))
    files = [
        File(where, GUARD_PATH, settings, on_box),
        File(where, GUARD_UNIT_PATH, unit_text, on_box),
    ]
    props = {
        "unit": GUARD_UNIT,
        "restart_on": {
            GUARD_PATH: sha256(settings),
            GUARD_UNIT_PATH: unit_text.apply(sha256),
            WARDEN_PATH: sha256(program_text()),
        },
    }
    after = pulumi.ResourceOptions(depends_on=[*first, *files])
    return Timer(where, props, pulumi.ResourceOptions.merge(on_box, after))


def _telemetry(
    telemetry: Telemetry,
    port: int,
    where: Where,
    nvidia: pulumi.Output[list[str]],
    warden: File,
    on_box: pulumi.ResourceOptions,
) -> Timer:
    unit_text = nvidia.apply(lambda gpus: telemetry_unit(telemetry, port, bool(gpus)))
    timer_text = telemetry_timer(telemetry)
    files = [
        File(where, TELEMETRY_UNIT_PATH, unit_text, on_box),
        File(where, TELEMETRY_TIMER_PATH, timer_text, on_box),
    ]
    props = {
        "unit": TELEMETRY_TIMER,
        "restart_on": {
            TELEMETRY_UNIT_PATH: unit_text.apply(sha256),
            TELEMETRY_TIMER_PATH: sha256(timer_text),
            WARDEN_PATH: sha256(program_text()),
        },
    }
    after = pulumi.ResourceOptions(depends_on=[warden, *files])
    return Timer(where, props, pulumi.ResourceOptions.merge(on_box, after))


def sha256(text: str) -> str:
    """Of the text, in hex."""
    return hashlib.sha256(text.encode()).hexdigest()
