"""Routes: legs in turns over one link, each to boxes that have nothing of the cargo."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from bench.cargo import Cargo, make_cargo
from bench.gauge import Measure
from bench.legs import Leg, Trip
from bench.transfer_rows import GIB, MIB, Route, Samples, Transfers
from bench.wire import Link, laid
from freehold.errors import FreeholdError
from freehold.lab import Lab

Say = Callable[[str], None]


class Routes:
    """The boxes, the folder of what is moved, and the report that is filled."""

    def __init__(self, transfers: Transfers, say: Say, folder: Path, boxes: Lab) -> None:
        self.transfers, self.say, self.folder, self.boxes = transfers, say, folder, boxes
        self._cargoes: dict[tuple[int, int], Cargo] = {}

    def cargo(self, size_bytes: int, count: int) -> Cargo:
        """So many bytes in `count` files, made once."""
        if (size_bytes, count) not in self._cargoes:
            name = f"bench-{size_bytes // MIB}m-{count}"
            self.say(f"{size_bytes / GIB:.2g} GiB of random bytes in {count} files")
            self._cargoes[size_bytes, count] = make_cargo(self.folder, name, size_bytes, count)
        return self._cargoes[size_bytes, count]

    def travel(
        self,
        what: str,
        link: Link,
        cargo: Cargo,
        legs: Mapping[str, tuple[Leg, int]],
        rounds: int,
    ) -> Route:
        """Each of `legs` (by what it is called, with its number of boxes) once a round.

        One that fails is left out with its error, which the report has.
        """
        taken: dict[str, list[Measure]] = {name: [] for name in legs}
        with laid(link, self.boxes, self.folder) as wire:
            for number in range(rounds):
                for name in tuple(taken):
                    leg, count = legs[name]
                    trip = Trip(cargo, wire, self.boxes.boxes[:count])
                    self.say(f"{what}: {name}, {cargo.size_gib:.2g} GiB, {number + 1} of {rounds}")
                    try:
                        taken[name].append(trip.first(leg))
                    except FreeholdError as error:
                        del taken[name]
                        self.transfers.left_out.append(f"{what}: {name}: {error}")
                    trip.clear(leg)
        samples = (Samples(name, legs[name][0].proves, tuple(taken[name])) for name in taken)
        route = Route(what, cargo.manifest.size_bytes, tuple(samples))
        if route.legs:
            self.transfers.routes.append(route)
        return route
