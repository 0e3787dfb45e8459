"""Pieces of a Markdown page."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

Row = Sequence[str]


def table(head: Row, rows: Iterable[Row]) -> Iterator[str]:
    """Its lines; a cell is one line."""
    yield f"| {' | '.join(head)} |"
    yield "|" + "---|" * len(head)
    yield from (f"| {' | '.join(row)} |" for row in rows)


def fenced(lines: Iterable[str]) -> Iterator[str]:
    """As they are, in letters of one width."""
    yield "```"
    yield from lines
    yield "```"


def details(summary: str, lines: Iterable[str]) -> Iterator[str]:
    """What opens by a click on its summary."""
    yield f"<details><summary>{summary}</summary>"
    yield ""
    yield from lines
    yield ""
    yield "</details>"
