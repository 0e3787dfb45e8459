"""Verifying sets on a real box: by hand, by the timer, and before the server starts."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from freehold.apply.converge import all_steps, converge, look, remove
from freehold.apply.verify import DamagedError, verify_on_node
from freehold.hosts.command import Command
from freehold.hosts.host import HostError, run_or_raise
from freehold.plan.box import Box
from freehold.plan.file import File
from freehold.plan.fileset import FileSet
from freehold.plan.item import Item
from freehold.plan.node import VERIFY
from freehold.plan.unit import Unit
from freehold.render.paths import (
    UNIT_FOLDER,
    VERIFY_TIMER,
    VERIFY_TIMER_PATH,
    VERIFY_UNIT,
    VERIFY_UNIT_PATH,
)
from freehold.render.service import verify_timer, verify_unit
from freehold.weights.manifest import FileEntry, Kind, Manifest
from freehold.weights.store import Store
from tests.apply.counted import CountedHost

MIB = 1 << 20
PIECE_BYTES = 4 * MIB
SERVER = "fh-test.service"


@pytest.fixture(autouse=True)
def _left(box: CountedHost) -> Iterator[None]:
    """The box is left, with the timer's units, which no other test knows of."""
    yield
    box.restart()
    remove(box, [Box(out(box, "uname -m"))])


def out(box: CountedHost, script: str) -> str:
    return run_or_raise(box, Command(script, "a test")).strip()


@pytest.fixture
def manifest(empty_store: Store, tmp_path: Path) -> Manifest:
    """Two files, of three pieces and of one."""
    entries: list[FileEntry] = []
    for name, size in {"m-1.gguf": 2 * PIECE_BYTES + 5, "m-2.gguf": MIB}.items():
        source = tmp_path / name
        source.write_bytes(os.urandom(size))
        entries.append(empty_store.add(source, name, lambda _size: None))
    manifest = Manifest(Kind.WEIGHTS, "m", "m-1.gguf", tuple(entries))
    empty_store.declare(manifest)
    return manifest


def flip(box: CountedHost, path: str, offset: int) -> None:
    """Another byte there, with nothing changed of what `stat` says."""
    out(
        box,
        f"cp -a --attributes-only {path} /run/fh-times; "
        f"printf '\\377\\376' | dd of={path} bs=1 seek={offset} conv=notrunc 2>/dev/null; "
        f"touch -r /run/fh-times {path}; rm /run/fh-times",
    )


def node(manifest: Manifest) -> list[Item]:
    """The set, its timer, and a server that starts only where the set may be served."""
    check = f"python3 -I {manifest.node_program} check 35 {manifest.node_folder}"
    server = (
        f"[Service]\nType=exec\nExecStartPre={check}\nExecStart=/bin/sleep infinity\n"
        "DynamicUser=yes\n[Install]\nWantedBy=multi-user.target\n"
    )
    return [
        FileSet(manifest),
        File(f"{UNIT_FOLDER}{SERVER}", server.encode()),
        File(VERIFY_UNIT_PATH, verify_unit(manifest).encode()),
        File(VERIFY_TIMER_PATH, verify_timer().encode()),
        VERIFY,
        Unit(SERVER, (manifest.node_proof,)),
    ]


def test_one_flipped_byte_is_found_named_and_mended_by_one_piece(
    box: CountedHost, empty_store: Store, manifest: Manifest
) -> None:
    converge(box, [FileSet(manifest)], empty_store)
    read: list[int] = []
    verify_on_node(box, manifest, read.append)
    assert sum(read) == manifest.size_bytes
    flip(box, f"{manifest.node_folder}/m-1.gguf", PIECE_BYTES + 9)
    assert converge(box, [FileSet(manifest)], empty_store) == ()
    with pytest.raises(DamagedError) as caught:
        verify_on_node(box, manifest)
    assert str(caught.value) == (
        f"node-1: {manifest.node_folder}/m-1.gguf\n"
        f"  expected what arrived, found other bytes at {PIECE_BYTES} to {2 * PIECE_BYTES}\n"
        "Hint: fab -H node-1 weights.sync fetches them again, and nothing else"
    )
    before = out(box, "cat /sys/class/net/host0/statistics/rx_bytes")
    converge(box, [FileSet(manifest)], empty_store)
    after = out(box, "cat /sys/class/net/host0/statistics/rx_bytes")
    assert PIECE_BYTES < int(after) - int(before) < PIECE_BYTES + MIB
    verify_on_node(box, manifest)
    assert converge(box, [FileSet(manifest)], empty_store) == ()


