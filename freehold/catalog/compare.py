"""Where a real header says otherwise than the catalogue did."""

from __future__ import annotations

from dataclasses import fields

from freehold.sizing.model import ModelShape, Role

TOLERANCE = 0.01  # of the larger: the catalogue promises a published size within that


def differences(catalogue: ModelShape, real: ModelShape) -> list[str]:
    """A line for each thing that differs, with both; the real header holds. Empty: they agree."""
    plain = [
        ("architecture", catalogue.architecture, real.architecture),
        ("quant", catalogue.quant.removeprefix("UD-"), real.quant.removeprefix("UD-")),
        ("context", f"{catalogue.context_max_tokens} tokens", f"{real.context_max_tokens} tokens"),
        ("trunk", f"{len(catalogue.trunk)} blocks", f"{len(real.trunk)} blocks"),
        ("MTP", _mtp_blocks(catalogue), _mtp_blocks(real)),
        ("own indexers", _indexers(catalogue), _indexers(real)),
    ]
    ours, theirs = catalogue.dimensions, real.dimensions
    for field in fields(ours):
        expected, found = getattr(ours, field.name), getattr(theirs, field.name)
        plain.append((field.name.replace("_", " "), str(expected), str(found)))
    lines = [
        f"{what}: {found}, not {expected}" for what, expected, found in plain if found != expected
    ]
    for role in Role:
        expected = catalogue.bytes_by_role.get(role, 0)
        found = real.bytes_by_role.get(role, 0)
        if abs(found - expected) > TOLERANCE * max(found, expected):
            lines.append(f"{role}: {found / 1e9:.2f} GB, not {expected / 1e9:.2f} GB")
    return lines


def _mtp_blocks(model: ModelShape) -> str:
    return f"{len(model.blocks) - len(model.trunk)} blocks"


def _indexers(model: ModelShape) -> str:
    return f"{sum(block.has_indexer for block in model.blocks)} blocks"
