"""What keeps a node's machine: its tuning and its guard."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

import pulumi

from freehold.infra.placing import Text, after, hashes, place, sha256
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

Texts: TypeAlias = Mapping[str, Text]


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
    texts: Texts = {
        TUNING_PATH: settings,
        TUNING_UNIT_PATH: nvidia.apply(lambda gpus: tuning_unit(bool(gpus))),
    }
    files = place(where, texts, on_box)
    props = {"settings": settings, "restart_on": _restart_on(texts)}
    opts = pulumi.ResourceOptions.merge(on_box, after(warden, *files))
    return Tuning(where, props, opts)


def _guard(
    guard: Guard,
    where: Where,
    nvidia: pulumi.Output[list[str]],
    first: list[pulumi.Resource],
    on_box: pulumi.ResourceOptions,
) -> Timer:
    texts: Texts = {
        GUARD_PATH: guard_settings(guard),
        GUARD_UNIT_PATH: nvidia.apply(lambda gpus: guard_unit(guard, bool(gpus))),
    }
    return _unit(GUARD_UNIT, where, texts, first, on_box)


def _telemetry(
    telemetry: Telemetry,
    port: int,
    where: Where,
    nvidia: pulumi.Output[list[str]],
    warden: File,
    on_box: pulumi.ResourceOptions,
) -> Timer:
    texts: Texts = {
        TELEMETRY_UNIT_PATH: nvidia.apply(lambda gpus: telemetry_unit(telemetry, port, bool(gpus))),
        TELEMETRY_TIMER_PATH: telemetry_timer(telemetry),
    }
    return _unit(TELEMETRY_TIMER, where, texts, [warden], on_box)


def _unit(
    unit: str,
    where: Where,
    texts: Texts,
    first: list[pulumi.Resource],
    on_box: pulumi.ResourceOptions,
) -> Timer:
    """One that runs with what `texts` and the warden say now, made after `first`."""
    files = place(where, texts, on_box)
    props = {"unit": unit, "restart_on": _restart_on(texts)}
    return Timer(where, props, pulumi.ResourceOptions.merge(on_box, after(*first, *files)))


def _restart_on(texts: Texts) -> dict[str, Text]:
    return {**hashes(texts), WARDEN_PATH: sha256(program_text())}
