"""What a node really did, once: it replaces the prediction."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass

from freehold.sizing.hardware import Hardware
from freehold.sizing.wishes import GIB


@dataclass(frozen=True)
class Subject:
    """What was measured: each a digest or a fingerprint, compared and never read."""

    hardware: str
    engine: str
    weights: str
    flags: str

    @property
    def key(self) -> str:
        """Its name in a store: the same again only for the same four."""
        text = json.dumps([self.hardware, self.engine, self.weights, self.flags])
        return hashlib.sha256(text.encode()).hexdigest()[:24]


def subject_of(
    hardware: Hardware, engine: str, weights: str, flags: Iterable[Iterable[str]]
) -> Subject:
    """Of a node: `engine` and `weights` are the digests of what it serves with.

    What changes without the machine becoming another (free memory, prices, its name) is left out;
    RAM is compared in whole GiB, as kernels keep differing shares of it.
    """
    parts = [
        hardware.arch,
        f"{hardware.cores} cores",
        f"{round(hardware.ram_bytes / GIB)} GiB",
        *(f"{d.name} {d.model} {round(d.memory_bytes / GIB)} GiB" for d in hardware.devices),
    ]
    text = json.dumps([list(flag) for flag in flags])
    return Subject(", ".join(parts), engine, weights, hashlib.sha256(text.encode()).hexdigest())


@dataclass(frozen=True)
class Measurement:
    """Of one request to an idle server, in tokens/s by the server's own clock.

    `taken_at` is UTC in ISO 8601. `depth_tokens` is how many tokens lay in the context when
    decoding began. `load_s` is None where the load was not watched.
    """

    subject: Subject
    taken_at: str
    decode_tokens_per_s: float
    prompt_tokens_per_s: float
    prompt_tokens: int
    decoded_tokens: int
    depth_tokens: int
    load_s: float | None = None
