"""The tables of sizing, for a person to read."""

from __future__ import annotations

from collections.abc import Iterator

from rich.box import Box
from rich.table import Table

from bench.sizing_rows import ENGINE, FORMULA, PEER, Row, Sizing
from freehold.sizing.wishes import GIB


def tables(sizing: Sizing, frame: Box | None) -> Iterator[Table]:
    """Those that have rows."""
    if sizing.rows:
        yield _compared(sizing, frame)
    if sizing.fitted:
        yield _fitted(sizing, frame)
    if sizing.speeds:
        yield _speeds(sizing, frame)


def _compared(sizing: Sizing, frame: Box | None) -> Table:
    title = (
        "\nsizing: GiB of the fullest card, and the largest error of a card and of the host\n"
        f"(f: by formula, e: the engine's own account, p: {PEER}-go)"
    )
    table = Table(title=title, box=frame, title_justify="left")
    names = ("model", "cards", "asked", "placed", *"fep", "f card", "p card", "f host", "p host")
    for name in (*names, "f s", "e s", "p s"):
        is_text = name in ("model", "cards", "asked", "placed")
        table.add_column(name, justify="left" if is_text else "right", no_wrap=True)
    for row in sizing.rows:
        table.add_row(*_cells(row))
    return table


def _cells(row: Row) -> Iterator[str]:
    yield from (row.model, row.machine, row.asked, row.mode)
    for who in (FORMULA, ENGINE, PEER):
        total = row.fullest.total_bytes.get(who)
        yield "-" if total is None else f"{total / GIB:.2f}"
    for is_host in (False, True):
        yield _percent(row.worst(FORMULA, is_host=is_host), 2)
        yield _percent(row.worst(PEER, is_host=is_host), 1)
    for who in (FORMULA, ENGINE, PEER):
        took_s = row.took_s.get(who)
        yield "-" if took_s is None else f"{took_s:.2f}"


def _percent(part: float | None, digits: int) -> str:
    return "-" if part is None else f"{part:+.{digits}%}"


def _fitted(sizing: Sizing, frame: Box | None) -> Table:
    title = "\nwhat lies on the cards: this layout, and llama.cpp's own fit (--fit on)"
    table = Table(title=title, box=frame, title_justify="left")
    for name in ("model", "cards", "ours, GiB", "s", "fit, GiB", "s", ""):
        table.add_column(name, justify="left" if name in ("model", "cards", "") else "right")
    for one in sizing.fitted:
        table.add_row(
            one.model,
            one.machine,
            f"{one.ours_bytes / GIB:.1f}",
            f"{one.ours_s:.2f}",
            f"{one.fit_bytes / GIB:.1f}",
            f"{one.fit_s:.1f}",
            one.failure or "",
        )
    return table


def _speeds(sizing: Sizing, frame: Box | None) -> Table:
    table = Table(title="\nhow fast", box=frame, title_justify="left")
    for name in ("what", "took", "goal", "", " "):
        table.add_column(name, justify="right" if name in ("took", "goal") else "left")
    for one in sizing.speeds:
        goal = verdict = ""
        if one.goal_s is not None:
            goal = f"<= {one.goal_s * 1e3:.0f} ms"
            verdict = "[green]met[/]" if one.took_s <= one.goal_s else "[red]missed[/]"
        table.add_row(one.what, f"{one.took_s * 1e3:.0f} ms", goal, verdict, one.told)
    return table
