"""What lies on the boxes, asked by plain ssh: the proof that a tool did what it was timed for."""

from __future__ import annotations

import hashlib
from pathlib import Path

from bench.items import PATHS, UNIT
from freehold.errors import FreeholdError, Problem
from freehold.lab import Box
from freehold.lab.ssh import run_in_box

# By box, the lines that describe it: of each file, and of the unit.
States = dict[str, dict[str, str]]

_SCRIPT = f"""
for path in {" ".join(PATHS)}; do
  echo "$path $(sha256sum <$path | cut -d' ' -f1) $(stat -c '%a %U:%G %i %Y' $path)"
done
echo "unit $(systemctl is-active {UNIT}) $(systemctl is-enabled {UNIT})" \
  "$(systemctl show -P MainPID {UNIT})"
"""


def ask(boxes: tuple[Box, ...]) -> States:
    """Content, mode, owner, inode and time of each file; state and process of the unit."""
    return {box.name: _ask(box) for box in boxes}


def require(now: States, before: States, files: Path, changing: set[str]) -> None:
    """Raise unless all is as wanted, `changing` has changed, and nothing else has."""
    problems = []
    for name, state in now.items():
        for path in PATHS:
            wanted = hashlib.sha256((files / Path(path).name).read_bytes()).hexdigest()
            if not state[path].startswith(f"{wanted} 644 root:root "):
                problems.append(Problem(name, f"{path}: expected {wanted}, found {state[path]}"))
        if not state["unit"].startswith("active enabled "):
            problems.append(Problem(name, f"{UNIT}: expected it to run, found {state['unit']}"))
        changed = {key for key in state if state[key] != before[name][key]}
        if changed != changing:
            problems.append(Problem(name, f"expected {changing} to change, {changed} did"))
    if problems:
        raise FreeholdError(problems)


def _ask(box: Box) -> dict[str, str]:
    done = run_in_box(box.lab_folder, box.name, _SCRIPT)
    lines = [line.partition(" ") for line in done.stdout.decode().splitlines()]
    return {key: described for key, _, described in lines}
