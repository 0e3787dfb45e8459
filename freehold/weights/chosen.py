"""The two sets that a stack names: its engine build and its weights."""

from __future__ import annotations

from dataclasses import dataclass

from freehold.errors import Problem
from freehold.spec.model import Spec
from freehold.weights.manifest import Kind, Manifest
from freehold.weights.objects import StoreError
from freehold.weights.open import stack_store
from freehold.weights.owner import Owner
from freehold.weights.signature import require_signed


@dataclass(frozen=True)
class Chosen:
    """What every node of a stack serves, and with what."""

    engine: Manifest
    weights: Manifest

    @classmethod
    def of(cls, spec: Spec) -> Chosen:
        """Looked up in the stack's store. Raises StoreError naming all that it lacks, and what
        the stack's owner, where it names one, did not sign."""
        store = stack_store(spec)
        owner = Owner.of(spec.owner) if spec.owner else None
        found: dict[Kind, Manifest] = {}
        problems: list[Problem] = []
        for kind, name in ((Kind.ENGINE, spec.engine), (Kind.WEIGHTS, spec.model.weights)):
            try:
                found[kind] = store.manifest(kind, name)
                if owner is not None:
                    require_signed(store, found[kind], owner)
            except StoreError as error:
                problems += error.problems
        if problems:
            raise StoreError(problems)
        return cls(found[Kind.ENGINE], found[Kind.WEIGHTS])
