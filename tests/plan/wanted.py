"""What the tables of the plans want, and the facts of a box where it holds."""

from __future__ import annotations

import dataclasses
from typing import Any

from freehold.facts.box import BoxFacts
from freehold.facts.file import FileFacts
from freehold.facts.fileset import FileSetFacts
from freehold.facts.unit import UnitFacts, WatchedFile
from freehold.plan.file import File
from freehold.plan.steps import (
    PlaceFile,
)
from freehold.plan.unit import Unit
from freehold.weights.manifest import FileEntry, Kind, Manifest

GIB = 1 << 30
BOX = BoxFacts(
    os="Debian GNU/Linux 12 (bookworm)",
    arch="x86_64",
    kernel="6.1.0-41-amd64",
    machine_id="01",
    boot_id="02",
    systemd_version=252,
    cpu_model="AMD EPYC",
    cores=2,
    threads=2,
    memory_bytes=24 * GIB,
    memory_available_bytes=20 * GIB,
    disk_bytes=100 * GIB,
    disk_available_bytes=50 * GIB,
    clock_s=1_795_463_396,
    gpus=(),
    nvidia=(),
    missing_tools=(),
)
WEIGHTS = Manifest(
    kind=Kind.WEIGHTS,
    name="m",
    entry="m-1.gguf",
    files=(
        FileEntry(path="m-1.gguf", size_bytes=3 * GIB, sha256="a" * 64, pieces_root="a" * 64),
        FileEntry(path="m-2.gguf", size_bytes=2 * GIB, sha256="b" * 64, pieces_root="b" * 64),
    ),
)
ENGINE = dataclasses.replace(WEIGHTS, kind=Kind.ENGINE)
BOTH = frozenset({"m-1.gguf", "m-2.gguf"})
SET = FileSetFacts(BOTH, 0, 50 * GIB, ())
FILE = File("/etc/freehold/x", b"content\n", "0600", is_secret=True)
PLACED = FileFacts("0600", "root:root", b"content\n")
UNIT = Unit("u.service", ("/etc/a", "/etc/b"), 8080)
RUNNING = UnitFacts(
    load_state="loaded",
    active_state="active",
    sub_state="running",
    is_enabled=True,
    needs_daemon_reload=False,
    main_pid=42,
    restarts=0,
    started_at_s=1000.0,
    drop_ins=(),
    watched={"/etc/a": WatchedFile("a" * 64, 999.0), "/etc/b": WatchedFile("b" * 64, 1000.0)},
    port_holder=None,
)
STOPPED = dataclasses.replace(RUNNING, active_state="inactive", main_pid=0, started_at_s=None)
PLACE = PlaceFile("/etc/freehold/x", b"content\n", "0600", True)


def but(facts: Any, **changes: Any) -> Any:
    return dataclasses.replace(facts, **changes)


def watched(**changed_at_s: float | None) -> dict[str, WatchedFile | None]:
    files = {"a": WatchedFile("a" * 64, 999.0), "b": WatchedFile("b" * 64, 1000.0)}
    for name, at_s in changed_at_s.items():
        files[name] = None if at_s is None else WatchedFile("c" * 64, at_s)  # type: ignore[assignment]
    return {f"/etc/{name}": file for name, file in files.items()}
