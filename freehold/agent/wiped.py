"""What became of a set's content, in a word and in sentences that claim no more than was done."""

from __future__ import annotations

from dataclasses import dataclass, field

from freehold.agent.extents import Place
from freehold.agent.medium import Medium


@dataclass
class Wiped:
    """`outcome` is "overwritten", "discarded" or "removed", the last for a `reason`."""

    outcome: str
    reason: str = ""
    places: list[Place] = field(default_factory=list)
    readable: int = 0
    trimmed_bytes: int | None = None


def claims_of(wiped: Wiped, medium: Medium, files: int, shared_files: int, swap: list[str]) -> str:
    """What was done to `files` files, what was checked, and what is not covered."""
    where = f"{medium.filesystem} on {medium.device}" if medium.device else medium.filesystem
    told = {
        "overwritten": (
            f"{files} files were overwritten with zeros in place, on {where}, flushed, read back "
            "as zeros, and removed."
        ),
        "discarded": (
            f"{files} files were removed, and {where} had its device discard their blocks. Of "
            f"{len(wiped.places)} blocks that were read from the device before, none still shows "
            "what it held."
        ),
        "removed": (
            f"{files} files were removed from {where}; their blocks were not wiped, or not "
            f"provably: {wiped.reason}."
        ),
    }
    sentences = [told[wiped.outcome]]
    if wiped.outcome != "discarded" and wiped.trimmed_bytes:
        sentences.append("The filesystem's free blocks were then discarded.")
    if wiped.outcome != "removed":
        sentences.append("Snapshots, and what a drive keeps out of reach, are not covered.")
    if shared_files:
        sentences.append(f"{shared_files} files are another set's too, and stay with that.")
    if swap:
        sentences.append(
            "Mapped files are never swapped; what a server read into memory of its own may have "
            f"been, to {', '.join(swap)}, which was not wiped."
        )
    return " ".join(sentences)
