"""What goes wrong while a large set is on its way: nothing false ever has its final name."""

from __future__ import annotations

import os
import random
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from freehold import lab
from freehold.apply.converge import converge
from freehold.apply.heard import Unheard
from freehold.apply.syncing import Syncing
from freehold.hosts.command import Command
from freehold.hosts.host import HostError, run_or_raise
from freehold.hosts.ssh import SshHost
from freehold.hosts.ssh_config import SshSettings
from freehold.plan.fileset import FileSet
from freehold.weights.manifest import Kind, Manifest
from freehold.weights.objects import StoreError
from freehold.weights.open import create_store
from freehold.weights.store import Store
from tests.apply.counted import CountedHost

MIB = 1 << 20
PIECE = 4 * MIB
SIZES = (136 * MIB + 77, 9 * MIB)  # worth two streams


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> tuple[Store, Manifest]:
    folder = tmp_path_factory.mktemp("large")
    store = create_store(folder / "store")
    entries = []
    for number, size in enumerate(SIZES):
        source = folder / f"part-{number}.gguf"
        source.write_bytes(os.urandom(size))
        entries.append(store.add(source, source.name, lambda _size: None, is_mine=True))
    manifest = Manifest(Kind.WEIGHTS, "large", entries[0].path, tuple(entries))
    store.declare(manifest)
    return store, manifest


class At(Unheard):
    """Does something once, when so many bytes have moved; counts them, and keeps what is told."""

    def __init__(self, after_bytes: int = 0, act: Callable[[], None] = lambda: None) -> None:
        self.sent_bytes, self._after, self._act = 0, after_bytes, act
        self.said: list[str] = []
        self._lock = threading.Lock()
        self._heard_of_what_is_there = False

    def moved(self, size_bytes: int) -> None:
        with self._lock:
            # The first that is heard is what was there.
            if not self._heard_of_what_is_there:
                self._heard_of_what_is_there = True
                return
            self.sent_bytes += max(size_bytes, 0)
            is_time = 0 < self._after <= self.sent_bytes
            if is_time:
                self._after = 0
        if is_time:
            self._act()

    def told(self, text: str) -> None:
        self.said.append(text)


def bring(box: SshHost, large: tuple[Store, Manifest], at: At) -> None:
    store, manifest = large
    converge(box, [FileSet(manifest)], store, Syncing(lambda _step: at))


def out(box: SshHost, script: str) -> str:
    return run_or_raise(box, Command(script, "a test")).strip()


def final(box: SshHost, manifest: Manifest) -> str:
    """The set's folder, if anything has its final name."""
    return out(box, f"ls -d {manifest.node_folder} 2>/dev/null || true")


def require_whole(box: SshHost, manifest: Manifest) -> None:
    found = out(box, f"cd {manifest.node_folder} && sha256sum part-*").splitlines()
    assert [line.split()[0] for line in found] == [file.sha256 for file in manifest.files]
    assert out(box, f"ls -d {manifest.node_folder}.partial 2>/dev/null || true") == ""


AGENTS = "grep -lz '^/var/lib/freehold/agent/' /proc/[0-9]*/cmdline 2>/dev/null"


def kill_agents(box: SshHost, which: str) -> Callable[[], None]:
    """The processes on the box that receive: of this test, as the box is."""
    words = f"for f in $({AGENTS}); do p=${{f%/cmdline}}; tr '\\0' ' ' <$f | grep -q ' {which}' "
    script = f"{words} && kill -9 ${{p#/proc/}}; done; true"
    return lambda: run_aside(box, script)


def run_aside(box: SshHost, script: str) -> None:
    with box.another() as other:
        run_or_raise(other, Command(script, "a test"))


