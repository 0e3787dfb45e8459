"""Measure, and print what came out: `python -m bench [PART...] [--runs N] [--json FILE]`."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import tempfile
from collections.abc import Collection
from pathlib import Path

from rich.console import Console

from bench import door, peers, sizing, transfer
from bench.converge import Converging
from bench.project import empty_project, environment, real_project, rented_project
from bench.report import Comparison, Report
from bench.up import nothing_to_change, until_first_token
from demo.parts import fill_store
from freehold import lab
from freehold.errors import FreeholdError

PARTS = ("up", "converge", "sizing", "transfer", "door")
BOXES = 4
UP_GOALS = {"an empty program": 1.5}
CONVERGE_GOALS = {"pyinfra": 0.35, "ansible": 0.1}

console = Console(stderr=True, highlight=False)


def main() -> int:
    """The exit code: 0 whether goals are met or missed."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}")
    parser.add_argument("--runs", type=int, default=5, help="of each command (default: 5)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write every sample there")
    parser.add_argument(
        "--quick", action="store_true", help="sizing and transfer: a few minutes' part of them"
    )
    parser.add_argument(
        "--size", type=float, metavar="GIB", help="transfer: of what is moved (default: 2)"
    )
    options = parser.parse_args()
    if unknown := set(options.parts) - set(PARTS):
        parser.error(f"expected parts of {', '.join(PARTS)}, got {', '.join(sorted(unknown))}")
    parts = options.parts or PARTS
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # as Ctrl-C: everything is removed
    report = Report(options.runs, conditions())
    try:
        if "up" in parts or "converge" in parts:
            measure_on_boxes(report, parts)
        if "sizing" in parts:
            sizing.measure(report.sizing, say, is_quick=options.quick)
        if "transfer" in parts:
            scale = transfer.Scale.of(options.size, options.runs, is_quick=options.quick)
            transfer.measure(report.transfers, say, scale)
        if "door" in parts:
            door.measure(report.doors, say)
    except FreeholdError as error:
        console.print(f"\n{error}", markup=False)
        return 1
    except KeyboardInterrupt:
        console.print("\nstopped; boxes and temporary files are gone")
        return 130
    report.show()
    if options.json:
        report.write(options.json)
    return 0


def measure_on_boxes(report: Report, parts: Collection[str]) -> None:
    """Whichever of `up` and `converge` is asked for."""
    reason = lab.unsupported()
    if reason is not None:
        raise FreeholdError.of("bench", f"lab boxes cannot run on this machine: {reason}")
    with tempfile.TemporaryDirectory(prefix="freehold-bench-") as folder:
        if "up" in parts:
            measure_up(report, Path(folder))
        if "converge" in parts:
            measure_converge(report, Path(folder))


def measure_up(report: Report, folder: Path) -> None:
    """On one bare box each, owned and rented: the first `up`, and those with nothing to change."""
    place = folder / "store"
    store = fill_store(place, say)
    variables = environment(folder)
    empty = empty_project(folder / "empty", variables)
    say("starting two bare boxes")
    with (
        lab.temporary(2, lab.default_state_dir()) as boxes,
        real_project(boxes, place, variables) as owned,
        rented_project(boxes, store, folder / "rented") as rented,
    ):
        say("pulumi up until the first token")
        report.first_token_s |= until_first_token(owned)
        for what, real, goals in (
            ("nothing to change", owned, UP_GOALS),
            ("nothing to change, a rented node", rented, {}),
        ):
            say(f"pulumi up, {what}")
            timings = nothing_to_change(real, empty, report.rounds)
            others = {"an empty program": timings["empty"]}
            report.comparisons.append(
                Comparison(f"pulumi up, {what}", timings["ours"], others, goals)
            )


def measure_converge(report: Report, folder: Path) -> None:
    """On boxes that have Python, because Ansible needs it there."""
    say(f"starting {BOXES} boxes with Python")
    state_dir = lab.default_state_dir()
    with lab.temporary(BOXES, state_dir, packages=("python3",)) as boxes:
        converging = Converging(boxes, folder, say)
        converging.prepare()
        for count in (1, BOXES):
            where = f"{count} box" if count == 1 else f"{count} boxes"
            cases = {
                f"converge {where}, nothing to change": converging.nothing_to_change,
                f"converge {where}, one changed file": converging.one_changed_file,
            }
            for what, case in cases.items():
                say(what)
                timings = case(count, report.rounds)
                ours = timings.pop("ours")
                report.comparisons.append(Comparison(what, ours, timings, CONVERGE_GOALS))


def conditions() -> str:
    """What a reader must know of how it was measured."""
    tools = ", ".join(f"{name} {version}" for name, version in peers.versions().items())
    return (
        f"{os.cpu_count()} CPUs for this machine and its boxes together; whole processes, "
        "connections begun anew, host keys verified.\n"
        f"Beside: {tools} (pipelining, a fork a box, no facts gathered); 11 items: 9 files, a unit "
        "enabled and running.\n"
        "After each run the boxes are asked whether all is as wanted, and nothing else changed."
    )


def say(line: str) -> None:
    """What goes on, on stderr: stdout is the report's."""
    console.print(f"- {line}", markup=False, soft_wrap=True)


if __name__ == "__main__":
    sys.exit(main())
