"""A machine at one moment: its load, memory, disks, and who reads from them."""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path
from typing import Any, Dict, List

SECTOR_BYTES = 512  # of /proc/diskstats, whatever the disk's own are
READERS_MAX = 64
_FOLDERS = ("/var/lib/freehold/weights", "/var/lib/freehold", "/var/lib")


def machine() -> Dict[str, Any]:
    """Counters are since the boot: two moments make a rate."""
    meminfo = dict(_meminfo())
    there = next(folder for folder in _FOLDERS if Path(folder).is_dir())
    disk = os.statvfs(there)
    return {
        "at_s": time.monotonic(),
        "clock_s": time.time(),
        "load": list(os.getloadavg()),
        "threads": os.cpu_count(),
        "memory_bytes": meminfo["MemTotal"],
        "memory_available_bytes": meminfo["MemAvailable"],
        "swap_bytes": meminfo["SwapTotal"],
        "swap_free_bytes": meminfo["SwapFree"],
        "disk_folder": there,
        "disk_bytes": disk.f_blocks * disk.f_frsize,
        "disk_free_bytes": disk.f_bavail * disk.f_frsize,
        "disk_read_bytes": _disks(),
        "readers": _readers(),
    }


def _meminfo() -> Any:
    for line in Path("/proc/meminfo").read_text().splitlines():
        name, _, rest = line.partition(":")
        if rest.endswith(" kB"):
            yield name, int(rest[:-3]) * 1024


def _disks() -> Dict[str, int]:
    """Bytes read from each physical disk: not from its parts, nor from what is in memory."""
    found = {}
    with contextlib.suppress(OSError):
        for line in Path("/proc/diskstats").read_text().splitlines():
            cells = line.split()
            name = cells[2]
            if Path("/sys/block", name, "device").exists():
                found[name] = int(cells[5]) * SECTOR_BYTES
    return found


def _readers() -> List[Dict[str, Any]]:
    """Processes by what they had read from disks, those that read most first."""
    found: List[Dict[str, Any]] = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError, ValueError, IndexError):
            read = (folder / "io").read_text().split("\nread_bytes: ")[1].split()[0]
            if int(read):
                name = (folder / "comm").read_text().strip()
                found.append({"pid": int(folder.name), "name": name, "read_bytes": int(read)})
    return sorted(found, key=lambda each: -each["read_bytes"])[:READERS_MAX]
