"""The items that all tools converge: eight files, a unit, and that it is enabled and running."""

from __future__ import annotations

from pathlib import Path

from freehold.plan.file import File
from freehold.plan.item import Item
from freehold.plan.unit import Unit

FOLDER = "/etc/freehold-bench"
UNIT = "freehold-bench.service"
UNIT_PATH = f"/etc/systemd/system/{UNIT}"
SETTINGS = tuple(f"setting-{number}.conf" for number in range(1, 9))
CHANGING = SETTINGS[4]
PATHS = (*(f"{FOLDER}/{name}" for name in SETTINGS), UNIT_PATH)

_UNIT_TEXT = """\
[Unit]
Description=What the bench keeps running

[Service]
ExecStart=/bin/sleep infinity

[Install]
WantedBy=multi-user.target
"""


def write_files(folder: Path) -> None:
    """The files' wanted content, where every tool reads it."""
    folder.mkdir()
    for name in SETTINGS:
        (folder / name).write_text(f"# {name}\n" + "key = value\n" * 20)
    (folder / UNIT).write_text(_UNIT_TEXT)


def change(folder: Path, version: int) -> None:
    """Another content for one of them."""
    (folder / CHANGING).write_text(f"# {CHANGING}\nversion = {version}\n" + "key = value\n" * 20)


def wanted(folder: Path) -> list[Item]:
    """The items as Freehold has them."""
    files: list[Item] = [
        File(f"{FOLDER}/{name}", (folder / name).read_bytes()) for name in SETTINGS
    ]
    return [*files, File(UNIT_PATH, (folder / UNIT).read_bytes()), Unit(UNIT, (UNIT_PATH,))]
