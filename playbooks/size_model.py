"""The model that `--model` means: known by name, a GGUF file anywhere, or a set of the store."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from freehold.catalog.models import KnownModel, known_model
from freehold.catalog.terrain import catalogue_shape, catalogued, unlike_catalogue
from freehold.errors import FreeholdError
from freehold.gguf.header import Header
from freehold.gguf.read import read_model
from freehold.sizing.model import ModelShape
from freehold.sizing.shape import shape_of
from freehold.weights.header import header_of
from freehold.weights.manifest import Kind
from freehold.weights.store import Store
from playbooks.sets import store_of

IN_STORE = "store:"
_ON_HOST = re.compile(r"[^/]+:/")


@dataclass(frozen=True)
class Subject:
    """What is sized: one quant, or all of a known model where `shape` is None.

    `header` is that of real files; None where the catalogue alone speaks. `notes` say where the
    two differ.
    """

    shape: ModelShape | None
    known: KnownModel | None = None
    header: Header | None = None
    notes: tuple[str, ...] = ()

    @property
    def thinking(self) -> Mapping[str, Any] | None:
        return self.known.thinking if self.known else None

    def quants(self) -> tuple[ModelShape, ...]:
        """Every quant that the catalogue knows of it, from the largest to the smallest."""
        if self.known is None:
            return ()
        return tuple(catalogue_shape(self.known, quant.name) for quant in self.known.quants)


def subject_of(text: str, quant: str, store: str) -> Subject:
    """Raises FreeholdError where there is no such model, quant, file or set."""
    if text.startswith(IN_STORE):
        subject = of_set(store_of(store), text.removeprefix(IN_STORE))
    elif "://" in text or _ON_HOST.match(text) or text.endswith(".gguf") or Path(text).is_file():
        subject = of_header(read_model(text))
    else:
        known, named = known_model(text, "--model")
        subject = Subject(catalogue_shape(known, named.name) if named else None, known)
    return with_quant(subject, quant) if quant else subject


def of_set(store: Store, name: str) -> Subject:
    """A set of weights in the store."""
    return of_header(header_of(store, store.manifest(Kind.WEIGHTS, name)), name)


def of_header(header: Header, name: str = "") -> Subject:
    """Real files, and how they differ from what the catalogue says of the same model."""
    shape = shape_of(header, name)
    known = catalogued(shape)
    if known is None:
        return Subject(shape, None, header)
    return Subject(shape, known, header, unlike_catalogue(shape, known))


def with_quant(subject: Subject, quant: str) -> Subject:
    """Another quant of the same model, by the catalogue."""
    if subject.known is None:
        raise FreeholdError.of(
            "--quant", f'expected none with a file that is no known model\'s, got "{quant}"'
        )
    chosen = subject.known.quant(quant, "--quant")
    return Subject(catalogue_shape(subject.known, chosen.name), subject.known)
