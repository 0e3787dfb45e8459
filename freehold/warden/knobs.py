"""The switches of a machine that tuning sets: in /sys, in /proc, and of NVIDIA's driver."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any, Dict, Iterator, List, NamedTuple, Optional

from freehold.warden.nvidia_smi import ABSENT, TIMEOUT_S, gpus
from freehold.warden.run import AskError, ask

GOVERNORS = Path("/sys/devices/system/cpu/cpufreq")
SWAPPINESS = Path("/proc/sys/vm/swappiness")
CONTAINER = Path("/run/systemd/container")
"""Where systemd says that it runs in one. Its /proc/sys would be the whole machine's."""
BLOCK = Path("/sys/dev/block")
WEIGHTS = ("/var/lib/freehold/weights", "/var/lib/freehold", "/var/lib")
UNLOCKED = "unlocked"
"""What a GPU's clocks are by default. The driver does not tell whether they are locked."""


class Knob(NamedTuple):
    """One switch. `found` is None where the machine has none, or does not tell: `why` says it.

    `place` is a file, or the uuid of a GPU.
    """

    name: str
    kind: str
    place: str
    wanted: str
    found: Optional[str]
    why: Optional[str] = None

    @property
    def is_off(self) -> bool:
        """Whether it is there, and not as wanted."""
        return self.found is not None and self.found != self.wanted


def knobs(settings: Dict[str, Any]) -> List[Knob]:
    """All that `settings` speak of (render/tuning.py), as they are now."""
    return [*_of_files(settings), *_of_gpus(settings)]


def turn(kind: str, place: str, value: str) -> None:
    """Set one. Raises OSError or AskError."""
    if kind == "file":
        Path(place).write_text(f"{value}\n")
        return
    program = shutil.which("nvidia-smi")
    if program is None:
        raise AskError(ABSENT)
    option = {"power": ["-pl", value], "persistence": ["-pm", str(int(value == "Enabled"))]}
    option["clocks"] = ["-rgc"] if value == UNLOCKED else ["-lgc", f"0,{value}"]
    ask([program, "-i", place, *option[kind]], TIMEOUT_S)


def _of_files(settings: Dict[str, Any]) -> Iterator[Knob]:
    if (governor := settings.get("governor")) is not None:
        policies = sorted(GOVERNORS.glob("policy*/scaling_governor"))
        for path in policies:
            yield _file(f"governor of {path.parent.name}", path, governor)
        if not policies:
            yield Knob("governor", "file", str(GOVERNORS), governor, None, "no frequency scaling")
    if (swappiness := settings.get("swappiness")) is not None:
        if CONTAINER.exists():
            why = "a container's kernel is its host's"
            yield Knob("vm.swappiness", "file", str(SWAPPINESS), str(swappiness), None, why)
        else:
            yield _file("vm.swappiness", SWAPPINESS, str(swappiness))
    if (kib := settings.get("read_ahead_kib")) is not None:
        there = read_ahead_path()
        if there is None:
            yield Knob("read-ahead", "file", "", str(kib), None, "no disk of its own under weights")
        else:
            yield _file(f"read-ahead of {there.parents[1].name}", there, str(kib))


def read_ahead_path() -> Optional[Path]:
    """The switch of the disk, or array, that the weights lie on."""
    folder = next(each for each in WEIGHTS if Path(each).is_dir())
    device = Path(folder).stat().st_dev
    there = BLOCK / f"{os.major(device)}:{os.minor(device)}"
    if not there.exists():
        return None  # btrfs, overlayfs, a share
    real = there.resolve()
    for disk in (real, real.parent):  # a partition has none of its own
        if (disk / "queue/read_ahead_kb").exists():
            return disk / "queue/read_ahead_kb"
    return None


def _file(name: str, path: Path, wanted: str) -> Knob:
    try:
        found = path.read_text().strip()
        if not os.access(path, os.W_OK):  # /sys of a container
            return Knob(name, "file", str(path), wanted, None, "it is read-only here")
        return Knob(name, "file", str(path), wanted, found)
    except OSError as error:
        return Knob(name, "file", str(path), wanted, None, error.strerror)


def _of_gpus(settings: Dict[str, Any]) -> Iterator[Knob]:
    watts, clock = settings.get("gpu_power_limit_watts"), settings.get("gpu_clock_max_mhz")
    persistence = settings.get("gpu_persistence")
    if watts is None and clock is None and persistence is None:
        return
    try:
        found = gpus()
    except AskError as error:
        yield Knob("GPUs", "gpu", "", "", None, str(error))
        return
    for gpu in found:
        name, place = f"GPU {gpu['index']}", str(gpu["uuid"])
        if persistence is not None:
            known = str(gpu["persistence"])
            is_told = known in ("Enabled", "Disabled")
            yield Knob(
                f"persistence of {name}",
                "persistence",
                place,
                "Enabled" if persistence else "Disabled",
                known if is_told else None,
                None if is_told else known,
            )
        if watts is not None:
            limit = gpu["limit_watts"]
            is_told = isinstance(limit, float)
            yield Knob(
                f"power limit of {name}",
                "power",
                place,
                _watts(watts),
                _watts(limit) if is_told else None,
                None if is_told else "it does not tell its limit",
            )
        if clock is not None:
            yield Knob(f"clocks of {name}", "clocks", place, str(clock), UNLOCKED)


def _watts(watts: Any) -> str:
    return f"{float(watts):.2f}"
