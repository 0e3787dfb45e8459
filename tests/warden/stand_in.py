"""A box with sensors and GPUs that it has not: a tree over /sys/class, and a program nvidia-smi."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from shlex import quote
from typing import Any

from freehold import lab
from tests.infra.on_box import on

NVIDIA_SMI = Path(__file__).with_name("nvidia-smi")
PROGRAM = "/usr/bin/nvidia-smi"
NVIDIA = "/var/lib/stand-in-nvidia"
# A real one speaks to its driver by devices; this one keeps files, which our units may not write.
DROP_IN = "/etc/systemd/system/freehold-.service.d/stand-in.conf"
SENSORS = "/run/stand-in-class"


def gpu(index: int = 0, **changed: Any) -> dict[str, Any]:
    """One GPU's fields, as nvidia-smi calls them."""
    return {
        "index": index,
        "uuid": f"GPU-{index}",
        "name": "NVIDIA GeForce RTX 3090",
        "persistence_mode": "Disabled",
        "utilization.gpu": 98,
        "memory.used": 22_000,
        "memory.total": 24_576,
        "temperature.gpu": 61,
        "power.draw": 301.5,
        "power.limit": 350.0,
        "power.default_limit": 350.0,
        "power.min_limit": 100.0,
        "power.max_limit": 366.0,
        "clocks.sm": 1695,
        "clocks.mem": 9501,
        "reasons": "0x0000000000000004",
        "locked_clocks": None,
        **changed,
    }


def write_state(folder: Path, *gpus: dict[str, Any]) -> None:
    """The stand-in's state where it runs on this machine."""
    folder.mkdir(exist_ok=True)
    (folder / "gpus.json").write_text(json.dumps(gpus))


def set_gpus(box: lab.Box, *gpus: dict[str, Any]) -> None:
    """The same on a box."""
    text = quote(json.dumps(gpus))
    on(box, f"mkdir -p {NVIDIA}; echo {text} >{NVIDIA}/new; mv {NVIDIA}/new {NVIDIA}/gpus.json")


def gpus_of(box: lab.Box) -> list[dict[str, Any]]:
    """As they are now on a box."""
    found: list[dict[str, Any]] = json.loads(on(box, f"cat {NVIDIA}/gpus.json"))
    return found


@contextlib.contextmanager
def nvidia_on(box: lab.Box, *gpus: dict[str, Any]) -> Iterator[None]:
    """The box has GPUs for the length of a `with` block."""
    set_gpus(box, *gpus)
    on(
        box,
        f"""cat >{PROGRAM} <<'EOF'\n{NVIDIA_SMI.read_text()}EOF
chmod +x {PROGRAM}
mkdir -p $(dirname {DROP_IN})
printf '[Service]\\nReadWritePaths=-{NVIDIA}\\n' >{DROP_IN}
systemctl daemon-reload""",
    )
    try:
        yield
    finally:
        on(box, f"rm -rf {PROGRAM} {NVIDIA} $(dirname {DROP_IN}); systemctl daemon-reload")


def sensor_files(sensors: dict[str, object]) -> dict[str, str]:
    """The files of /sys/class by path, for `chip/label: degrees C`, or words instead."""
    chips: dict[str, list[tuple[str, object]]] = {}
    for name, value in sensors.items():
        chip, _, label = name.partition("/")
        chips.setdefault(chip, []).append((label, value))
    files = {}
    for index, (chip, each) in enumerate(chips.items()):
        if chip == "zone":
            for number, (label, value) in enumerate(each):
                files[f"thermal/thermal_zone{number}/type"] = label
                files[f"thermal/thermal_zone{number}/temp"] = _raw(value)
            continue
        files[f"hwmon/hwmon{index}/name"] = chip
        for number, (label, value) in enumerate(each, start=1):
            files[f"hwmon/hwmon{index}/temp{number}_label"] = label
            files[f"hwmon/hwmon{index}/temp{number}_input"] = _raw(value)
    return files


def _raw(value: object) -> str:
    return f"{value * 1000:.0f}" if isinstance(value, int | float) else str(value)


def set_sensors(box: lab.Box, sensors: dict[str, object]) -> None:
    """Each file is written in place: what reads it sees the old number or the new."""
    lines = [
        f"mkdir -p $(dirname {SENSORS}/{path}); echo {quote(text)} >{SENSORS}/{path}"
        for path, text in sensor_files(sensors).items()
    ]
    on(box, "\n".join(lines))


@contextlib.contextmanager
def sensors_on(box: lab.Box, sensors: dict[str, object]) -> Iterator[None]:
    """The box has these sensors, and no other class of devices, for the length of the block."""
    set_sensors(box, sensors)
    on(box, f"mount --bind {SENSORS} /sys/class")
    try:
        yield
    finally:
        on(box, f"umount /sys/class; rm -rf {SENSORS}")


KNOBS = "/run/stand-in-knobs"
_MOUNTS = ("/sys/devices/system/cpu", "/sys/dev/block")


@contextlib.contextmanager
def knobs_on(box: lab.Box) -> Iterator[None]:
    """The box has switches that can be written: two policies of frequency (schedutil, powersave),
    and a disk under its weights (read-ahead of 128 KiB)."""
    cpu, block = f"{KNOBS}/cpu", f"{KNOBS}/block"
    on(
        box,
        f"""mkdir -p {cpu} {block}
cp -r /sys/devices/system/cpu/cpu[0-9]* {cpu} 2>/dev/null || true
mkdir -p {cpu}/cpufreq/policy0 {cpu}/cpufreq/policy1
echo schedutil >{cpu}/cpufreq/policy0/scaling_governor
echo powersave >{cpu}/cpufreq/policy1/scaling_governor
device=$(mountpoint -d /)
mkdir -p {block}/$device/queue
echo 128 >{block}/$device/queue/read_ahead_kb
mount --bind {cpu} {_MOUNTS[0]}
mount --bind {block} {_MOUNTS[1]}""",
    )
    try:
        yield
    finally:
        undo = "\n".join(f"umount {place} || true" for place in _MOUNTS)
        on(box, f"{undo}\nrm -rf {KNOBS}")


def knobs_of(box: lab.Box) -> list[str]:
    """The two governors, and the read-ahead."""
    files = "cpu/cpufreq/policy?/scaling_governor block/*/queue/read_ahead_kb"
    return on(box, f"cd {KNOBS}; cat {files}").split()
