"""The names of a model's shards, and whether what each says of itself makes one model.

Source: llama_split_path in llama.cpp's src/llama.cpp, and llama-model-loader.cpp, which refuses
the same; the keys are written by its tools/gguf-split.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from freehold.errors import Problem
from freehold.gguf.error import GgufError
from freehold.gguf.header import Header, Shard

SHARDS_MAX = 1000
_SHARD = re.compile(r"(?P<stem>.+)-(?P<number>\d{5})-of-(?P<count>\d{5})\.gguf", re.DOTALL)
NUMBER_KEY, COUNT_KEY, TENSORS_KEY = "split.no", "split.count", "split.tensors.count"


def shard_names(name: str) -> tuple[str, ...]:
    """The names of all shards of the model that `name` is one of; itself alone if it is none.

    Raises GgufError for the name of one in thousands: none has as many.
    """
    found = _SHARD.fullmatch(name)
    if found is None:
        return (name,)
    count = int(found["count"])
    if not 0 < int(found["number"]) <= count <= SHARDS_MAX:
        raise GgufError.of(name, f"expected a shard's name of up to {SHARDS_MAX} shards")
    return tuple(f"{found['stem']}-{n:05d}-of-{count:05d}.gguf" for n in range(1, count + 1))


def joined(shards: Sequence[Shard]) -> Header:
    """The model of all these files in order. Raises GgufError naming all that does not agree."""
    first = shards[0]
    problems = _numbering(shards) or _repeated(shards)
    tensors = tuple(tensor for shard in shards for tensor in shard.tensors)
    declared = first.metadata.get(TENSORS_KEY, len(tensors))
    if not problems and len(shards) > 1 and declared != len(tensors):
        words = f"expected {declared!r} tensors in all shards, found {len(tensors)}"
        problems.append(Problem(first.place, words, "fetch them again, all of one version"))
    if problems:
        raise GgufError(problems)
    return Header(first.place, first.metadata, tensors, tuple(shards))


def _numbering(shards: Sequence[Shard]) -> list[Problem]:
    first, *others = shards
    declared = first.metadata.get(COUNT_KEY, 1) or 1  # gguf-split writes 0 into what it merged
    if declared != len(shards):
        words = f"expected {declared!r} shards, as it says in {COUNT_KEY}, found {len(shards)}"
        return [Problem(first.place, words, "all are needed: NAME-00001-of-00006.gguf and so on")]
    problems = [
        Problem(shard.place, f"expected {COUNT_KEY} {declared}, found {found!r}")
        for shard in others
        if (found := shard.metadata.get(COUNT_KEY, declared)) != declared
    ]
    problems += [
        Problem(shard.place, f"expected {NUMBER_KEY} {index}, found {found!r}")
        for index, shard in enumerate(shards)
        if (found := shard.metadata.get(NUMBER_KEY, None if index else 0)) != index and others
    ]
    return problems


def _repeated(shards: Sequence[Shard]) -> list[Problem]:
    problems: list[Problem] = []
    owner: dict[str, str] = {}
    for shard in shards:
        twice = [tensor.name for tensor in shard.tensors if tensor.name in owner]
        if twice:
            words = f"expected each tensor once, found {len(twice)} that are in another shard"
            example = f"{twice[0]!r} is in {owner[twice[0]]}"
            problems.append(Problem(shard.place, f"{words}\n{example}"))
        owner |= dict.fromkeys((tensor.name for tensor in shard.tensors), shard.place)
    return problems
