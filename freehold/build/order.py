"""What is to be built: from which source, with which flags, under which name."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import cached_property

from freehold.build.flags import Backend, Flag
from freehold.weights.manifest import Manifest


@dataclass(frozen=True)
class BuildOrder:
    """`name` is what the build will be called in the store, `processor` that of a native build."""

    name: str
    source: Manifest
    backend: Backend
    flags: tuple[Flag, ...]
    capabilities: tuple[str, ...] = ()
    processor: str = ""

    @property
    def commit(self) -> str:
        """The source's."""
        return self.source.about.get("commit", "")

    @property
    def words(self) -> tuple[str, ...]:
        """The flags as cmake takes them."""
        return tuple(flag.word for flag in self.flags)

    @cached_property
    def digest(self) -> str:
        """What tells it from another build: a SHA-256 of all that makes it what it is."""
        parts = [self.name, self.source.digest, self.commit, self.processor, *self.words]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()
