"""Transfers of ours beside other tools: same bytes, same boxes, same links, in turns."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bench import transfer_goals as goals
from bench.bucket import Boto3, in_bucket
from bench.legs import Leg, Trip, ask
from bench.legs_aria2 import Aria2
from bench.legs_ours import Ours
from bench.legs_peers import PACKAGES, CatSsh, Rclone, Rsync, Scp
from bench.tls import Certificate, self_signed
from bench.transfer_again import after_kill, nothing_to_do
from bench.transfer_routes import Routes, Say
from bench.transfer_rows import GIB, MIB, Transfers
from bench.wire import BRIDGE, CAPPED, FAR, laid
from freehold import lab
from freehold.apply.fanout import SHARED_BYTES_MIN
from freehold.apply.throttle import Throttle
from freehold.errors import FreeholdError
from freehold.weights.open import open_store
from freehold.weights.tools import download_wheels, put_wheels, wheels

BOXES = 4
SHARDS = 4
MANY_FILES = 33  # of the manifest with which there is nothing to do
PUSH, PULL, SWARM = Ours("push"), Ours("pull"), Ours("swarm")
CAT, SCP, RSYNC = CatSsh(), Scp(), Rsync()


@dataclass(frozen=True)
class Scale:
    """How much is moved on each route, in bytes, and how often."""

    rounds: int
    near: int
    far: int
    capped: int
    four: int
    four_rounds: int

    @classmethod
    def of(cls, size_gib: float | None, rounds: int, *, is_quick: bool) -> Scale:
        """Of `size_gib` over the bridge, and in proportion elsewhere; quick: in some 4 minutes."""
        size = int((size_gib or (0.25 if is_quick else 2)) * GIB) // MIB * MIB
        if is_quick:
            return cls(min(rounds, 3), size, size // 2, size // 2, size, 1)
        return cls(rounds, size, size // 2, size // 2, size * 2, min(rounds, 2))


def measure(transfers: Transfers, say: Say, scale: Scale) -> None:
    """Fill `transfers`; what cannot be measured here is left out, and said."""
    if reason := lab.unsupported():
        raise FreeholdError.of("bench", f"lab boxes cannot run on this machine: {reason}")
    transfers.conditions = conditions()
    say(f"starting {BOXES} boxes with {', '.join(PACKAGES)}")
    # Not /tmp, which may be in memory.
    with (
        tempfile.TemporaryDirectory(prefix="freehold-bench-", dir="/var/tmp") as folder,
        lab.temporary(BOXES, lab.default_state_dir(), packages=PACKAGES) as boxes,
    ):
        routes = Routes(transfers, say, Path(folder), boxes)
        certificate = self_signed(Path(folder), boxes.gateway)
        parts: tuple[Callable[[], None], ...] = (
            lambda: one_node(routes, scale, certificate),
            lambda: four_nodes(routes, scale),
            lambda: from_bucket(routes, scale, certificate),
            lambda: again(routes, scale),
        )
        for part in parts:
            try:
                part()
            except FreeholdError as error:
                transfers.left_out.append(str(error))


def one_node(routes: Routes, scale: Scale, certificate: Certificate) -> None:
    """From a folder by SSH: over the bridge, far away, and where the link is what all wait for."""
    rclone, aria2 = Rclone(routes.folder / "known_hosts"), Aria2(routes.folder, certificate)
    findings = routes.transfers.findings
    cargo = routes.cargo(scale.near, SHARDS)
    legs = _named(CAT, SCP, RSYNC, rclone, aria2, PUSH)
    route = routes.travel(BRIDGE.name, BRIDGE, cargo, legs, scale.rounds)
    findings += goals.beside_cat(route, PUSH.name, CAT.name)
    legs = _named(CAT, RSYNC, rclone, aria2, PUSH)
    route = routes.travel(FAR.name, FAR, routes.cargo(scale.far, SHARDS), legs, scale.rounds)
    findings += goals.beside_cat(route, PUSH.name, CAT.name)
    findings += goals.beside_rsync(route, PUSH.name, RSYNC.name)
    cargo, legs = routes.cargo(scale.capped, SHARDS), _named(CAT, RSYNC, PUSH)
    route = routes.travel(CAPPED.name, CAPPED, cargo, legs, scale.rounds)
    findings += goals.beside_cat(route, PUSH.name, CAT.name)


def four_nodes(routes: Routes, scale: Scale) -> None:
    """One node and four behind the capped uplink; libtorrent is on the nodes already."""
    small = routes.cargo(2 * SHARED_BYTES_MIN, SHARDS)
    cargo = routes.cargo(scale.four, SHARDS)
    objects = open_store(cargo.store).objects
    version = "import sys; print('cp%d%d' % sys.version_info[:2])"
    box = routes.boxes.boxes[0]
    python, machine = ask(box, f'python3 -c "{version}"; uname -m').split()
    wanted = tuple(wheel for wheel in wheels() if wheel.fits(python, machine))
    download_wheels(routes.folder, wanted)
    put_wheels(objects, routes.folder, lambda _size_bytes: None)
    routes.say("libtorrent to the nodes")
    with laid(BRIDGE, routes.boxes, routes.folder) as wire:
        trip = Trip(small, wire, routes.boxes.boxes)
        trip.first(SWARM)
        trip.clear(SWARM)
    one, four = f"{PUSH.name}, one node", f"{SWARM.name}, {BOXES} nodes"
    legs: dict[str, tuple[Leg, int]] = {one: (PUSH, 1), four: (SWARM, BOXES)}
    what = f"{CAPPED.name}, to {BOXES} nodes"
    route = routes.travel(what, CAPPED, cargo, legs, scale.four_rounds)
    routes.transfers.findings += goals.four_beside_one(route, one, four)


def from_bucket(routes: Routes, scale: Scale, certificate: Certificate) -> None:
    """The node fetches by itself, over TLS."""
    cargo = routes.cargo(scale.near, SHARDS)
    folder = routes.folder / "bucket"
    routes.say("the cargo into a bucket")
    with in_bucket(cargo, routes.boxes, folder, certificate) as (there, variables):
        boto3 = Boto3(variables)
        what = "from a bucket over TLS"
        route = routes.travel(what, BRIDGE, there, _named(boto3, PULL), scale.rounds)
    routes.transfers.findings += goals.beside_boto3(route, PULL.name, boto3.name)


def again(routes: Routes, scale: Scale) -> None:
    """Over the bridge: nothing to do, and after a kill."""
    many = routes.cargo(MANY_FILES * MIB, MANY_FILES)
    large = routes.cargo(scale.near, SHARDS)
    findings, box = routes.transfers.findings, routes.boxes.boxes[:1]
    with laid(BRIDGE, routes.boxes, routes.folder) as wire:
        routes.say(f"nothing to do, {MANY_FILES} files")
        findings.append(nothing_to_do(Trip(many, wire, box), PUSH, scale.rounds))
        routes.say("kill -9 halfway, and again")
        goal_bytes = Throttle().connections * large.manifest.piece_bytes
        findings.append(after_kill(Trip(large, wire, box), PUSH, goal_bytes))


def conditions() -> str:
    """What a reader must know of how it was measured."""
    return (
        f"{os.cpu_count()} CPUs for this machine and its boxes together: both ends share them. "
        "Whole processes, connections begun anew, host keys verified, aes128-gcm.\n"
        "Random bytes, in the page cache of the sender. Ours flushes to the disk before a file "
        "has its name; the others do not.\n"
        "Every file is hashed on the box after each run, outside of its time. CPU and memory are "
        "of all processes of an end; of several nodes CPU is the sum, memory the largest.\n"
        '"CPU else" is what others on this machine used meanwhile: where it is much, times are '
        "theirs too. The cap is the kernel's token bucket on the bridge.\n"
        "The delay is a TCP proxy's, as not every kernel has netem: TCP's own windows do not feel "
        'it, and its CPU, about 1 s/GiB, is in "else".'
    )


def _named(*legs: Leg) -> dict[str, tuple[Leg, int]]:
    return {leg.name: (leg, 1) for leg in legs}
