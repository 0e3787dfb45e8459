"""A second sync with nothing to do, and one that goes on after both ends were killed."""

from __future__ import annotations

import statistics

from bench.gauge import gauge, wire_bytes
from bench.legs import Leg, Trip
from bench.transfer_goals import NOTHING_S
from bench.transfer_rows import MIB, Finding
from freehold.errors import FreeholdError


def nothing_to_do(trip: Trip, leg: Leg, rounds: int) -> Finding:
    """Seconds of a whole process, its connection and Python's start with it."""
    trip.first(leg)
    argv = leg.argv(trip.cargo, trip.wire, trip.boxes)
    took_s = [gauge(trip.wire.lab, trip.boxes, argv).took_s for _ in range(rounds)]
    count = len(trip.cargo.manifest.files)
    what = f"nothing to do, {count} files, one node, the whole process"
    return Finding(what, statistics.median(took_s), NOTHING_S, " s")


def after_kill(trip: Trip, leg: Leg, goal_bytes: int) -> Finding:
    """What is sent twice where both ends are killed halfway, in MiB.

    Counted on the wire, in the share of the whole that a sync takes which nothing disturbs: so
    what TCP and SSH add is not in it.
    """
    size_bytes = trip.cargo.manifest.size_bytes
    whole = trip.first(leg).wire_bytes
    trip.clear(leg)
    lab, argv = trip.wire.lab, leg.argv(trip.cargo, trip.wire, trip.boxes)
    until = wire_bytes(lab) + whole // 2
    cut = gauge(lab, trip.boxes, argv, lambda: wire_bytes(lab) > until)
    if cut.wire_bytes > 0.9 * whole:
        raise FreeholdError.of("bench", "the sync was over before it could be killed halfway")
    rest = gauge(lab, trip.boxes, argv)
    trip.require(leg)
    again_bytes = (cut.wire_bytes + rest.wire_bytes) / whole * size_bytes - size_bytes
    what = f"sent again after kill -9 of both ends at {cut.wire_bytes / whole:.0%}"
    return Finding(what, again_bytes / MIB, goal_bytes / MIB, " MiB")
