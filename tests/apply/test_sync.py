"""Syncing sets of files to a real box: cut off, damaged, out of room, and gone on with."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from freehold.apply.converge import converge, look, remove
from freehold.apply.heard import Unheard
from freehold.apply.syncing import Syncing
from freehold.hosts.command import Command
from freehold.hosts.host import HostError, UnreachableError, run_or_raise
from freehold.plan.fileset import HEADROOM_BYTES, FileSet
from freehold.plan.item import PlanError
from freehold.weights.manifest import FileEntry, Kind, Manifest
from freehold.weights.objects import StoreError
from freehold.weights.store import Store
from tests.apply.counted import CountedHost, Died

MB = 1_000_000
OTHER_BYTES = 64 * 1024
"""More than the agent and the order of a few files take."""


def put(store: Store, folder: Path, files: dict[str, bytes]) -> Manifest:
    entries: list[FileEntry] = []
    for name, content in files.items():
        source = folder / "source" / name
        source.parent.mkdir(parents=True, exist_ok=True)
        source.write_bytes(content)
        entries.append(store.add(source, name, lambda _size: None))
    manifest = Manifest(kind=Kind.WEIGHTS, name="m", entry=entries[0].path, files=tuple(entries))
    store.declare(manifest)
    return manifest


@pytest.fixture
def manifest(empty_store: Store, tmp_path: Path) -> Manifest:
    """Six files of 2 MB each."""
    files = {f"part-{n}.gguf": os.urandom(2 * MB) for n in range(6)}
    return put(empty_store, tmp_path, files)


def out(box: CountedHost, script: str) -> str:
    return run_or_raise(box, Command(script, "a test")).strip()


def hashes(box: CountedHost, manifest: Manifest) -> dict[str, str]:
    folder = manifest.node_folder
    script = f"cd {folder} && find . -type f ! -name '.*' -printf '%P\\n' | xargs -r sha256sum"
    lines = [line.split() for line in out(box, script).splitlines()]
    return {path: sha256 for sha256, path in lines}


def require_whole(box: CountedHost, manifest: Manifest) -> None:
    assert hashes(box, manifest) == {file.path: file.sha256 for file in manifest.files}
    assert out(box, f"ls -d {manifest.node_folder}.partial 2>/dev/null || true") == ""


class Ear(Unheard):
    """Counts what it hears."""

    def __init__(self) -> None:
        self.moved_bytes = self.read_bytes = 0
        self._changed = threading.Condition()

    def moved(self, size_bytes: int) -> None:
        with self._changed:
            self.moved_bytes += size_bytes
            self._changed.notify_all()

    def wait_until_moved(self, size_bytes: int) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: self.moved_bytes >= size_bytes, timeout=60)

    def read_back(self, size_bytes: int) -> None:
        self.read_bytes += size_bytes


def test_a_set_arrives_whole_and_once(
    box: CountedHost, empty_store: Store, manifest: Manifest
) -> None:
    ear = Ear()
    converge(box, [FileSet(manifest)], empty_store, Syncing(lambda _step: ear))
    # Facts, the stream, and the facts that prove it.
    assert len(box.commands) == 3
    require_whole(box, manifest)
    assert ear.moved_bytes == ear.read_bytes == manifest.size_bytes
    assert manifest.size_bytes < box.streamed_bytes < manifest.size_bytes + OTHER_BYTES
    box.restart()
    assert converge(box, [FileSet(manifest)], empty_store) == ()
    assert (len(box.commands), box.streamed_bytes) == (1, 0)


def test_files_are_roots_and_nobody_may_write_them(
    box: CountedHost, empty_store: Store, tmp_path: Path
) -> None:
    tool = tmp_path / "source/tool"
    tool.parent.mkdir()
    tool.write_bytes(b"#!/bin/sh\n")
    tool.chmod(0o700)
    entry = empty_store.add(tool, "tool", lambda _size: None)
    plain = put(empty_store, tmp_path, {"a/b/plain": b"x"}).files
    both = Manifest(Kind.WEIGHTS, "both", "tool", (entry, *plain))
    converge(box, [FileSet(both)], empty_store)
    said = out(box, f"cd {both.node_folder} && stat -c '%a %U:%G %n' . a a/b tool a/b/plain")
    assert said.splitlines() == [
        "755 root:root .",
        "755 root:root a",
        "755 root:root a/b",
        "555 root:root tool",
        "444 root:root a/b/plain",
    ]


def test_odd_sets_arrive_whole(box: CountedHost, empty_store: Store, tmp_path: Path) -> None:
    same = os.urandom(MB)
    odd = put(
        empty_store,
        tmp_path,
        {
            "empty": b"",
            "also/empty": b"",
            "512": b"x" * 512,
            "513": b"x" * 513,
            "same-1": same,
            "deep/er/same-2": same,
            f"{'long-' * 30}name/{'very-' * 30}long": b"long",
        },
    )
    converge(box, [FileSet(odd)], empty_store)
    require_whole(box, odd)
    assert box.streamed_bytes < MB + OTHER_BYTES
    inodes = f"cd {odd.node_folder} && stat -c %i same-1 deep/er/same-2 | sort -u | wc -l"
    assert out(box, inodes) == "1"
    assert converge(box, [FileSet(odd)], empty_store) == ()


def test_what_an_interrupted_sync_brought_is_not_sent_again(
    box: CountedHost, empty_store: Store, manifest: Manifest
) -> None:
    ear = Ear()
    box.dies_after_bytes = 7 * MB
    box.before_death = lambda: ear.wait_until_moved(6 * MB)
    with pytest.raises(Died):
        converge(box, [FileSet(manifest)], empty_store, Syncing(lambda _step: ear))
    box.restart()
    found = look(box, [FileSet(manifest)])[0]
    assert found.proven == frozenset()
    assert out(box, f"ls -d {manifest.node_folder} 2>/dev/null || true") == ""
    assert converge(box, [FileSet(manifest)], empty_store)
    require_whole(box, manifest)
    # Three of the six came whole, of the fourth a part.
    assert box.streamed_bytes < 6 * MB + OTHER_BYTES


def test_a_sync_that_was_cancelled_is_gone_on_with(
    box: CountedHost, empty_store: Store, manifest: Manifest
) -> None:
    box.cancels_after_bytes = 7 * MB
    with pytest.raises(UnreachableError, match="syncing m: cancelled"):
        converge(box, [FileSet(manifest)], empty_store)
    box.restart()  # another controller takes over
    converge(box, [FileSet(manifest)], empty_store)
    require_whole(box, manifest)
    assert box.streamed_bytes < manifest.size_bytes


def test_a_byte_that_flipped_on_the_box_brings_that_file_alone(
    box: CountedHost, empty_store: Store, manifest: Manifest
) -> None:
    converge(box, [FileSet(manifest)], empty_store)
    path = f"{manifest.node_folder}/part-3.gguf"
    out(box, f"printf x | dd of={path} bs=1 seek=1000 conv=notrunc 2>/dev/null")
    box.restart()
    assert converge(box, [FileSet(manifest)], empty_store)
    require_whole(box, manifest)
    assert 2 * MB < box.streamed_bytes < 2 * MB + OTHER_BYTES


@pytest.mark.parametrize("loss", ["rm part-2.gguf", "rm .freehold-proof", "touch part-1.gguf"])
def test_no_more_than_what_was_lost_is_sent_again(
    box: CountedHost, empty_store: Store, manifest: Manifest, loss: str
) -> None:
    converge(box, [FileSet(manifest)], empty_store)
    out(box, f"cd {manifest.node_folder} && {loss}")
    box.restart()
    assert converge(box, [FileSet(manifest)], empty_store)
    require_whole(box, manifest)
    assert box.streamed_bytes < ("rm part" in loss) * 2 * MB + OTHER_BYTES


@pytest.mark.parametrize("damaged", [0, 5])
@pytest.mark.parametrize("how", ["flipped", "short", "long", "gone"])
def test_a_damaged_store_is_named_and_nothing_takes_its_place(
    box: CountedHost, empty_store: Store, manifest: Manifest, damaged: int, how: str
) -> None:
    file = manifest.files[damaged]
    blob = next(Path(empty_store.place).glob(f"blobs/*/{file.sha256}"))
    content = blob.read_bytes()
    changed = {"flipped": content[:-1] + b"?", "short": content[:-600], "long": content + b"?"}
    blob.unlink()
    if how in changed:
        blob.write_bytes(changed[how])
    with pytest.raises(StoreError) as caught:
        converge(box, [FileSet(manifest)], empty_store)
    assert file.path in str(caught.value)
    assert str(blob) in str(caught.value)
    assert out(box, f"ls -d {manifest.node_folder} 2>/dev/null || true") == ""


def disk(box: CountedHost, size_bytes: int) -> None:
    """Have a disk of that size at /var/lib/freehold."""
    mount = f"mount -t tmpfs -o size={size_bytes} fh-test /var/lib/freehold"
    out(box, f"mkdir -p /var/lib/freehold && {mount}")


def test_a_disk_that_is_too_small_is_said_before_anything_is_sent(
    box: CountedHost, empty_store: Store, manifest: Manifest
) -> None:
    disk(box, HEADROOM_BYTES)
    box.restart()
    with pytest.raises(PlanError, match="expected 280 MB free for m, found 268 MB"):
        converge(box, [FileSet(manifest)], empty_store)
    assert len(box.commands) == 1


def test_a_disk_that_filled_up_meanwhile_is_said_before_anything_is_sent(
    box: CountedHost, empty_store: Store, manifest: Manifest, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk(box, 7 * MB)
    monkeypatch.setattr("freehold.plan.fileset.HEADROOM_BYTES", -100 * MB)
    with pytest.raises(HostError) as caught:
        converge(box, [FileSet(manifest)], empty_store)
    assert "syncing m: exit" in str(caught.value)
    assert "No space left on device" in str(caught.value)
    assert box.streamed_bytes < OTHER_BYTES
    assert out(box, "ls /var/lib/freehold/weights | grep -v partial || true") == ""
    out(box, "mount -o remount,size=100M /var/lib/freehold")
    converge(box, [FileSet(manifest)], empty_store)
    require_whole(box, manifest)


def test_removing_a_set_removes_what_an_interrupted_sync_left_too(
    box: CountedHost, empty_store: Store, manifest: Manifest
) -> None:
    box.dies_after_bytes = 5 * MB
    with pytest.raises(Died):
        converge(box, [FileSet(manifest)], empty_store)
    box.restart()
    remove(box, [FileSet(manifest)])
    assert out(box, "ls -d /var/lib/freehold 2>/dev/null || true") == ""
