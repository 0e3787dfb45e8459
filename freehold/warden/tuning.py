"""Tunes a machine as its settings say, and puts back what was there."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from pathlib import Path
from typing import Any, Dict, List, Set, Tuple

from freehold.warden.knobs import Knob, knobs, turn
from freehold.warden.run import AskError, HangError

SETTINGS = Path("/etc/freehold/tuning.json")
FOUND = Path("/run/freehold-tuning/found.json")
"""What was there before. It goes with a reboot, as every switch of ours does."""


def tune(settings_path: str = str(SETTINGS), found_path: str = str(FOUND)) -> int:
    """Set every switch that is not as wanted. What was there is written down before that.

    One that the machine has not is said, and is no failure; one that cannot be set is.
    """
    settings: Dict[str, Any] = json.loads(Path(settings_path).read_text())
    found, now = _found(Path(found_path)), knobs(settings)
    clocks = [knob for knob in now if knob.kind == "clocks" and _is_ours(knob, found)]
    off = [knob for knob in now if knob.is_off and knob not in clocks]
    for knob in off:
        found.setdefault(knob.name, {"kind": knob.kind, "place": knob.place, "found": knob.found})
        found[knob.name]["set"] = knob.wanted
    if off:
        _keep(Path(found_path), found)
    done = _set_all([(knob.name, knob.kind, knob.place, knob.wanted) for knob in off])
    for knob in now:
        if knob.found is None:
            print(f"{knob.name}: left alone: {knob.why}")
    return 0 if len(done) == len(off) else 1


def untune(found_path: str = str(FOUND)) -> int:
    """Put back what was found, and forget it. What cannot be put back is said and kept."""
    found = _found(Path(found_path))
    done = _set_all(
        [(name, each["kind"], each["place"], each["found"]) for name, each in found.items()]
    )
    kept = {name: each for name, each in found.items() if name not in done}
    if kept:
        _keep(Path(found_path), kept)
        return 1
    Path(found_path).unlink(missing_ok=True)
    with contextlib.suppress(OSError):  # to the unit it is a mount; systemd removes it, or we next
        Path(found_path).parent.rmdir()
    return 0


def tuned(settings: str, found_path: str = str(FOUND)) -> int:
    """Print every switch as it is, for settings that are given as text."""
    found = _found(Path(found_path))
    told = [
        knob._replace(found=knob.wanted) if _is_ours(knob, found) else knob
        for knob in knobs(json.loads(settings))
    ]
    print(json.dumps([{**knob._asdict(), "is_off": knob.is_off} for knob in told]))
    return 0


def _is_ours(knob: Knob, found: Dict[str, Any]) -> bool:
    """Of what the driver does not tell: whether we have set it since the boot."""
    ours = found.get(knob.name)
    return knob.kind == "clocks" and ours is not None and ours.get("set") == knob.wanted


def _found(path: Path) -> Dict[str, Any]:
    try:
        found: Dict[str, Any] = json.loads(path.read_text())
    except FileNotFoundError:
        return {}
    return found


def _keep(path: Path, found: Dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f"{path.name}.{os.getpid()}")
    fresh.write_text(json.dumps(found, indent=1))
    fresh.replace(path)


def _set_all(todo: List[Tuple[str, str, str, str]]) -> Set[str]:
    """The names of those that could be set. A driver that hangs is not asked again for each."""
    done, hangs = set(), False
    for name, kind, place, value in todo:
        try:
            if hangs and kind != "file":
                raise AskError("nvidia-smi does not answer")
            turn(kind, place, value)
        except (OSError, AskError) as error:
            hangs = hangs or isinstance(error, HangError)
            words = error.strerror if isinstance(error, OSError) else error
            print(f"{name}: cannot be set to {value}: {words}", file=sys.stderr)
        else:
            done.add(name)
            print(f"{name}: {value}")
    return done
