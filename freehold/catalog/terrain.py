"""What the catalogue knows beside a model that a header described: its like, and what to rent."""

from __future__ import annotations

from freehold.catalog.instances import instance_hardware, instances
from freehold.catalog.models import KnownModel, catalogue_header, known_model, known_models
from freehold.sizing.model import ModelShape
from freehold.sizing.shape import shape_of
from freehold.sizing.verdict import Market
from freehold.spec.economy import Prices


def catalogued(model: ModelShape) -> KnownModel | None:
    """The catalogue's model of the same make: its architecture, width and blocks."""
    for name in known_models():
        known = known_model(name)[0]
        made = (known.keys.get("embedding_length"), known.keys.get("block_count"))
        if known.architecture == model.architecture and made == (
            model.dimensions.embedding,
            len(model.blocks),
        ):
            return known
    return None


def market_of(prices: Prices) -> Market:
    """A stack's prices; nothing else is for sale."""
    return Market(
        usd_per_kwh=prices.usd_per_kwh,
        api_usd_per_million=prices.api_usd_per_million_tokens,
    )


def alternatives(model: ModelShape) -> Market:
    """The model's other quants, and every machine that can be rented."""
    known = catalogued(model)
    names = [quant.name for quant in known.quants] if known else []
    return Market(
        quants=tuple(
            shape_of(catalogue_header(known.name, name), known.name, name) for name in names
        )
        if known
        else (),
        machines=tuple(instance_hardware(each) for each in instances().values()),
    )
