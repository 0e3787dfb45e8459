"""Facts: what boxes of many kinds print, a case a file, and what is never taken for "absent"."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from freehold.facts.box import BOX
from freehold.facts.driver import driver_fact
from freehold.facts.fact import Fact, gather
from freehold.facts.file import file_fact
from freehold.facts.fileset import file_set_fact
from freehold.facts.hardware import hardware_fact
from freehold.facts.package import package_fact
from freehold.facts.telemetry import TELEMETRY
from freehold.facts.unit import unit_fact
from freehold.facts.verified import verified_fact
from freehold.hosts.host import HostError
from freehold.weights.manifest import FileEntry, Kind, Manifest
from tests.hosts.fake import FakeHost

CASES = Path(__file__).with_name("cases")
TWO_FILES = Manifest(
    kind=Kind.ENGINE,
    name="tool",
    entry="llama-server",
    files=(
        FileEntry(
            path="llama-server",
            size_bytes=7,
            sha256="a" * 64,
            pieces_root="a" * 64,
            executable=True,
        ),
        FileEntry(path="lib/libggml.so", size_bytes=5, sha256="b" * 64, pieces_root="b" * 64),
    ),
)
FACTS: dict[str, Fact[Any]] = {
    "box": BOX,
    "unit": unit_fact("llama-server.service", ("/etc/ssh/sshd_config", "/nope"), 8080),
    "timer": unit_fact("freehold-verify.timer", ("/etc/systemd/system/freehold-verify.timer",)),
    "verified": verified_fact(TWO_FILES),
    "file": file_fact("/etc/hostname"),
    "fileset": file_set_fact(TWO_FILES),
    "driver": driver_fact(),
    "hardware": hardware_fact("llama-server.service"),
    "package": package_fact("haproxy", ("haproxy.service",)),
    "telemetry": TELEMETRY,
}


def shown(facts: Any) -> Any:
    """Facts as JSON has them."""
    if dataclasses.is_dataclass(facts) and not isinstance(facts, type):
        return {
            field.name: shown(getattr(facts, field.name)) for field in dataclasses.fields(facts)
        }
    if isinstance(facts, dict):
        return {key: shown(value) for key, value in facts.items()}
    if isinstance(facts, bytes):
        return facts.decode("latin-1")
    if isinstance(facts, frozenset):
        return sorted(facts)
    if isinstance(facts, tuple):
        return [shown(fact) for fact in facts]
    return facts


@pytest.mark.parametrize("case", sorted(CASES.glob("*/*.txt")), ids=lambda p: p.stem)
def test_what_a_box_printed_is_read_as(case: Path) -> None:
    fact = FACTS[case.parent.name]
    assert shown(fact.parse(case.read_text())) == json.loads(case.with_suffix(".json").read_text())


KEYS = {
    "box": "os arch kernel machine_id boot_id cpu cores threads memory_kib available_kib disk "
    "clock",
    "unit": "MainPID NRestarts ExecMainStartTimestamp LoadState ActiveState SubState DropInPaths "
    "UnitFileState NeedDaemonReload",
    "fileset": "available staged",
    "timer": "LoadState ActiveState SubState UnitFileState NeedDaemonReload ActiveEnterTimestamp "
    "DropInPaths",
    "verified": "now verified bad",
    "driver": "distribution arch kernel boot_id machine_id local_time headers secure_boot loaded "
    "blacklisted",
    "package": "dpkg ours",
}
WHOLE = {"box": "debian12_minimal", "unit": "running_with_its_port", "fileset": "all_proven"}
WHOLE |= {"timer": "waiting", "verified": "whole", "package": "absent"}
WHOLE |= {"driver": "hgx_h100_upgraded_under_its_module"}


@pytest.mark.parametrize(("kind", "key"), [(k, key) for k in KEYS for key in KEYS[k].split()])
def test_a_missing_line_raises(kind: str, key: str) -> None:
    lines = (CASES / kind / f"{WHOLE[kind]}.txt").read_text().splitlines()
    left = [line for line in lines if not line.startswith(f"{key}=")]
    assert len(left) == len(lines) - 1
    with pytest.raises(LookupError):
        FACTS[kind].parse("\n".join(left))


UNREADABLE = [
    ("box", "cores=2", "cores=two"),
    ("box", "threads=2", "threads="),
    ("box", "memory_kib=24684092 kB", "memory_kib="),
    ("box", "clock=1795463396", "clock=now"),
    ("box", "disk=lab              264212084", "disk=lab"),
    ("unit", "MainPID=34", "MainPID="),
    ("unit", "Mon 2026-11-23 19:49:55.645299 UTC", "n/a"),
    ("unit", "1777976816.500000000", ""),
    ("package", "ours=no", "ours="),
    ("fileset", "found 7", "found"),
    ("fileset", "available=/dev/vda1", "available="),
    ("driver", "local_time=00:30", "local_time="),
    ("driver", "secure_boot=SecureBoot enabled", "secure_boot=Failed to read SecureBoot"),
    ("driver", "loaded=NVIDIA UNIX", "loaded=\nx=NVIDIA UNIX"),
    ("driver", "libnvidia-ml.so.580.95.05", "libnvidia-ml.so.1"),
    ("driver", "LoadState=loaded", "loaded"),
    ("driver", "ii |linux-headers-6.8.0-45-generic|6.8.0-45.45", "ii |linux-headers"),
]


@pytest.mark.parametrize(("kind", "good", "bad"), UNREADABLE)
def test_a_line_that_cannot_be_read_raises(kind: str, good: str, bad: str) -> None:
    text = (CASES / kind / f"{WHOLE[kind]}.txt").read_text()
    assert good in text
    with pytest.raises((ValueError, LookupError)):
        FACTS[kind].parse(text.replace(good, bad, 1))


@pytest.mark.parametrize("text", ["", "[]", "{}", "sh: python3: not found"])
def test_telemetry_that_cannot_be_read_raises(text: str) -> None:
    with pytest.raises((ValueError, LookupError)):
        TELEMETRY.parse(text)


@pytest.mark.parametrize("text", ["", "absen", "0644", "0644 a:a\nnot base64!", "0644 a b c\n"])
def test_a_file_that_cannot_be_read_is_not_absent(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - whichever words it has
        FACTS["file"].parse(text)


def test_every_answer_comes_in_one_round_trip_and_in_order() -> None:
    host = FakeHost()
    facts = [Fact(str(n), f"printf {n}; [ {n} = 1 ] && cd / || true", int) for n in range(20)]
    assert gather(host, facts) == list(range(20))
    assert len(host.commands) == 1
    assert gather(host, []) == []
    assert len(host.commands) == 1
    host.close()


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("echo trouble; exit 3", "one: exit 3\n  trouble"),
        ("echo what", "one: output that cannot be read"),
        ("kill -KILL $$", "gathering facts: zero: exit"),
    ],
)
def test_a_fact_that_fails_is_named_with_what_it_printed(script: str, words: str) -> None:
    host = FakeHost("node-1")
    with pytest.raises(HostError) as caught:
        gather(host, [Fact("zero", "echo 0", int), Fact("one", script, int)])
    assert f"node-1: {words}" in str(caught.value)
    host.close()