def test_a_set_that_is_not_there_cannot_be_verified(box: CountedHost, manifest: Manifest) -> None:
    with pytest.raises(HostError, match="verifying m: exit 1"):
        verify_on_node(box, manifest)


def test_a_node_is_converged_with_its_timer_and_left_as_it_was(
    box: CountedHost, empty_store: Store, manifest: Manifest
) -> None:
    units = "systemctl list-unit-files; ls -lR /etc/systemd/system; find /var/lib/systemd -type f"
    before = [line.split()[-1] for line in out(box, units).splitlines() if line]
    converge(box, node(manifest), empty_store)
    assert converge(box, node(manifest), empty_store) == ()
    assert out(box, f"systemctl is-active {VERIFY_TIMER} {SERVER}") == "active\nactive"
    assert out(box, f"systemctl is-enabled {VERIFY_TIMER}") == "enabled"
    remove(box, node(manifest))
    assert [line.split()[-1] for line in out(box, units).splitlines() if line] == before
    assert out(box, "ls -d /var/lib/freehold 2>/dev/null || true") == ""


@pytest.mark.parametrize("drift", [f"stop {VERIFY_TIMER}", f"disable -q --now {VERIFY_TIMER}"])
def test_a_timer_that_was_stopped_by_hand_is_drift(
    box: CountedHost, empty_store: Store, manifest: Manifest, drift: str
) -> None:
    converge(box, node(manifest), empty_store)
    out(box, f"systemctl {drift}")
    assert all_steps(box, node(manifest), look(box, node(manifest)))
    converge(box, node(manifest), empty_store)
    assert out(box, f"systemctl is-active {VERIFY_TIMER}") == "active"


def test_the_timers_service_finds_the_flip_and_the_server_starts_no_more(
    box: CountedHost, empty_store: Store, manifest: Manifest
) -> None:
    items = node(manifest)
    converge(box, items, empty_store)
    out(box, f"systemctl start {VERIFY_UNIT}")
    assert "no bad pieces" in out(box, f"journalctl -q -o cat --no-pager -u {VERIFY_UNIT}")
    path = f"{manifest.node_folder}/m-2.gguf"
    flip(box, path, 1000)
    assert box.run(Command(f"systemctl start {VERIFY_UNIT}", "a test")).exit_status
    told = f"{path}: bytes 0 to {MIB} are not what they were"
    assert told in out(box, f"journalctl -q -o cat --no-pager -p err -u {VERIFY_UNIT}")
    assert [type(step).__name__ for step in all_steps(box, items, look(box, items))] == [
        "SyncFileSet",
        "RestartUnit",
    ]
    # What ran goes on; what would start is refused, with the reason.
    assert out(box, f"systemctl is-active {SERVER}") == "active"
    out(box, f"systemctl stop {SERVER}")
    with pytest.raises(HostError) as caught:
        converge(box, items[-1:], empty_store)
    assert "m-2.gguf is not what its arrival proof says; fab weights.sync" in str(caught.value)
    converge(box, items, empty_store)
    assert out(box, f"systemctl is-active {SERVER}") == "active"


def test_a_set_that_was_not_read_for_too_long_is_not_served_until_it_was(
    box: CountedHost, empty_store: Store, manifest: Manifest
) -> None:
    converge(box, node(manifest), empty_store)
    mark = f"{manifest.node_folder}/.freehold-verified"
    out(box, f'sed -i \'s/"began_s": [0-9]*/"began_s": 1000000000/\' {mark}')
    restart = Command(f"systemctl restart {SERVER}", "a test")
    assert box.run(restart).exit_status
    said = out(box, f"journalctl -q -o cat --no-pager -u {SERVER}")
    assert "within 35 days, that was last on 2001-09-09 by this node's clock" in said
    verify_on_node(box, manifest)
    assert box.run(restart).exit_status == 0
