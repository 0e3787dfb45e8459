"""The answer on one machine, as text and as data: of one quant, or of all in a table."""

from __future__ import annotations

import functools
import shlex
from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Any

from freehold.catalog.calibration import calibration
from freehold.catalog.terrain import alternatives
from freehold.errors import FreeholdError
from freehold.sizing.best_quant import rate
from freehold.sizing.hardware import Hardware
from freehold.sizing.layout import Layout
from freehold.sizing.measurement import Measurement
from freehold.sizing.model import ModelShape
from freehold.sizing.planned import Planned
from freehold.sizing.verdict import Verdict, judge
from freehold.sizing.verdict_json import all_flags, verdict_json
from freehold.sizing.verdict_lines import verdict_lines
from freehold.sizing.wishes import Wishes
from playbooks.size_model import Subject
from playbooks.size_options import Asked, Form
from playbooks.size_plot import draw
from playbooks.size_quants import quants_json, quants_lines

# What a build has since the middle of 2026, where none is at hand to be asked.
NEW_FLAGS = frozenset({"--fit", "--load-mode", "--cache-ram"})


@dataclass(frozen=True)
class Answered:
    """`data` is what --json prints. `verdict` is None of all quants."""

    fits: bool
    lines: list[str]
    data: dict[str, Any]
    verdict: Verdict | None = None

    @property
    def layout(self) -> Layout | None:
        """None where it does not fit."""
        found = self.verdict.answer if self.verdict else None
        return found if isinstance(found, Layout) else None


def answer(
    asked: Asked, subject: Subject, hardware: Hardware, wishes: Wishes,
    known_flags: Collection[str] = NEW_FLAGS, measured: Measurement | None = None,
) -> Answered:  # fmt: skip
    """Of all quants where the subject is no single one. Draws where it is asked to."""
    if subject.shape is None:
        return _of_all(asked, subject, hardware, wishes)
    verdict = verdict_of(asked, subject.shape, subject, hardware, wishes, measured)
    layout = verdict.answer if isinstance(verdict.answer, Layout) else None
    if asked.plot:
        draw(verdict.answer, wishes, asked.plot)
    text = [*verdict_lines(verdict), *(f"note: {note}" for note in subject.notes)]
    if asked.form is Form.FLAGS and layout:
        flags = all_flags(Planned.of(layout, known_flags))
        text = [" ".join(shlex.join(flag) for flag in flags)]
    data = {**verdict_json(verdict, known_flags), "notes": list(subject.notes)}
    return Answered(verdict.fits, text, data, verdict)


def verdict_of(
    asked: Asked, shape: ModelShape, subject: Subject, hardware: Hardware, wishes: Wishes,
    measured: Measurement | None = None,
) -> Verdict:  # fmt: skip
    """What else could be had is looked up only where it matters: that takes the longest."""
    laid = functools.partial(
        judge, shape, hardware, wishes, calibration(), thinking=subject.thinking, measured=measured
    )
    verdict = laid(asked.market)
    if verdict.fits and not verdict.owning:
        return verdict
    also = alternatives(shape)
    return laid(replace(asked.market, quants=also.quants, machines=also.machines))


def _of_all(asked: Asked, subject: Subject, hardware: Hardware, wishes: Wishes) -> Answered:
    for option, is_given in (("--plot", asked.plot), ("--flags", asked.form is Form.FLAGS)):
        if is_given:
            raise FreeholdError.of(option, "expected --quant too: each has an answer of its own")
    rated = rate(subject.quants(), hardware, wishes, calibration())
    lines = quants_lines(rated, hardware, wishes)
    return Answered(any(each.mode for each in rated), lines, quants_json(rated))
