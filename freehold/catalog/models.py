"""The models that are known before any of their files is at hand."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from freehold.catalog.data_file import DATA, data_file
from freehold.catalog.recipe import Recipe
from freehold.catalog.structure import tensors
from freehold.errors import FreeholdError
from freehold.gguf.header import Header
from freehold.gguf.tensor import Tensor
from freehold.spec.nearest import nearest


@dataclass(frozen=True)
class Quant:
    """`size_bytes` is as published, of all shards together."""

    name: str
    size_bytes: int
    shards: int
    recipe: Recipe


@dataclass(frozen=True)
class KnownModel:
    """`quants` are ordered from the largest to the smallest: the best that fits comes first.

    `source` is a repository, in which `shard_path` names a quant's files. `parameters` counts
    "total", "with_mtp" and "active". `thinking` holds the presets by name, and the "default".
    """

    name: str
    publisher: str
    license: str
    source: str
    shard_path: str
    architecture: str
    keys: Mapping[str, Any]
    has_indexer_in_every_block: bool
    parameters: Mapping[str, float]
    quants: tuple[Quant, ...]
    thinking: Mapping[str, Any]
    sampling: Mapping[str, float]
    known_traps: tuple[str, ...]

    def quant(self, name: str, place: str = "model") -> Quant:
        """By its name in any case, with or without "UD-". Raises FreeholdError."""
        found = {_folded(quant.name): quant for quant in self.quants}
        short = {folded.removeprefix("ud"): quant for folded, quant in found.items()}
        if quant := found.get(_folded(name)) or short.get(_folded(name)):
            return quant
        names = [quant.name for quant in self.quants]
        raise FreeholdError.of(
            place, f'expected a quant of {self.name}, got "{name}"', _hint(name, names)
        )


def known_models() -> tuple[str, ...]:
    """The names, sorted."""
    return tuple(sorted(path.stem for path in (DATA / "models").glob("*.yaml")))


def known_model(text: str, place: str = "model") -> tuple[KnownModel, Quant | None]:
    """By its name, and the quant that follows it: `glm-5.2`, `GLM-5.2:UD-IQ2_M`, `glm5.2 iq2_m`.

    Raises FreeholdError in `place` with the nearest name that there is.
    """
    for name in sorted(known_models(), key=len, reverse=True):
        if _folded(text).startswith(_folded(name)):
            model, rest = _load(name), _folded(text)[len(_folded(name)) :]
            return model, model.quant(_shown(text, rest), place) if rest else None
    raise FreeholdError.of(
        place, f'expected a model of the catalogue, got "{text}"', _hint(text, known_models())
    )


def quants(model: str) -> tuple[str, ...]:
    """The names of its quants, from the largest to the smallest. Raises as `known_model`."""
    return tuple(quant.name for quant in known_model(model)[0].quants)


def catalogue_header(model: str, quant: str) -> Header:
    """What the first shard of it would say, as far as sizing asks; there is no file behind it.

    Raises as `known_model`.
    """
    known = known_model(model)[0]
    return _header(known.name, known.quant(quant).name)


@cache  # a choice of the best quant that fits asks for each of them, again and again
def _header(model: str, quant: str) -> Header:
    known = _load(model)
    chosen = known.quant(quant)
    found = tuple(
        Tensor(
            stem if block is None else f"blk.{block}.{stem}",
            shape,
            chosen.recipe.type_of(block, stem, len(shape)),
        )
        for block, stem, shape in tensors(known.keys, known.has_indexer_in_every_block)
    )
    metadata = {f"{known.architecture}.{key}": value for key, value in known.keys.items()}
    metadata["general.architecture"] = known.architecture
    metadata["general.name"] = known.name
    return Header(f"catalogue:{known.name}:{chosen.name}", metadata, found)


@cache
def _load(name: str) -> KnownModel:
    data = dict(data_file(f"models/{name}.yaml"))
    types = data.pop("types")
    found = [_quant(name, entry, types, data["keys"]) for name, entry in data.pop("quants").items()]
    data["quants"] = tuple(sorted(found, key=lambda quant: -quant.size_bytes))
    data["known_traps"] = tuple(data["known_traps"])
    return KnownModel(**data)


def _quant(
    name: str, entry: Mapping[str, Any], types: Mapping[str, Any], keys: Mapping[str, int]
) -> Quant:
    gate_up, down = entry["experts"]
    count, raised = entry.get("raised", (0, ""))
    dense, blocks = keys["leading_dense_block_count"], keys["block_count"]
    ordered = [*range(blocks - keys["nextn_predict_layers"], blocks), *range(dense, blocks)]
    recipe = Recipe(types[entry["types"]], gate_up, down, raised, frozenset(ordered[:count]))
    return Quant(name, round(entry["gb"] * 1e9), entry["shards"], recipe)


def _folded(text: str) -> str:
    """Without what names are written with differently; points stay, they part 5 from 5.2."""
    return re.sub(r"[^a-z0-9.]", "", text.casefold())


def _shown(text: str, folded: str) -> str:
    """The end of `text` that was folded to `folded`."""
    starts = (start for start in range(len(text), -1, -1) if _folded(text[start:]) == folded)
    return text[next(starts) :]


def _hint(text: str, names: Iterable[str]) -> str:
    close = nearest(text, names)
    return f"did you mean {close}?" if close else f"known are {', '.join(names)}"
