"""A look at a node in words: five lines and one for each GPU."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from freehold.facts.telemetry import GpuTelemetry, Telemetry
from freehold.service.look import Change, Look

TEMPERATURES_SHOWN = 5
_GIB = 1 << 30


def look_lines(look: Look, since: Change | None, now: datetime) -> list[str]:
    """`now` is this machine's clock, which a lease's deadline is counted by."""
    machine = look.machine
    return [
        _load(machine),
        _disk(machine, since),
        _temperatures(machine),
        *_gpus(machine),
        _server(look, since),
        *([f"lease    {_left(look.deadline - now)}"] if look.deadline else []),
    ]


def _load(machine: Telemetry) -> str:
    load = " ".join(f"{each:.1f}" for each in machine.load)
    used = machine.memory_bytes - machine.memory_available_bytes
    memory = f"memory {used / _GIB:.1f} of {machine.memory_bytes / _GIB:.1f} GiB"
    swapped = machine.swap_bytes - machine.swap_free_bytes
    swap = f", {swapped / _GIB:.1f} GiB swapped out" if swapped else ""
    return f"load     {load} on {machine.threads} threads, {memory}{swap}"


def _disk(machine: Telemetry, since: Change | None) -> str:
    free, size = machine.disk_free_bytes / 1e9, machine.disk_bytes / 1e9
    line = f"disk     {free:,.1f} GB free of {size:,.1f} GB at {machine.disk_folder}"
    if since is None:
        return line
    disks = [f"{name} {_rate(rate)}" for name, rate in since.rates.disks.items()]
    by = [f"{name} {_rate(rate)}" for name, rate in since.rates.readers]
    read = f"read: {', '.join(disks)}" if disks else "nothing read"
    return f"{line}; {read}" + (f" (by {', '.join(by)})" if by else "")


def _rate(bytes_per_s: float) -> str:
    if bytes_per_s >= 1e9:
        return f"{bytes_per_s / 1e9:.1f} GB/s"
    return f"{bytes_per_s / 1e6:.1f} MB/s"


def _temperatures(machine: Telemetry) -> str:
    told = [(each.celsius, each.name) for each in machine.temperatures if each.celsius is not None]
    silent = [f"{each.name} ({each.why})" for each in machine.temperatures if each.celsius is None]
    shown = [
        f"{name} {celsius:.0f} C"
        for celsius, name in sorted(told, reverse=True)[:TEMPERATURES_SHOWN]
    ]
    more = len(told) - len(shown)
    if more:
        shown.append(f"{more} cooler ones")
    if silent:
        shown.append(f"not to be believed: {', '.join(silent)}")
    return f"warmth   {', '.join(shown or ['no sensor'])}"


def _gpus(machine: Telemetry) -> Iterator[str]:
    if machine.gpu_error:
        yield f"gpu      {machine.gpu_error}"
    for gpu in machine.gpus:
        yield f"gpu {gpu.index:<4} {_gpu(gpu)}"


def _gpu(gpu: GpuTelemetry) -> str:
    memory = [
        None if mib is None else mib / 1024 for mib in (gpu.memory_used_mib, gpu.memory_total_mib)
    ]
    cells = [
        gpu.name,
        f"{_number(gpu.utilization_percent)} %",
        f"{_number(memory[0], 1)} of {_number(memory[1], 1)} GiB",
        f"{_number(gpu.celsius)} C",
        f"{_number(gpu.watts)} of {_number(gpu.limit_watts)} W",
        f"{_number(gpu.sm_mhz)} MHz",
    ]
    if gpu.held_back_by:
        cells.append(f"held back: {', '.join(gpu.held_back_by)}")
    return ", ".join(cells)


def _number(value: float | None, digits: int = 0) -> str:
    return "?" if value is None else f"{value:,.{digits}f}"


def _server(look: Look, since: Change | None) -> str:
    server = look.server
    if server is None:
        return f"server   {look.state}" + (f"; {look.server_error}" if look.server_error else "")
    waiting = f"{server.deferred} waiting" if server.deferred else "none waiting"
    speed = f"{server.predicted_tokens_per_s:.1f} tokens/s an answer on average"
    if since and since.tokens_per_s:
        speed += f", {since.tokens_per_s:.1f} in all just now"
    total = f"{server.predicted_tokens:,} tokens since its start"
    return f"server   {look.state}, {server.processing} being answered, {waiting}; {speed}; {total}"


def _left(left: timedelta) -> str:
    minutes = int(left.total_seconds() // 60)
    if minutes < 0:
        return "is over"
    return f"ends in {minutes // 60} h {minutes % 60:02} min"
