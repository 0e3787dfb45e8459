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
MODE = "0640"  # of what root and the door's own group may read


def door_unit_item(port: int, watched: tuple[str, ...] = FILES) -> Unit:
    """The door's unit, which must have taken up its files."""
    return Unit(files.DOOR_UNIT, watched, port, files.STAMP_PATH, "freehold:door.port")


def door_items(door: Door, server_port: int, slots: int) -> tuple[Item, ...]:
    """Without names, key and certificate, which are secret or come of secrets."""
    group = files.DOOR_GROUP
    of_group = {
        files.DOOR_CONFIG_PATH: files.door_config(door, server_port, slots),
        files.PER_MINUTE_PATH: files.per_minute_map(door),
        files.AT_ONCE_PATH: files.at_once_map(door),
    }
    return (
        Package(files.DOOR_PACKAGE, files.DOOR_PACKAGE_UNITS),
        *(File(path, text.encode(), MODE, group=group) for path, text in of_group.items()),
        File(files.DOOR_UNIT_PATH, files.door_unit(door).encode()),
        File(files.MAPS_PROGRAM_PATH, files.maps_program().encode()),
        door_unit_item(door.port),
    )
