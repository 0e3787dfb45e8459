"""The transfers as tables: a table for each route, and one of the goals."""

from __future__ import annotations

from collections.abc import Iterator

from rich.box import Box
from rich.table import Table

from bench.transfer_rows import GIB, MIB, Finding, Route, Samples, Transfers

_NUMBERS = ("took", "ratio", "MiB/s", "CPU s/GiB: here", "there", "else", "MB: here", "there")


def tables(transfers: Transfers, frame: Box | None) -> Iterator[Table]:
    """What there is, none where no transfer was measured."""
    for route in transfers.routes:
        rounds = len(route.legs[0].measures)
        title = f"\n{route.what}, {_size(route.size_bytes)}, median of {rounds}, in turns"
        table = Table(title=title, box=frame, title_justify="left")
        for name in ("by", "what it proves", *_NUMBERS):
            table.add_column(name, justify="right" if name in _NUMBERS else "left")
        for samples in route.legs:
            table.add_row(*_row(route, samples))
        yield table
    if transfers.findings:
        table = Table(title="\ngoals of transfers", box=frame, title_justify="left")
        for name in ("what", "found", "goal", ""):
            table.add_column(name, justify="right" if name in ("found", "goal") else "left")
        for finding in transfers.findings:
            table.add_row(*_found(finding))
        yield table


def _row(route: Route, samples: Samples) -> Iterator[str]:
    gib = route.size_bytes / GIB
    times = [measure.took_s for measure in samples.measures]
    yield samples.leg
    yield samples.proves
    yield f"{samples.took_s:.2f} s ({min(times):.2f}-{max(times):.2f})"
    yield f"{samples.took_s / route.legs[0].took_s:.2f}x"
    yield f"{route.size_bytes / MIB / samples.took_s:.0f}"
    yield f"{samples.median(lambda one: one.sender_cpu_s) / gib:.2f}"
    yield f"{samples.median(lambda one: one.receiver_cpu_s) / gib:.2f}"
    yield f"{samples.median(lambda one: one.other_cpu_s) / gib:.2f}"
    yield f"{max(one.sender_peak_bytes for one in samples.measures) / 1e6:.0f}"
    yield f"{max(one.receiver_peak_bytes for one in samples.measures) / 1e6:.0f}"


def _found(finding: Finding) -> Iterator[str]:
    yield finding.what
    yield f"{finding.found:.2f}{finding.unit}"
    yield f"{'>=' if finding.is_least else '<='} {finding.goal:g}{finding.unit}"
    yield "[green]met[/]" if finding.is_met else "[red]missed[/]"


def _size(size_bytes: int) -> str:
    return f"{size_bytes / MIB:.0f} MiB" if size_bytes < GIB else f"{size_bytes / GIB:g} GiB"