@pytest.mark.parametrize("seed", range(3))
def test_a_receiver_that_is_killed_leaves_only_what_is_right(
    box: CountedHost, large: tuple[Store, Manifest], seed: int
) -> None:
    chosen = random.Random(seed)  # noqa: S311 - the same moments each time
    at = At(chosen.randrange(1, sum(SIZES) * 2 // 3), kill_agents(box, "receive"))
    with pytest.raises(HostError, match="syncing large: exit"):
        bring(box, large, at)
    assert final(box, large[1]) == ""
    again = At()
    bring(box, large, again)
    require_whole(box, large[1])
    # What had landed but was not yet told of, and one piece a stream.
    assert again.sent_bytes <= sum(SIZES) - at.sent_bytes
    assert at.said == []


def test_a_second_receiver_that_is_killed_ends_the_sync_and_the_next_goes_on(
    box: CountedHost, large: tuple[Store, Manifest]
) -> None:
    at = At(20 * MIB, kill_agents(box, "land"))
    with pytest.raises(HostError, match="syncing large: exit 137"):
        bring(box, large, at)
    bring(box, large, At())
    require_whole(box, large[1])


class Cable(At):
    """Pulls the box's cable on the way, and puts it back when the loss is noticed."""

    def __init__(self, box: lab.Box) -> None:
        super().__init__(30 * MIB, box.unplug)
        self._box = box

    def moved(self, size_bytes: int) -> None:
        if size_bytes < 0:  # connected anew: what is there comes next
            self._heard_of_what_is_there = False
        else:
            super().moved(size_bytes)

    def told(self, text: str) -> None:
        super().told(text)
        self._box.plug()


def test_a_cable_that_is_pulled_stops_a_sync_only_until_it_is_back(
    box: CountedHost, large: tuple[Store, Manifest], lab_boxes: lab.Lab
) -> None:
    cable = Cable(lab_boxes.boxes[0])
    try:
        bring(box, large, cable)
    finally:
        lab_boxes.boxes[0].plug()
    require_whole(box, large[1])
    assert cable.said
    assert cable.sent_bytes <= sum(SIZES)  # nothing that had landed was sent again


def test_a_box_that_loses_power_goes_on_where_it_was(
    box: CountedHost, large: tuple[Store, Manifest], lab_boxes: lab.Lab
) -> None:
    machine = lab_boxes.boxes[0]
    at = At(60 * MIB, machine.cut_power)
    try:
        with pytest.raises(HostError):
            bring(box, large, at)
    finally:
        machine.start()
    box.restart()
    assert final(box, large[1]) == ""
    again = At()
    bring(box, large, again)
    require_whole(box, large[1])


def test_a_piece_that_rots_while_a_sync_lies_broken_off_is_found_and_sent_again(
    box: CountedHost, large: tuple[Store, Manifest]
) -> None:
    path = f"{large[1].node_folder}.partial/part-0.gguf"
    journal = f"{large[1].node_folder}.partial/.freehold-journal"
    at = At(40 * MIB, kill_agents(box, "receive"))
    with pytest.raises(HostError, match="syncing large: exit"):
        bring(box, large, at)
    out(
        box,
        f"read -r file piece <{journal}; [ $file = 0 ] || exit 1; "
        f"printf rot | dd of={path} bs=1 seek=$((piece * {PIECE} + 12345)) conv=notrunc",
    )
    again = At()
    bring(box, large, again)
    require_whole(box, large[1])
    assert again.said == []


def test_two_syncs_to_one_node_end_with_one_whole_set(
    box: CountedHost, large: tuple[Store, Manifest], lab_boxes: lab.Lab
) -> None:
    second = SshHost("node-1", lab_boxes.boxes[0].name, SshSettings(lab_boxes.ssh_config))
    heard = (At(), At())
    threads = [
        threading.Thread(target=bring, args=(host, large, at))
        for host, at in zip((box, second), heard, strict=True)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    second.close()
    require_whole(box, large[1])
    assert sum(at.sent_bytes for at in heard) == sum(SIZES)


def test_a_file_that_changes_in_the_store_under_the_sync_is_refused(
    box: CountedHost, large: tuple[Store, Manifest], tmp_path: Path
) -> None:
    _, manifest = large
    blob = large[0].path_of(manifest.files[0])
    assert blob is not None
    content = blob.read_bytes()
    end = len(content) - 100

    def change() -> None:
        blob.chmod(0o644)
        with blob.open("r+b") as file:
            file.seek(end)
            file.write(b"other")

    try:
        with pytest.raises(StoreError, match=r"part-0\.gguf is damaged in the store"):
            bring(box, large, At(8 * MIB, change))
    finally:
        blob.write_bytes(content)
    assert final(box, manifest) == ""
    bring(box, large, At())
    require_whole(box, manifest)


def test_links_and_strangers_in_the_staging_folder_are_swept_away(
    box: CountedHost, large: tuple[Store, Manifest]
) -> None:
    manifest = large[1]
    staging = f"{manifest.node_folder}.partial"
    out(
        box,
        f"mkdir -p {staging} && cd {staging} && echo precious >/root/precious && "
        "ln -s /root/precious part-0.gguf && ln /root/precious part-1.gguf && mknod null c 1 3 && "
        "mkfifo pipe && mkdir -p deep/er && ln -s /etc deep/er/etc",
    )
    bring(box, large, At())
    require_whole(box, manifest)
    assert out(box, "cat /root/precious; rm /root/precious") == "precious"
    assert out(box, f"find {manifest.node_folder} ! -type f ! -type d") == ""


def test_a_second_set_shares_what_it_has_of_the_first(
    box: CountedHost, large: tuple[Store, Manifest]
) -> None:
    store, manifest = large
    other = Manifest(Kind.WEIGHTS, "revised", "part-1.gguf", (manifest.files[1],))
    bring(box, large, At())
    at = At()
    bring(box, (store, other), at)
    assert at.sent_bytes == 0
    inodes = f"stat -c %i {manifest.node_folder}/part-1.gguf {other.node_folder}/part-1.gguf"
    assert len(set(out(box, inodes).split())) == 1
