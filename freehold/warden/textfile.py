"""What no exporter tells of a node, for the textfile collector of Prometheus' node_exporter."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import sys
import time
from pathlib import Path
from typing import Iterator, List, Tuple

from freehold.warden.nvidia_smi import ABSENT, gpus
from freehold.warden.run import AskError

NAME = "freehold.prom"
KEY = Path("/etc/freehold/api-key")
WEIGHTS = Path("/var/lib/freehold/weights")
LEASE = Path("/etc/freehold/lease")
SERVER_S = 5.0
METRICS_BYTES = 1 << 20
REASONS = {
    "power_cap": 0x4,
    "hardware": 0x8,
    "thermal_software": 0x20,
    "thermal_hardware": 0x40,
    "power_brake": 0x80,
}
_OF_A_GPU = (
    "celsius",
    "watts",
    "limit_watts",
    "utilization_percent",
    "memory_used_mib",
    "memory_total_mib",
    "sm_mhz",
)
Sample = Tuple[str, str, float]


def textfile(folder: str, port: str) -> int:
    """Write it whole, or leave what was there."""
    if not Path(folder).is_dir():
        print(f"{folder}: no such folder: is prometheus-node-exporter installed?", file=sys.stderr)
        return 1
    up, of_server = _server(int(port))
    samples = [
        ("freehold_server_up", "", float(up)),
        *_weights(),
        *_lease(),
        *_gpus(),
        ("freehold_telemetry_timestamp_seconds", "", time.time()),
    ]
    text = "".join(f"{name}{labels} {value:.10g}\n" for name, labels, value in samples)
    fresh = Path(folder, f".{NAME}.{os.getpid()}")  # the collector reads *.prom
    try:
        fresh.write_text(text + of_server)
        fresh.chmod(0o644)
        fresh.replace(Path(folder, NAME))
    finally:
        if fresh.exists():
            fresh.unlink()
    return 0


def _server(port: int) -> Tuple[bool, str]:
    """Whether it is ready, and its own metrics."""
    try:
        if _get(port, "/health")[0] != 200:
            return False, ""
        status, text = _get(port, "/metrics")
    except (OSError, http.client.HTTPException):
        return False, ""
    lines = [line for line in text.splitlines() if line.startswith("llamacpp:")]
    return True, "".join(f"{line}\n" for line in lines) if status == 200 else ""


def _get(port: int, path: str) -> Tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=SERVER_S)
    try:
        headers = {"Authorization": f"Bearer {KEY.read_text().strip()}"} if KEY.exists() else {}
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.read(METRICS_BYTES).decode("utf-8", "replace")
    finally:
        connection.close()


def _weights() -> Iterator[Sample]:
    for folder in sorted(WEIGHTS.glob("*")):
        if not folder.is_dir() or folder.name.endswith(".partial"):
            continue
        labels = f'{{set="{_escaped(folder.name)}"}}'
        verified = 0.0  # never read whole
        with contextlib.suppress(OSError, ValueError, LookupError, TypeError):
            verified = float(json.loads((folder / ".freehold-verified").read_text())["began_s"])
        yield "freehold_weights_verified_timestamp_seconds", labels, verified
        damage = folder / ".freehold-damage"
        bad = len(damage.read_text().splitlines()) if damage.exists() else 0
        yield "freehold_weights_bad_pieces", labels, float(bad)


def _lease() -> Iterator[Sample]:
    try:
        deadline_s = LEASE.read_text().split()[0]
    except (OSError, IndexError):
        return
    if deadline_s.isdecimal():
        yield "freehold_lease_deadline_timestamp_seconds", "", float(deadline_s)


def _gpus() -> Iterator[Sample]:
    found: List[Sample] = []
    try:
        for gpu in gpus():
            labels = f'gpu="{gpu["index"]}",name="{_escaped(str(gpu["name"]))}"'
            for name in _OF_A_GPU:
                if isinstance(gpu[name], float):
                    found.append((f"freehold_gpu_{name}", f"{{{labels}}}", float(gpu[name])))  # type: ignore[arg-type]
            for reason, bit in REASONS.items():
                held = bool(int(gpu["reasons"] or 0) & bit)
                found.append(
                    ("freehold_gpu_held_back", f'{{{labels},reason="{reason}"}}', float(held))
                )
    except AskError as error:
        if str(error) != ABSENT:
            yield "freehold_nvidia_smi_up", "", 0.0
        return
    if found:
        yield "freehold_nvidia_smi_up", "", 1.0
    yield from found


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", " ")
