"""A set to several real boxes at once: what each node is sent, and what goes wrong on the way."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from freehold import lab
from freehold.apply import fanout_member
from freehold.apply.fanout import Fanout
from freehold.errors import FreeholdError
from freehold.hosts.host import HostError
from freehold.hosts.ssh import SshHost
from freehold.hosts.ssh_config import SshSettings
from freehold.weights.manifest import Manifest
from freehold.weights.store import Store
from tests.apply.fanning import (
    LOOK,
    MIB,
    Counted,
    Side,
    carry_all,
    each_closed,
    fill,
    out,
    require_whole,
    tx_bytes,
)

SIZES = (40 * MIB, 40 * MIB - 4321, 3000, 16 * MIB)
# Wheels, the agent, orders, and what the protocols add: not the set.
BESIDE_BYTES = 40 * MIB

CLEAN = """
for table in $(nft list tables | sed 's/^table //; s/ /./'); do
  nft delete table "${table%.*}" "${table#*.}"; done
umount /var/lib/freehold 2>/dev/null
rm -rf /var/lib/freehold/weights"""

# By pid, of what runs in the box.
KILL = """
for process in /proc/[0-9]*; do
  case $(tr '\\0' ' ' <$process/cmdline) in *'.pyz swarm '*) echo ${process#/proc/};; esac
done 2>/dev/null >/run/killed; cat /run/killed; xargs -r kill -9 </run/killed"""


@pytest.fixture(scope="module")
def lab_of_three() -> Iterator[lab.Lab]:
    if reason := lab.unsupported():
        pytest.skip(reason)
    folder = lab.default_state_dir().with_name("lab-tests")
    with lab.temporary(3, folder, packages=("nftables",)) as three:
        yield three


@pytest.fixture(scope="module")
def connections(lab_of_three: lab.Lab) -> Iterator[list[SshHost]]:
    settings = SshSettings(lab_of_three.ssh_config)
    hosts = [SshHost(box.name, box.name, settings) for box in lab_of_three.boxes]
    with each_closed(hosts):
        yield hosts


@pytest.fixture
def boxes(connections: list[SshHost]) -> Iterator[list[SshHost]]:
    yield connections
    for host in connections:
        out(host, CLEAN)


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> tuple[Store, Manifest]:
    """Four files of 96 MB together."""
    return fill(tmp_path_factory.mktemp("fanout"), *SIZES)


def test_each_byte_is_sent_once_for_three_nodes(
    boxes: list[SshHost], filled: tuple[Store, Manifest], lab_of_three: lab.Lab
) -> None:
    store, manifest = filled
    throttle, before = Counted(), tx_bytes(lab_of_three)
    sides = carry_all(boxes, manifest, store, throttle)
    assert [side.error for side in sides] == [None] * 3
    assert [side.ear.told_lines for side in sides] == [[]] * 3
    for host, side in zip(boxes, sides, strict=True):
        require_whole(host, manifest)
        assert side.ear.moved_bytes == manifest.size_bytes
    assert throttle.sent_bytes == manifest.size_bytes
    assert tx_bytes(lab_of_three) - before < manifest.size_bytes + BESIDE_BYTES


def test_a_node_that_joins_later_gets_from_the_others_what_they_were_sent(
    boxes: list[SshHost], filled: tuple[Store, Manifest]
) -> None:
    store, manifest = filled
    fanout, late = Fanout(), list[Side]()

    def join() -> None:
        late.append(Side(fanout, boxes[2], manifest, store, throttle))
        # What is being sent is held back until the new node has got something from the others.
        assert late[0].ear.has_moved.wait(60)

    throttle = Counted(30 * MIB, join)
    sides = [Side(fanout, host, manifest, store, throttle) for host in boxes[:2]]
    for side in sides:
        side.join()
    late[0].join()
    for host in boxes:
        require_whole(host, manifest)
    assert throttle.sent_bytes == manifest.size_bytes


def test_a_node_whose_part_is_killed_takes_part_again_and_the_others_go_on(
    boxes: list[SshHost], filled: tuple[Store, Manifest]
) -> None:
    store, manifest = filled
    throttle = Counted(30 * MIB, lambda: killed.append(out(boxes[0], KILL)))
    killed = list[str]()
    sides = carry_all(boxes, manifest, store, throttle)
    assert [side.error for side in sides] == [None] * 3
    assert killed[0].split()
    assert sides[0].ear.told_lines
    for host, side in zip(boxes, sides, strict=True):
        require_whole(host, manifest)
        assert side.ear.moved_bytes == manifest.size_bytes


def test_what_a_stopped_fan_out_had_brought_is_not_sent_again(
    boxes: list[SshHost], filled: tuple[Store, Manifest]
) -> None:
    store, manifest = filled

    def stop() -> None:
        raise FreeholdError.of("a test", "stopped")

    class Stopping(Counted):
        def take(self, size_bytes: int) -> None:
            super().take(size_bytes)
            if self.sent_bytes > 60 * MIB:
                stop()

    first = Stopping()
    sides = carry_all(boxes, manifest, store, first)
    assert all(side.error is not None for side in sides)
    for host in boxes:
        assert out(host, f"ls -d {manifest.node_folder} 2>/dev/null || true") == ""
        assert out(host, LOOK) == ""
    second = Counted()
    sides = carry_all(boxes, manifest, store, second)
    assert [side.error for side in sides] == [None] * 3
    for host, side in zip(boxes, sides, strict=True):
        require_whole(host, manifest)
        assert side.ear.moved_bytes == manifest.size_bytes
    # What was on its way when it was stopped, of each of three streams, and the three refused.
    pieces = 3 * (1 + fanout_member.RUN_BYTES_MAX // manifest.piece_bytes)
    assert second.sent_bytes < manifest.size_bytes - 60 * MIB + pieces * manifest.piece_bytes


def test_a_node_that_gives_out_wrong_bytes_harms_nobody(
    boxes: list[SshHost], filled: tuple[Store, Manifest], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fanout_member, "STALL_S", 2)
    store, manifest = filled
    carry_all(boxes[:1], manifest, store)
    staging = f"{manifest.node_folder}.partial"
    # As after an interrupted sync whose disk then went bad: of the pieces that the journal has,
    # the file has some no more.
    lines = "".join(f"0 {piece}\\n" for piece in range(7))
    wrong = f"{staging}/{manifest.files[0].path}"
    out(
        boxes[0],
        f"mv {manifest.node_folder} {staging}; rm {staging}/.freehold-proof; "
        f"chmod -R u+w {staging}; "
        f"printf '{lines}' >{staging}/.freehold-journal; "
        f"dd if=/dev/zero of={wrong} bs=1M seek=5 count=15 conv=notrunc status=none",
    )
    sides = carry_all(boxes, manifest, store)
    assert [side.error for side in sides] == [None] * 3
    assert "came wrong" in " ".join(line for side in sides[1:] for line in side.ear.told_lines)
    for host, side in zip(boxes, sides, strict=True):
        require_whole(host, manifest)
        assert side.ear.moved_bytes == manifest.size_bytes


def test_nodes_that_do_not_reach_each_other_are_sent_all(
    boxes: list[SshHost], filled: tuple[Store, Manifest], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fanout_member, "STALL_S", 2)
    store, manifest = filled
    for host in boxes[:2]:
        out(
            host,
            "nft add table inet t; nft add chain inet t i '{type filter hook input priority 0;}';"
            "nft add rule inet t i tcp dport != 22 ct state new drop",
        )
    sides = carry_all(boxes[:2], manifest, store)
    assert [side.error for side in sides] == [None] * 2
    for host, side in zip(boxes[:2], sides, strict=True):
        assert "no byte came from the other nodes" in " ".join(side.ear.told_lines)
        out(host, "nft delete table inet t")
        require_whole(host, manifest)


def test_a_full_disk_fails_its_own_node_alone(
    boxes: list[SshHost], filled: tuple[Store, Manifest]
) -> None:
    store, manifest = filled
    out(boxes[0], "mkdir -p /var/lib/freehold; mount -t tmpfs -o size=60m tmpfs /var/lib/freehold")
    sides = carry_all(boxes, manifest, store)
    assert isinstance(sides[0].error, HostError)
    assert "No space left" in str(sides[0].error)
    for host in boxes[1:]:
        require_whole(host, manifest)


def test_without_a_build_of_libtorrent_a_node_is_sent_all_and_told_why(
    boxes: list[SshHost], tmp_path: Path
) -> None:
    store, manifest = fill(tmp_path, 65 * MIB, with_wheels=False)
    throttle = Counted()
    sides = carry_all(boxes[:2], manifest, store, throttle)
    assert [side.error for side in sides] == [None] * 2
    assert throttle.sent_bytes == 2 * manifest.size_bytes
    for host, side in zip(boxes[:2], sides, strict=True):
        require_whole(host, manifest)
        [told] = side.ear.told_lines
        assert "the store has no libtorrent for cp3" in told
        assert "Hint: fab weights.tools puts it there" in told
