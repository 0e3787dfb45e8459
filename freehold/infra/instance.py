"""The rented instance as a resource: launched under its lease, reached by keys that are pinned."""

from __future__ import annotations

from collections.abc import Callable, Set
from typing import TypedDict

from freehold.errors import FreeholdError
from freehold.infra.launching import affordable, wanted_of
from freehold.infra.lifecycle import Found
from freehold.infra.partial_error import PartialError
from freehold.infra.quoting import offers_known
from freehold.infra.reaching import way_of
from freehold.infra.renting import Renting, uninterrupted
from freehold.infra.values import UNKNOWN, Properties, has_unknown
from freehold.rent.book_error import LeaseBookError
from freehold.rent.end import command_to_end, end_instance
from freehold.rent.host_keys import NoHostKeysError
from freehold.rent.launch import Launched, launch
from freehold.rent.launched import UnfinishedError
from freehold.rent.lease import time_text
from freehold.rent.live import find
from freehold.rent.pin import pin
from freehold.rent.settle import claims_of, is_gone, note_end, settle
from freehold.weights.objects import StoreError

MADE = (
    "instance_id", "region", "zone", "instance_type", "market", "usd_per_hour", "address",
    "launched_at",
)  # fmt: skip
REACHED = ("ssh", "rented")
"""The outputs: those of a launch, and how it is reached."""


class WhileWaiting(TypedDict):
    """How a launch waits, and what ends it."""

    pause: Callable[[float], None]
    is_cancelled: Callable[[], bool]


class InstanceResource:
    """`in_state` are the ids that the state has: what another may take the place of, and no orphan
    of an interrupted `up`."""

    def __init__(self, renting: Renting, in_state: Set[str]) -> None:
        self._renting, self._in_state = renting, in_state

    def preview(self, urn: str, inputs: Properties, old: Properties) -> Properties:
        """Says of an interrupted `up` what it made, which would be taken up."""
        if old:
            known = {name: old[name] for name in (*MADE, *REACHED) if name in old}
            if "rented" in old:
                known |= way_of(inputs, old["address"], old["rented"])
            return {**inputs, **known}
        if not has_unknown(inputs["offers"]):
            offers = offers_known(inputs["offers"])
            self._renting.likely.expect(inputs["node"], offers[0].instance_type)
            if inputs["lease"] != UNKNOWN:
                self._say_orphans(urn, inputs["lease"], sorted({o.region for o in offers}))
        return {**inputs, **dict.fromkeys((*MADE, *REACHED), UNKNOWN)}

    def create(self, urn: str, inputs: Properties) -> tuple[str, Properties]:
        """One instance, whatever was killed before; PartialError once there is one."""
        launched, outputs = self._made(urn, inputs)
        return launched.instance_id, outputs

    def read(self, inputs: Properties, outputs: Properties) -> Found | None:
        """Gone only where AWS says so; an AWS that cannot be asked raises."""
        if "instance_id" not in outputs:
            raise FreeholdError.of(
                "import",
                "expected an instance of a lease of this stack",
                "there is no need to import it: pulumi up takes up what an earlier one made",
            )
        region, instance_id = outputs["region"], outputs["instance_id"]
        if is_gone(self._renting.aws, region, instance_id, self._renting.pause):
            return None
        return Found(inputs or outputs, outputs)

    def update(self, urn: str, inputs: Properties, old: Properties) -> Properties:
        """Finishes what a create began; nothing of an instance that runs is changed by it."""
        if all(name in old for name in (*MADE, *REACHED)):
            made = {name: old[name] for name in MADE}
            return {**inputs, **made, **way_of(inputs, old["address"], old["rented"])}
        launched, outputs = self._made(urn, inputs)
        if launched.instance_id != old["instance_id"]:
            raise FreeholdError.of(
                inputs["node"],
                f"expected {old['instance_id']}, which has ended: {launched.instance_id} is made",
                "pulumi up takes it up",
            )
        return outputs

    def delete(self, urn: str, outputs: Properties) -> None:
        """Ends it, and waits until AWS says so: a ledger that cannot be reached stops no end."""
        renting, say = self._renting, self._renting.say(urn)
        region, instance_id = outputs["region"], outputs["instance_id"]
        ended = end_instance(
            renting.aws, region, instance_id, renting.show(urn), pause=uninterrupted
        )
        say(claims_of(ended))
        try:
            note_end(renting.book(), outputs["lease"], ended)
        except (StoreError, LeaseBookError) as error:
            say(f"its end is not in the ledger yet: {error}")
        renting.keeping.ended(urn, instance_id, claims_of(ended))

    def _made(self, urn: str, inputs: Properties) -> tuple[Launched, Properties]:
        """The instance and all outputs. Raises PartialError where it is made and goes on to bill
        without them."""
        renting, say = self._renting, self._renting.say(urn)
        book = renting.book()
        record = settle(
            book,
            renting.aws,
            book.record(inputs["lease"]),
            inputs["root_gib"],
            lambda ended: renting.keeping.ended(urn, ended.instance_id, claims_of(ended)),
            renting.pause,
        )
        replaces = next(iter(sorted(self._in_state & {r.instance_id for r in record.live})), None)
        lease = affordable(book, record, inputs)
        waiting: WhileWaiting = {"pause": renting.pause, "is_cancelled": renting.is_cancelled}
        made = inputs
        try:
            wanted = wanted_of(book, record, inputs, replaces)
            launched = launch(renting.aws, book, lease, wanted, say, **waiting)
            made = {**inputs, **_told(launched)}
            reach = pin(renting.aws, book, lease, launched, inputs["user"], say, **waiting)
        except UnfinishedError as error:
            begun = {"instance_id": error.instance_id, "region": error.region}
            raise PartialError(error, error.instance_id, inputs, {**made, **begun}) from error
        except NoHostKeysError:
            raise  # it is ended
        except FreeholdError as error:
            if "instance_id" not in made:
                raise
            raise PartialError(error, made["instance_id"], inputs, made) from error
        return launched, {**made, **way_of(inputs, reach.address, reach.to_dict())}

    def _say_orphans(self, urn: str, token: str, regions: list[str]) -> None:
        for each in find(self._renting.aws, regions, token):
            if each.instance_id not in self._in_state:
                self._renting.say(urn)(
                    f"{each.instance_id} in {each.zone} is {each.state}: an earlier up made it, "
                    f"and this one takes it up; {command_to_end(each.region, each.instance_id)} "
                    "ends it"
                )


def _told(launched: Launched) -> Properties:
    return {
        "instance_id": launched.instance_id,
        "region": launched.region,
        "zone": launched.zone,
        "instance_type": launched.instance_type,
        "market": str(launched.market),
        "usd_per_hour": launched.usd_per_hour,
        "address": launched.address,
        "launched_at": time_text(launched.launched_at),
    }
