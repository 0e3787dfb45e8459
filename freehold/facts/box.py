"""What a box is: its system, processors, memory, disk, clock and GPUs."""

from __future__ import annotations

import re
from dataclasses import dataclass

from freehold.facts.fact import Fact, every, field


@dataclass(frozen=True)
class BoxFacts:
    """Sizes in bytes, times in seconds since the epoch."""

    os: str
    arch: str
    kernel: str
    machine_id: str
    boot_id: str
    systemd_version: int | None
    """None where systemd is not the running init."""
    cpu_model: str
    cores: int
    threads: int
    memory_bytes: int
    memory_available_bytes: int
    disk_bytes: int
    disk_available_bytes: int
    clock_s: int
    gpus: tuple[str, ...]
    """PCI vendor:device of display and 3D controllers."""
    nvidia: tuple[str, ...]
    """What `nvidia-smi -L` lists; empty where there is no working driver."""
    missing_tools: tuple[str, ...]
    """Of the tools that every step relies on, those that are not there."""


# All are of the essential packages (coreutils, util-linux, findutils) or of systemd, but python3,
# which receives, verifies and wipes what lies on the box.
TOOLS = (
    "base64",
    "cp",
    "df",
    "find",
    "flock",
    "journalctl",
    "python3",
    "sha256sum",
    "stat",
    "systemctl",
)

_SCRIPT = f"""
. /etc/os-release 2>/dev/null
echo "os=${{PRETTY_NAME:-unknown}}"
echo "arch=$(uname -m)"
echo "kernel=$(uname -r)"
echo "machine_id=$(cat /etc/machine-id 2>/dev/null)"
echo "boot_id=$(cat /proc/sys/kernel/random/boot_id)"
[ -d /run/systemd/system ] && echo "systemd=$(systemctl --version)"
echo "cpu=$(grep -m1 '^model name' /proc/cpuinfo | cut -d: -f2-)"
echo "cores=$(cat /sys/devices/system/cpu/cpu*/topology/thread_siblings_list | sort -u | wc -l)"
echo "threads=$(nproc)"
echo "memory_kib=$(sed -n 's/^MemTotal: *//p' /proc/meminfo)"
echo "available_kib=$(sed -n 's/^MemAvailable: *//p' /proc/meminfo)"
echo "disk=$(df -Pk /var/lib | tail -n 1)"
echo "clock=$(date +%s)"
for tool in {" ".join(TOOLS)}; do command -v $tool >/dev/null || echo "missing=$tool"; done
for device in /sys/bus/pci/devices/*; do
  case $(cat "$device/class" 2>/dev/null) in
    0x0300*|0x0302*) echo "gpu=$(cat "$device/vendor"):$(cat "$device/device")";;
  esac
done
if command -v nvidia-smi >/dev/null; then
  timeout 20 nvidia-smi -L 2>/dev/null | sed 's/^/nvidia=/'
fi
true
"""


def _parse(text: str) -> BoxFacts:
    disk = field(text, "disk").split()
    systemd = re.search(r"^systemd=systemd (\d+)", text, re.MULTILINE)
    return BoxFacts(
        os=field(text, "os"),
        arch=field(text, "arch"),
        kernel=field(text, "kernel"),
        machine_id=field(text, "machine_id"),
        boot_id=field(text, "boot_id"),
        systemd_version=int(systemd[1]) if systemd else None,
        cpu_model=field(text, "cpu"),
        # A container may hide the topology: 0 lists of siblings.
        cores=int(field(text, "cores")) or int(field(text, "threads")),
        threads=int(field(text, "threads")),
        memory_bytes=_kib(field(text, "memory_kib")),
        memory_available_bytes=_kib(field(text, "available_kib")),
        disk_bytes=int(disk[1]) * 1024,
        disk_available_bytes=int(disk[3]) * 1024,
        clock_s=int(field(text, "clock")),
        gpus=every(text, "gpu"),
        # Without a driver it prints its complaint on stdout.
        nvidia=tuple(line for line in every(text, "nvidia") if line.startswith("GPU ")),
        missing_tools=every(text, "missing"),
    )


def _kib(text: str) -> int:
    return int(text.removesuffix("kB")) * 1024


BOX: Fact[BoxFacts] = Fact("box", _SCRIPT, _parse)
