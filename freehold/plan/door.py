"""What a door is on its node, as items of a plan: all but the files that only Pulumi knows."""

from __future__ import annotations

from freehold.plan.file import File
from freehold.plan.item import Item
from freehold.plan.package import Package
from freehold.plan.unit import Unit
from freehold.render import door as files
from freehold.spec.door import Door

FILES = (
    files.DOOR_CONFIG_PATH,
    files.NAMES_PATH,
    files.PER_MINUTE_PATH,
    files.AT_ONCE_PATH,
    files.SERVER_KEY_PATH,
    files.CERTIFICATE_PATH,
    files.DOOR_UNIT_PATH,
)
"""Those that it takes up when it starts, or is told to reload."""


def rights(path: str) -> tuple[str, str]:
    """Mode and group of one of its files: those in its folder are root's and the door's alone."""
    is_its_own = path.startswith(files.DOOR_FOLDER)
    return ("0640", files.DOOR_GROUP) if is_its_own else ("0644", "root")


def door_unit_item(port: int, watched: tuple[str, ...] = FILES) -> Unit:
    """The door's unit, which must have taken up its files."""
    return Unit(files.DOOR_UNIT, watched, port, files.STAMP_PATH, "freehold:door.port")


def door_items(door: Door, server_port: int, slots: int) -> tuple[Item, ...]:
    """Without names, key and certificate, which are secret or come of secrets."""
    config = {files.DOOR_CONFIG_PATH: files.door_config(door, server_port, slots)}
    texts = {**config, **files.fixed_files(door)}
    return (
        Package(files.DOOR_PACKAGE, files.DOOR_PACKAGE_UNITS),
        *(_file(path, text) for path, text in texts.items()),
        door_unit_item(door.port),
    )


def _file(path: str, text: str) -> File:
    mode, group = rights(path)
    return File(path, text.encode(), mode, group=group)
