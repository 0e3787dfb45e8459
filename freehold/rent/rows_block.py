"""Rows of capacity blocks: the one that was bought, or those for sale, which a person buys."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime

from freehold.rent.asked import Unasked
from freehold.rent.blocks import ENDED_BEFORE, Block, Reservation
from freehold.rent.fitting import Fit
from freehold.rent.ground import Ground
from freehold.rent.lease import Market, Offer, time_text
from freehold.rent.money import hours_of, timing_notes
from freehold.rent.row import Reason, Row
from freehold.rent.sounding import answer_of
from freehold.rent.wish import Wish

PREPAID = "paid when the block was bought"


def block_rows(ground: Ground, fit: Fit, region: str) -> Iterator[Row]:
    """Of one type in one region; none where the block that was bought is of another."""
    sounding, wish, need, machine = ground.sounding, ground.wish, ground.need, fit.machine
    hours = hours_of(wish, need, fit)
    row = Row(fit, region, Market.BLOCK, hours=hours, notes=timing_notes(wish, need, fit, hours))
    if wish.reservation is None:
        answer = answer_of(sounding.blocks, (machine.instance_type, region))
        if isinstance(answer, Unasked):
            yield replace(row, reasons=(Reason(f"blocks are not known: {answer}", answer.hint),))
        elif not answer:
            why = f"no capacity block for sale in {region} that lasts {wish.hours:g} h"
            yield replace(row, reasons=(Reason(why),))
        else:
            yield from (_for_sale(row, block) for block in answer)
        return
    found = answer_of(sounding.reserved, region)
    if isinstance(found, Unasked):
        why = f"{wish.reservation} is not known: {found}"
        yield replace(row, reasons=(Reason(why, found.hint),))
    elif found is not None and found.instance_type == machine.instance_type:
        yield _bought(row, found, ground)


def _for_sale(row: Row, block: Block) -> Row:
    return replace(
        row,
        zones=(block.zone,),
        usd_per_hour=block.usd_per_hour,
        priced_at="AWS's offer, paid at once and whole",
        usd=block.usd,
        block=block,
        reasons=(
            Reason(
                f"to be bought first: {block.usd:.2f} USD for {block.hours} h from "
                f"{time_text(block.start)}",
                f"{block.bought_by(row.region)}; then freehold:rented.reservation: cr-...",
            ),
        ),
    )


def _bought(row: Row, found: Reservation, ground: Ground) -> Row:
    machine = row.fit.machine
    offer = Offer(
        machine.instance_type,
        row.region,
        found.zone,
        Market.BLOCK,
        0.0,
        machine.vcpus,
        PREPAID,
        found.reservation_id,
    )
    return replace(
        row,
        offers=(offer,),
        zones=(found.zone,),
        usd_per_hour=0.0,
        priced_at=PREPAID,
        usd=0.0,
        reasons=tuple(_against(found, ground.wish, ground.now)),
    )


def _against(found: Reservation, wish: Wish, now: datetime) -> Iterator[Reason]:
    if found.state != "active":
        begins = f", it begins {time_text(found.start)}" if found.start else ""
        yield Reason(f"{found.reservation_id} is {found.state}, not active{begins}")
    elif found.available < 1:
        yield Reason(f"all of {found.reservation_id} is in use")
    if found.end is not None and now + wish.lasts > found.end - ENDED_BEFORE:
        hours = max((found.end - ENDED_BEFORE - now).total_seconds() / 3600, 0)
        yield Reason(
            f"{found.reservation_id} ends {time_text(found.end)}, and AWS ends what runs in it "
            f"from {ENDED_BEFORE.seconds // 60} min before; the lease of {wish.hours:g} h "
            "would end later",
            f"freehold:rented.hours of at most {hours:.2f}",
        )
    wanted = wish.zones
    if wanted and found.zone not in wanted:
        yield Reason(f"{found.reservation_id} is in {found.zone}, none of freehold:rented.zones")
