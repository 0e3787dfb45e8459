"""Converging boxes, with nothing to change and with one changed file, beside other tools."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from bench import items, peers
from bench.boxes import States, ask, require
from bench.measure import Timing, alternate
from bench.tools import Ansible, Freehold, Pyinfra, Tool
from freehold.lab import Box, Lab


class Converging:
    """The tools, the boxes, and the files that are wanted on them."""

    def __init__(self, lab: Lab, temporary: Path, say: Callable[[str], None]) -> None:
        programs = peers.install(say)
        self._lab, self._files = lab, temporary / "files"
        self._version = 0
        items.write_files(self._files)
        self._tools: dict[str, Tool] = {
            "ours": Freehold(lab, self._files),
            "pyinfra": Pyinfra(programs, lab, self._files, temporary),
            "ansible": Ansible(programs, lab, self._files, temporary),
        }

    def prepare(self) -> None:
        """Every box as wanted, and every tool run once: its caches are warm when it is timed."""
        boxes = self._lab.boxes
        self._tools["ours"].converge(boxes)
        for tool in self._tools.values():
            self._unchanged(tool, boxes)

    def nothing_to_change(self, count: int, rounds: int) -> dict[str, Timing]:
        """The first `count` boxes, converged already."""
        return self._alternate(self._unchanged, count, rounds)

    def one_changed_file(self, count: int, rounds: int) -> dict[str, Timing]:
        """Another content is wanted for one file on each of the first `count` boxes."""
        # Those that are not among them must stay as wanted too, for what is measured next.
        timings = self._alternate(self._changed, count, rounds)
        self._tools["ours"].converge(self._lab.boxes)
        return timings

    def _alternate(
        self, run: Callable[[Tool, tuple[Box, ...]], float], count: int, rounds: int
    ) -> dict[str, Timing]:
        boxes = self._lab.boxes[:count]
        runs = {name: partial(run, tool, boxes) for name, tool in self._tools.items()}
        return alternate(runs, rounds)

    def _unchanged(self, tool: Tool, boxes: tuple[Box, ...]) -> float:
        return self._checked(tool, boxes, changing=set())

    def _changed(self, tool: Tool, boxes: tuple[Box, ...]) -> float:
        self._version += 1
        items.change(self._files, self._version)
        return self._checked(tool, boxes, changing={f"{items.FOLDER}/{items.CHANGING}"})

    def _checked(self, tool: Tool, boxes: tuple[Box, ...], changing: set[str]) -> float:
        """A tool that left a box other than wanted has no time."""
        before: States = ask(boxes)
        took_s = tool.converge(boxes)
        require(ask(boxes), before, self._files, changing)
        return took_s
