"""Sizing beside the engine's own account, gguf-parser-go, and llama.cpp's own fit."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from bench import sizing_peer
from bench.sizing_cases import RAM_GIB, Grid, Machine, Subject, fits, grids
from bench.sizing_fit import fit
from bench.sizing_rows import ENGINE, FORMULA, PEER, Device, Fitted, Row, Sizing
from bench.sizing_speed import speeds
from freehold.account.account import Account
from freehold.account.compare import compare_totals
from freehold.errors import FreeholdError
from freehold.gguf.header import Header
from freehold.gguf.read import read_model
from freehold.sizing.choose import lay_out
from freehold.sizing.hardware import Hardware
from freehold.sizing.layout import HOST, Answer, Layout
from freehold.sizing.shape import shape_of
from freehold.sizing.wishes import MIB, Wishes
from tests.engine.cards import Cards, cards
from tests.engine.parts import assemble_with_cards
from tests.engine.sized import account_of, inexact, machine

Say = Callable[[str], None]
_PRINTED_BYTES = 0.01 * MIB  # how exact the engine prints a compute buffer


def measure(sizing: Sizing, say: Say, *, is_quick: bool) -> None:
    """Fill `sizing`; what one of the others cannot do is left out, and said."""
    # Not /tmp, which may be in memory: the files are sparse, and some 400 GB long.
    with tempfile.TemporaryDirectory(prefix="freehold-bench-", dir="/var/tmp") as folder:
        bench = _Bench(Path(folder), sizing, say)
        for grid in grids(is_quick=is_quick):
            for size in grid.machines:
                bench.compare(grid, size)
        for subject, size, wishes in fits(is_quick=is_quick):
            bench.fit(subject, size, wishes)
    say("sizing from the catalogue, and a header over HTTP")
    sizing.speeds += speeds()


class _Bench:
    """The engine, and the models that were written so far, in a folder that goes with the run."""

    def __init__(self, folder: Path, sizing: Sizing, say: Say) -> None:
        self._folder, self._sizing, self._say = folder, sizing, say
        self._models: dict[str, Path] = {}
        folder.chmod(0o755)  # where we are root, the engine answers as nobody
        self._engine = folder / "engine"
        self._engine.mkdir()
        assemble_with_cards(self._engine)
        self._peer: Path | None = None
        try:
            self._peer = sizing_peer.build(say)
        except FreeholdError as error:
            sizing.left_out.append(str(error))

    def compare(self, grid: Grid, size: Machine) -> None:
        """All of the grid's models on one machine."""
        self._say(f"sizing {', '.join(s.name for s in grid.subjects)} on {size}")
        with cards(self._engine, size.memory_mib) as running:
            for subject in grid.subjects:
                path = self._written(subject)
                for wishes in grid.wishes:
                    found = self._row(subject, path, size, running, wishes)
                    if found is not None:
                        self._sizing.rows.append(found)

    def fit(self, subject: Subject, size: Machine, wishes: Wishes) -> None:
        """What llama.cpp's own search puts on the cards; both leave 1 GiB free on each."""
        self._say(f"llama.cpp's own fit of {subject.name} on {size}")
        path = self._written(subject)
        with cards(self._engine, size.memory_mib) as running:
            _, answer, took_s = _sized(path, machine(running, RAM_GIB), wishes)
            theirs = fit(self._engine, running, path, answer.run)
        ours = sum(int(use.total.expected) for use in answer.uses[:-1])
        self._sizing.fitted.append(
            Fitted(
                subject.name,
                str(size),
                ours,
                sum(theirs.used_bytes.values()),
                took_s,
                theirs.took_s,
                theirs.failure,
            )
        )

    def _written(self, subject: Subject) -> Path:
        if subject.name not in self._models:
            self._models[subject.name] = subject.write(self._folder)
        return self._models[subject.name]

    def _row(
        self, subject: Subject, path: Path, size: Machine, running: Cards, wishes: Wishes
    ) -> Row | None:
        where = f"{subject.name} on {size}"
        header, answer, formula_s = _sized(path, machine(running, RAM_GIB), wishes)
        if not isinstance(answer, Layout):
            self._sizing.left_out.append(f"{where}: does not fit")
            return None
        began = time.perf_counter()
        try:
            account = account_of(self._engine, running, header, answer)
        except FreeholdError as error:
            self._sizing.left_out.append(f"{where}: the engine gave no account: {error}")
            return None
        took_s = {FORMULA: formula_s, ENGINE: time.perf_counter() - began}
        totals = _totals(answer, account)
        if self._peer is not None:
            try:
                theirs, took_s[PEER] = sizing_peer.estimate(
                    self._peer, path, answer, running.endpoints
                )
                for total, one in zip(totals.values(), theirs, strict=True):
                    total[PEER] = one.total_bytes
            except FreeholdError as error:
                self._sizing.left_out.append(f"{where}: {error}")
        return Row(
            model=subject.name,
            machine=str(size),
            asked=_asked(answer),
            mode=answer.mode.value,
            devices=tuple(_devices(answer, account, totals)),
            inexact=inexact(answer, account),
            took_s=took_s,
        )


def _sized(path: Path, hardware: Hardware, wishes: Wishes) -> tuple[Header, Answer, float]:
    """The answer by formula, from the file on; and its seconds."""
    began = time.perf_counter()
    header = read_model(path)
    answer = lay_out(shape_of(header), hardware, wishes)
    return header, answer, time.perf_counter() - began


def _totals(layout: Layout, account: Account) -> dict[str, dict[str, int]]:
    return {
        row.device: {FORMULA: row.planned_bytes, ENGINE: row.found_bytes}
        for row in compare_totals(layout, account)
        if row.part == "total"
    }


def _devices(
    layout: Layout, account: Account, totals: dict[str, dict[str, int]]
) -> Iterator[Device]:
    for use in layout.uses:
        found = account.device(use.device)
        compute = found.compute_bytes if found else 0
        exact = account.compute_error_bytes + _PRINTED_BYTES
        is_inside = use.compute.low - exact <= compute <= use.compute.high + exact
        yield Device(use.device, use.device == HOST, totals[use.device], is_inside)


def _asked(layout: Layout) -> str:
    run = layout.run
    return f"{run.slots}x {run.context_tokens // 1024}k {run.cache_type}"
