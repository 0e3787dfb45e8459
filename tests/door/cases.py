"""The doors whose files are goldens; `python -m tests.door.cases` writes those anew."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from freehold.render.door import (
    at_once_map,
    door_config,
    door_unit,
    maps_program,
    names_map,
    per_minute_map,
)
from freehold.spec.door import Door, DoorKey

GOLDENS = Path(__file__).with_name("goldens")
PLAIN = Door()
LIMITED = Door(
    listen="2001:db8::7",
    port=443,
    queue=0,
    queue_wait_s=5,
    answer_timeout_s=60,
    body_limit_kib=8,
    connections_per_address=10,
    keys=(
        DoorKey(name="ada", sha256="a" * 64),
        DoorKey(name="eve", sha256="e" * 64, per_minute=3, at_once=1),
    ),
)
CASES: dict[str, Callable[[], str]] = {
    "plain.cfg": lambda: door_config(PLAIN, 8080, 4),
    "limited.cfg": lambda: door_config(LIMITED, 9000, 1),
    "plain.service": lambda: door_unit(PLAIN),
    "limited.service": lambda: door_unit(LIMITED),
    "names.map": lambda: names_map(LIMITED, "0" * 64),
    "per-minute.map": lambda: per_minute_map(LIMITED),
    "at-once.map": lambda: at_once_map(LIMITED),
    "maps.py": maps_program,
}

if __name__ == "__main__":
    GOLDENS.mkdir(exist_ok=True)
    for name, text in CASES.items():
        (GOLDENS / name).write_text(text())
