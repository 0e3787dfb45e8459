"""What came out, as one table and as JSON, whether a goal was met or not."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table

from bench.door import Doors
from bench.measure import Timing
from bench.sizing_rows import Sizing
from bench.sizing_tables import tables
from bench.transfer_rows import Transfers
from bench.transfer_tables import tables as transfer_tables

WIDTH = 160  # of plain text: wide enough for one line a row


@dataclass(frozen=True)
class Comparison:
    """Ours beside others; `goals` are the most that ours may be of each, as a ratio; where
    there is none it is only told."""

    what: str
    ours: Timing
    others: Mapping[str, Timing]
    goals: Mapping[str, float]

    def ratio(self, other: str) -> float:
        """Ours over the other's, of their medians."""
        return self.ours.median_s / self.others[other].median_s


@dataclass
class Report:
    """Filled as the bench goes on."""

    rounds: int
    conditions: str
    comparisons: list[Comparison] = field(default_factory=list)
    first_token_s: dict[str, float] = field(default_factory=dict)
    sizing: Sizing = field(default_factory=Sizing)
    transfers: Transfers = field(default_factory=Transfers)
    doors: Doors = field(default_factory=Doors)

    def show(self) -> None:
        """The tables, without colours and frames where nobody looks at a terminal."""
        console = Console(highlight=False)
        if not console.is_terminal:
            console = Console(highlight=False, width=WIDTH)
        frame = box.SIMPLE if console.is_terminal else None
        if self.comparisons:
            console.print(self.conditions)
            runs = f"\nmedian (fastest-slowest) of {self.rounds} runs each, in turns"
            console.print(self._compared(Table(title=runs, box=frame, title_justify="left")))
        if self.first_token_s:
            title = "\npulumi up on a bare box until the first token, one run"
            console.print(self._stages(Table(title=title, box=frame, title_justify="left")))
        for table in tables(self.sizing, frame):
            console.print(table)
        for line in (*self.sizing.summary(), *self.sizing.left_out):
            console.print(f"- {line}", markup=False, soft_wrap=True)
        if self.transfers.conditions:
            console.print(f"\n{self.transfers.conditions}", markup=False, soft_wrap=True)
        for table in transfer_tables(self.transfers, frame):
            console.print(table)
        for line in self.transfers.left_out:
            console.print(f"- left out: {line}", markup=False, soft_wrap=True)
        if self.doors.seen:
            console.print(self.doors.table(frame))

    def write(self, path: Path) -> None:
        """Every sample, for those who want to compare another day."""
        told = {
            "machine": {"cpus": os.cpu_count(), "system": platform.platform()},
            "conditions": self.conditions,
            "comparisons": [_plain(some) for some in self.comparisons],
            "first_token_s": self.first_token_s,
            "sizing": asdict(self.sizing),
            "transfers": asdict(self.transfers),
            "doors": asdict(self.doors),
        }
        path.write_text(json.dumps(told, indent=2) + "\n")

    def _compared(self, table: Table) -> Table:
        for name in ("what", "ours", "beside", "took", "ratio", "goal", ""):
            table.add_column(name, justify="right" if name in ("ratio", "goal") else "left")
        for some in self.comparisons:
            what, ours = some.what, str(some.ours)
            for name, timing in some.others.items():
                ratio, goal = some.ratio(name), some.goals.get(name)
                row = (what, ours, name, str(timing), f"{ratio:.2f}x")
                table.add_row(*row, *_judged(ratio, goal))
                what = ours = ""
        return table

    def _stages(self, table: Table) -> Table:
        table.add_column("stage")
        table.add_column("took", justify="right")
        table.add_column("ended after", justify="right")
        began_s = 0.0
        for stage, ended_s in self.first_token_s.items():
            table.add_row(stage, f"{ended_s - began_s:.2f} s", f"{ended_s:.2f} s")
            began_s = ended_s
        return table


def _judged(ratio: float, goal: float | None) -> tuple[str, ...]:
    if goal is None:
        return ()
    return f"<= {goal:g}x", "[green]met[/]" if ratio <= goal else "[red]missed[/]"


def _plain(some: Comparison) -> dict[str, object]:
    others = {
        name: {
            "samples_s": timing.samples_s,
            "ratio": some.ratio(name),
            "goal": some.goals.get(name),
        }
        for name, timing in some.others.items()
    }
    return {"what": some.what, "ours": {"samples_s": some.ours.samples_s}, "others": others}
