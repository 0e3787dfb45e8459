"""`fab size --on`: a machine of the catalogue, or this one."""

from __future__ import annotations

import contextlib
import json

from freehold.catalog.hardware import hardware_of
from freehold.catalog.read import hardware_from
from freehold.errors import FreeholdError
from freehold.facts.fact import gather
from freehold.facts.hardware import hardware_fact
from freehold.hosts.local import LocalHost
from freehold.render.paths import UNIT
from freehold.sizing.hardware import Hardware
from freehold.sizing.wanted import wishes_of
from freehold.sizing.wishes import Wishes
from freehold.weights.open import stack_store
from playbooks.nodes import stack
from playbooks.size_answer import Answered, answer
from playbooks.size_build import build_of, confirmed
from playbooks.size_model import Subject, of_set, subject_of, with_quant
from playbooks.size_options import HERE, Asked, Form


def size_machine(asked: Asked) -> bool:
    """Print the answer; whether it fits."""
    if asked.asks_engine and not asked.engine:
        raise FreeholdError.of("--ask-engine", "expected --engine too, as --on names no node")
    subject, base = _subject_and_wishes(asked)
    hardware = asked.hardware(_machine(asked.on))
    wishes = asked.wishes(base, hardware)
    said = _said(asked, subject, hardware, wishes)
    print(json.dumps(said.data, indent=2) if asked.form is Form.JSON else "\n".join(said.lines))
    return said.fits


def _said(asked: Asked, subject: Subject, hardware: Hardware, wishes: Wishes) -> Answered:
    if not asked.engine:
        return answer(asked, subject, hardware, wishes)
    with build_of(asked.engine, asked.store) as build, contextlib.closing(LocalHost()) as host:
        said = answer(asked, subject, hardware, wishes, build.flags)
        return confirmed(said, host, build, subject) if asked.asks_engine else said


def _subject_and_wishes(asked: Asked) -> tuple[Subject, Wishes]:
    """Of --model, with the defaults of sizing; else of the selected stack."""
    if asked.model:
        return subject_of(asked.model, asked.quant, asked.store), Wishes()
    try:
        spec = stack()
    except FreeholdError as error:
        raise FreeholdError.of("--model", f"expected a model, or a stack: {error}") from None
    subject = of_set(stack_store(spec), spec.model.weights)
    return with_quant(subject, asked.quant) if asked.quant else subject, wishes_of(spec.server)


def _machine(text: str) -> Hardware:
    if text != HERE:
        return hardware_of(text, "--on")
    with contextlib.closing(LocalHost()) as host:
        return hardware_from(gather(host, [hardware_fact(UNIT)])[0], "this machine")
