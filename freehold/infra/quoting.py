"""A lease's offers as its resource has them, from its inputs: quoted, and what forbids them all."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any

from freehold.errors import FreeholdError
from freehold.infra.values import Properties
from freehold.rent.aws import Aws, AwsError
from freehold.rent.details import details_of, value_of
from freehold.rent.lease import Offer
from freehold.rent.needed import need_of
from freehold.rent.quote import quote
from freehold.rent.quote_lines import quote_lines
from freehold.rent.regions import regions
from freehold.rent.wish import Wish
from freehold.spec.economy import Policy
from freehold.spec.server import Server
from freehold.weights.store import Store


def offers_of(
    aws: Aws,
    inputs: Properties,
    store: Store,
    spent_usd: float,
    now: datetime,
    say: Callable[[str], None],
) -> tuple[Offer, ...]:
    """What may be tried, in its order; `say` hears the table. Raises NoOfferError with every
    reason where there is nothing, and FreeholdError for a region that is off."""
    wish = Wish.of_dict(inputs["wish"])
    _require_on(aws, wish)
    server = dict(inputs["server"])
    if "devices" in server:
        server["devices"] = tuple(server["devices"])
    need = need_of(
        store,
        inputs["store"],
        inputs["weights"],
        Server(**server),
        Policy(**inputs["policy"]),
        types_are_given=bool(wish.types),
        spent_usd=spent_usd,
    )
    found = quote(aws, wish, need, now)
    say("\n".join(quote_lines(found)))
    return found.required_offers()


def offers_told(offers: Iterable[Offer]) -> list[dict[str, Any]]:
    """As properties: without what is None, which a state does not keep."""
    return [
        {key: value for key, value in details_of(offer).items() if value is not None}
        for offer in offers
    ]


def offers_known(told: Iterable[Mapping[str, Any]]) -> tuple[Offer, ...]:
    """Of `offers_told`."""
    return tuple(value_of(Offer, {"zone": None, **each}) for each in told)


def _require_on(aws: Aws, wish: Wish) -> None:
    try:
        off = regions(aws).off
    except AwsError:
        return  # the quote says what could not be asked
    if closed := [region for region in wish.regions if region in off]:
        raise FreeholdError.of(
            "freehold:rented.regions",
            f"expected regions that are on in this account, {', '.join(closed)} is off",
            f"aws account enable-region --region-name {closed[0]}",
        )
