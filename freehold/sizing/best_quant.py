"""All quants of a model on one machine, and the best that fits."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from freehold.sizing.calibration import Calibration
from freehold.sizing.choose import lay_out
from freehold.sizing.hardware import Hardware
from freehold.sizing.layout import Answer, Layout, Mode
from freehold.sizing.model import ModelShape
from freehold.sizing.speed import Speed, predict_speed
from freehold.sizing.wishes import Wishes


@dataclass(frozen=True)
class Rated:
    """One quant. `context_max_tokens` is the largest context in the mode that it runs in.

    That and `speed` are None where it does not fit.
    """

    answer: Answer
    speed: Speed | None = None
    context_max_tokens: int | None = None

    @property
    def model(self) -> ModelShape:
        return self.answer.model

    @property
    def mode(self) -> Mode | None:
        return self.answer.mode if isinstance(self.answer, Layout) else None


def rate(
    models: Iterable[ModelShape], hardware: Hardware, wishes: Wishes, calibration: Calibration
) -> tuple[Rated, ...]:
    """Each quant of the model, in the order given."""
    return tuple(_rated(model, hardware, wishes, calibration) for model in models)


def best(rated: Sequence[Rated], *, on_devices_alone: bool = False) -> Rated | None:
    """The largest quant that fits, or that the devices carry alone: it loses least."""
    fitting = [
        each for each in rated if each.mode and (each.mode is Mode.DEVICES or not on_devices_alone)
    ]
    return max(fitting, key=lambda each: each.model.file_bytes, default=None)


def _rated(
    model: ModelShape, hardware: Hardware, wishes: Wishes, calibration: Calibration
) -> Rated:
    answer = lay_out(model, hardware, wishes)
    if not isinstance(answer, Layout):
        return Rated(answer)
    largest = answer.run.context_tokens
    if wishes.context_tokens is not None:
        asked = replace(wishes, context_tokens=None, cache_type=answer.run.cache_type)
        open_ended = lay_out(model, hardware, asked)
        if isinstance(open_ended, Layout):
            largest = open_ended.run.context_tokens
    return Rated(answer, predict_speed(answer, calibration), largest)
