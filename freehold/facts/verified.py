"""When a set on a box was last read whole, and how many of its pieces are known to be bad."""

from __future__ import annotations

import json
from dataclasses import dataclass

from freehold.agent.marks import DAMAGE, VERIFIED
from freehold.facts.fact import Fact, field, quote
from freehold.weights.manifest import Manifest


@dataclass(frozen=True)
class VerifiedFacts:
    """`age_s` counts from the first byte that was read, by the box's own clock; None where the set
    was never read whole, or is not there."""

    age_s: float | None
    bad_pieces: int

    @property
    def age_days(self) -> float:
        """Of a set that was read whole."""
        return (self.age_s or 0) / 86_400


def verified_fact(manifest: Manifest) -> Fact[VerifiedFacts]:
    """What the last verification of the set left beside it."""
    verified, damage = (quote(f"{manifest.node_folder}/{name}") for name in (VERIFIED, DAMAGE))
    script = (
        f'echo "now=$(date +%s)"; echo "verified=$(cat {verified} 2>/dev/null)"\n'
        f'echo "bad=$(wc -l 2>/dev/null <{damage} || echo 0)"'
    )
    return Fact(f"{manifest.name}: verified", script, _parse)


def _parse(text: str) -> VerifiedFacts:
    verified = field(text, "verified")
    age_s = int(field(text, "now")) - json.loads(verified)["began_s"] if verified else None
    return VerifiedFacts(age_s, int(field(text, "bad")))
