"""Plan and account side by side, as a person reads them."""

from __future__ import annotations

from collections.abc import Iterator

from freehold.account.account import Account
from freehold.account.compare import Row, compare_totals
from freehold.sizing.layout import Layout
from freehold.sizing.table import aligned
from freehold.sizing.wishes import MIB


def account_lines(layout: Layout, account: Account) -> list[str]:
    """A row a device: by formula, by the engine, and the difference; beyond the interval it is
    marked, with the part that it comes from."""
    what = "asked before the load" if account.is_dry else "read after the load"
    rows = compare_totals(layout, account)
    intervals = {use.device: use.compute for use in layout.uses}
    table = [["MiB", "by formula", "by the engine", "difference", ""]]
    for row in rows:
        if row.part != "total":
            continue
        compute = intervals[row.device]
        beyond = (
            row.difference_bytes > compute.high - compute.expected + MIB
            or -row.difference_bytes > compute.expected - compute.low + MIB
        )
        parts = ", ".join(_apart(rows, row.device)) if beyond else ""
        table.append(
            [
                row.device,
                f"{row.planned_bytes / MIB:,.0f}",
                f"{row.found_bytes / MIB:,.0f}",
                f"{round(row.difference_bytes / MIB):+,}",
                f"the engine's counts: {parts}" if beyond else "",
            ]
        )
    return [f"the engine's own account, {what}:", *aligned(table)]


def _apart(rows: tuple[Row, ...], device: str) -> Iterator[str]:
    for row in rows:
        if row.device == device and row.part != "total" and abs(row.difference_bytes) > MIB:
            yield f"{row.part} {round(row.difference_bytes / MIB):+,}"
