"""The two sets that a stack names: its engine build and its weights."""

from __future__ import annotations

from dataclasses import dataclass

from freehold.errors import Problem
from freehold.spec.model import Spec
from freehold.weights.manifest import Kind, Manifest
from freehold.weights.store import FolderStore, StoreError


@dataclass(frozen=True)
class Chosen:
    """What every node of a stack serves, and with what."""

    engine: Manifest
    weights: Manifest

    @classmethod
    def of(cls, spec: Spec) -> Chosen:
        """Looked up in the stack's store. Raises StoreError naming all that it lacks."""
        store = FolderStore(spec.store)
        found: dict[Kind, Manifest] = {}
        problems: list[Problem] = []
        for kind, name in ((Kind.ENGINE, spec.engine), (Kind.WEIGHTS, spec.model.weights)):
            try:
                found[kind] = store.manifest(kind, name)
            except StoreError as error:
                problems += error.problems
        if problems:
            raise StoreError(problems)
        return cls(found[Kind.ENGINE], found[Kind.WEIGHTS])
