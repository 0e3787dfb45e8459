"""What a sync tells of itself while it works."""

from __future__ import annotations

from typing import Protocol


class Heard(Protocol):
    """Who listens to the sync of one set to one node. Called from several threads."""

    def moved(self, size_bytes: int) -> None:
        """So many more bytes are on the node; fewer, where some turned out to be wrong."""

    def read_back(self, size_bytes: int) -> None:
        """So many more were read from its disk again."""

    def told(self, text: str) -> None:
        """Something that a person should know: a connection that was lost, another way taken."""


class Unheard:
    """Nobody listens."""

    def moved(self, size_bytes: int) -> None:
        """See Heard.moved."""

    def read_back(self, size_bytes: int) -> None:
        """See Heard.read_back."""

    def told(self, text: str) -> None:
        """See Heard.told."""
