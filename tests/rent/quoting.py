"""A model to be carried, and quotes for it, as the tests of quotes have them."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from functools import cache
from typing import Any

from freehold.catalog.models import known_model
from freehold.catalog.terrain import catalogue_shape
from freehold.rent.lease import Market
from freehold.rent.need import Need
from freehold.rent.quote import Quote, quote
from freehold.rent.row import Row
from freehold.rent.wish import Wish
from freehold.sizing.model import ModelShape
from freehold.sizing.wishes import Wishes
from tests.aws.shop import Shop
from tests.aws.world import World

EAST, WEST = "us-east-1", "us-west-2"
WEEK = timedelta(days=7)


@cache
def glm() -> ModelShape:
    """GLM-5.2 in about 390 GB: eight H100s carry it, one does not."""
    return catalogue_shape(known_model("glm-5.2")[0], "UD-Q4_K_XL")


def need(**changes: Any) -> Need:
    """Of the model, at 2 Gbit/s from the store."""
    found = Need(glm(), Wishes(), glm().file_bytes, 2000.0)
    return replace(found, **changes)


def wish(*types: str, **changes: Any) -> Wish:
    """Four hours in one region."""
    return replace(Wish((EAST,), 4.0, types=types or ("p5.48xlarge",)), **changes)


def quoted(world: World, wish: Wish, need: Need) -> Quote:
    """Asked of the world, by its clock."""
    return quote(world.aws(), wish, need, world.clock())


def only(quote: Quote) -> Row:
    """The single row that it must have."""
    (row,) = quote.rows
    return row


def whys(row: Row) -> str:
    """All that rules it out."""
    return "; ".join(map(str, row.reasons))


def shop(world: World, **changes: Any) -> Shop:
    """In the world: prices at nine tenths of the catalogue's, quotas for four large machines."""
    found = replace(Shop.plain((EAST, WEST)), **changes)
    found.open(world)
    return found


SPOT = (Market.SPOT,)
BLOCK = (Market.BLOCK,)
