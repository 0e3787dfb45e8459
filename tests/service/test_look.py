"""A look at a node in words, and what two of them say of the time between."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from freehold.facts.telemetry import TELEMETRY, Reader, rates
from freehold.service.look import Look, change
from freehold.service.look_lines import look_lines
from freehold.service.metrics import ServerMetrics
from freehold.warden.machine import READERS_MAX

CASE = Path(__file__).parents[1] / "facts/cases/telemetry/two_gpus_one_held_back.txt"
MACHINE = TELEMETRY.parse(CASE.read_text())
SERVER = ServerMetrics(1, 0, 1000, 8.25, 5000, 210.0)
NOW = datetime(2026, 11, 24, 18, 0, tzinfo=UTC)
LATER = replace(
    MACHINE,
    at_s=MACHINE.at_s + 2,
    disk_read_bytes={"nvme0n1": 9_000_000_000, "sda": 5},
    readers=(Reader(77, "llama-server", 8_000_000_000), Reader(99, "dd", 10_000_000)),
)


def test_a_node_is_told_line_by_line() -> None:
    before = Look(MACHINE, "ready", SERVER, None)
    now = Look(LATER, "ready", replace(SERVER, predicted_tokens=1030, deferred=2), None)
    told = look_lines(replace(now, deadline=NOW + timedelta(minutes=185)), change(before, now), NOW)
    assert told == [
        "load     3.2 1.8 1.4 on 32 threads, memory 167.0 of 188.0 GiB",
        "disk     512.0 GB free of 4,000.0 GB at /var/lib/freehold/weights; "
        "read: nvme0n1 2.0 GB/s (by llama-server 2.0 GB/s, dd 5.0 MB/s)",
        "warmth   coretemp/Package id 0 71 C, not to be believed: nct6775/SYSTIN (absurd: -128 C)",
        "gpu 0    NVIDIA GeForce RTX 3090, 98 %, 21.5 of 24.0 GiB, 83 C, 349 of 350 W, 1,395 MHz, "
        "held back: power cap, thermal, by software",
        "gpu 1    NVIDIA GeForce RTX 3090, 0 %, 0.0 of 24.0 GiB, 31 C, ? of 350 W, 210 MHz",
        "server   ready, 1 being answered, 2 waiting; 8.2 tokens/s an answer on average, "
        "15.0 in all just now; 1,030 tokens since its start",
        "lease    ends in 3 h 05 min",
    ]


def test_what_does_not_tell_is_said() -> None:
    machine = replace(MACHINE, gpus=(), temperatures=(), gpu_error="nvidia-smi did not answer")
    told = look_lines(Look(machine, "ready", None, "HTTP 501", NOW - timedelta(hours=1)), None, NOW)
    assert told[2:] == [
        "warmth   no sensor",
        "gpu      nvidia-smi did not answer",
        "server   ready; HTTP 501",
        "lease    is over",
    ]


def test_between_a_reboot_there_are_no_rates() -> None:
    assert rates(LATER, MACHINE) is None
    assert change(None, Look(MACHINE, "ready", SERVER, None)) is None


def test_a_server_that_began_again_has_no_speed_yet() -> None:
    again = replace(SERVER, predicted_tokens=3)
    found = change(Look(MACHINE, "ready", SERVER, None), Look(LATER, "ready", again, None))
    assert found is not None
    assert found.tokens_per_s is None


def test_a_process_that_comes_into_a_full_list_is_not_taken_for_a_new_one() -> None:
    full = tuple(Reader(n, "old", 1_000_000 + READERS_MAX - n) for n in range(READERS_MAX))
    before = replace(MACHINE, readers=full)
    found = rates(before, replace(LATER, readers=(Reader(999, "late", 1_000_101), *full)))
    assert found is not None
    assert found.readers == (("late", 50.0),)
