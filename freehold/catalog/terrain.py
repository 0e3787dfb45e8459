"""What the catalogue knows beside a model that a header described: its like, and what to rent."""

from __future__ import annotations

from freehold.catalog.compare import differences
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


def catalogue_shape(known: KnownModel, quant: str) -> ModelShape:
    """One quant as the catalogue has it."""
    return shape_of(catalogue_header(known.name, quant), known.name, quant)


def unlike_catalogue(model: ModelShape, known: KnownModel) -> tuple[str, ...]:
    """How real files differ from the catalogue's quant of their size; the files hold."""
    near = min(known.quants, key=lambda quant: abs(quant.size_bytes - model.file_bytes))
    told = differences(catalogue_shape(known, near.name), model)
    return tuple(f"unlike the catalogue's {known.name} {near.name}: {line}" for line in told)


def market_of(prices: Prices) -> Market:
    """A stack's prices; nothing else is for sale."""
    return Market(
        usd_per_kwh=prices.usd_per_kwh,
        api_usd_per_million=prices.api_usd_per_million_tokens,
    )


def alternatives(model: ModelShape) -> Market:
    """The model's other quants, and every machine that can be rented."""
    known = catalogued(model)
    return Market(
        quants=tuple(catalogue_shape(known, quant.name) for quant in known.quants) if known else (),
        machines=tuple(instance_hardware(each) for each in instances().values()),
    )
