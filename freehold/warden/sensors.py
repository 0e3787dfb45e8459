"""Temperatures of a Linux machine: hwmon's chips, and thermal zones."""

from __future__ import annotations

from pathlib import Path
from typing import Dict, List, Union

Reading = Dict[str, Union[str, float, None]]

SYS = Path("/sys")
ABSURD_BELOW_C, ABSURD_ABOVE_C = -40.0, 150.0
"""Silicon is neither: an unconnected sensor says -128, 0x80 or 255. Source: hwmon's sysfs-interface
(millidegrees), and what boards' super-I/O chips are known to say."""


def temperatures(sys_folder: Path = SYS) -> List[Reading]:
    """`name`, `celsius` (None where it cannot be believed) and `why` of each, in a fixed order.

    A sensor that is listed and cannot be read is told, never left out.
    """
    found = []
    for chip in sorted((sys_folder / "class/hwmon").glob("hwmon*"), key=_number):
        chip_name = _text(chip / "name") or chip.name
        for path in sorted(chip.glob("temp*_input"), key=_number):
            stem = path.name[: -len("_input")]
            label = _text(chip / f"{stem}_label") or stem
            found.append(_reading(f"{chip_name}/{label}", path))
    for zone in sorted((sys_folder / "class/thermal").glob("thermal_zone*"), key=_number):
        found.append(_reading(f"zone/{_text(zone / 'type') or zone.name}", zone / "temp"))
    return _told_apart(found)


def judged(name: str, celsius: float) -> Reading:
    """A reading, with what is absurd told as such."""
    if ABSURD_BELOW_C <= celsius <= ABSURD_ABOVE_C:
        return {"name": name, "celsius": celsius, "why": None}
    return {"name": name, "celsius": None, "why": f"absurd: {celsius:.0f} C"}


def _reading(name: str, path: Path) -> Reading:
    try:
        return judged(name, int(path.read_text()) / 1000)
    except OSError as error:
        return {"name": name, "celsius": None, "why": str(error.strerror)}
    except ValueError:
        return {"name": name, "celsius": None, "why": "no number"}


def _told_apart(found: List[Reading]) -> List[Reading]:
    """Two NVMe disks have the same chip and label: the second is called name#2."""
    seen: Dict[str, int] = {}
    for reading in found:
        name = str(reading["name"])
        seen[name] = seen.get(name, 0) + 1
        if seen[name] > 1:
            reading["name"] = f"{name}#{seen[name]}"
    return found


def _text(path: Path) -> str:
    try:
        return path.read_text().strip()
    except (OSError, ValueError):
        return ""


def _number(path: Path) -> int:
    return int("".join(filter(str.isdigit, path.name)) or 0)
