"""Ask the pinned engine about every case, and write down what it says: the tests' recorded grid.

    python -m tests.sizing.record_cases

Takes some minutes. Small models are loaded for real; of those at their full size only the headers
exist, and the engine's dry run is asked.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from freehold.account.account import Account
from freehold.account.ask import ask_engine
from freehold.gguf.read import read_model
from freehold.hosts.local import LocalHost
from tests.account.served import load
from tests.engine.cards import cards
from tests.engine.models import write
from tests.engine.parts import CPU_FLAGS, assemble_with_cards
from tests.sizing.engine_cases import MODELS, Case, Said, write_cases

_CARD_MIB = 4_000_000  # more than any case needs: what does not fit is not the question here
_GLM_SPLITS = ((78,), (42, 36), (22, 20, 20, 16), (10, 8, 12, 8, 12, 8, 12, 8), (74, 4), (1, 77))
_WIDE = ("wide llama", "wide qwen3moe", "wide deepseek2")
_SMALL = (("llama", (2, 4)), ("qwen3moe", (2, 4)), ("deepseek2", (2, 4)), ("glm-dsa", (6, 2)))


def grid() -> Iterator[Case]:
    """Contexts, slots, batches, cache types and placements; full sizes first."""
    for context in (8192, 32768, 131072):
        yield Case("glm-5.2", (), context)
        for split in _GLM_SPLITS:
            yield Case("glm-5.2", split, context)
            yield Case("glm-5.2", split, context, experts_in_ram=True)
    glm = Case("glm-5.2", (42, 36), 16384, experts_in_ram=True)
    yield replace(glm, context=1048576, cache="q4_0")
    for slots in (2, 4):
        yield replace(glm, slots=slots)
        yield replace(glm, slots=slots, is_unified=True)
    for ubatch in (128, 2048):
        yield replace(glm, ubatch=ubatch)
        yield replace(glm, ubatch=ubatch, context=65536, cache="q8_0", experts_in_ram=False)
    yield replace(glm, has_mtp=True)
    yield replace(glm, has_mtp=True, cache="q8_0", experts_in_ram=False)
    for name in _WIDE:
        layers = MODELS[name].layers
        for split in ((), (layers,), (2, layers - 2)):
            yield Case(name, split, 8192)
            yield Case(name, split, 65536, cache="q8_0")
        yield Case(name, (layers,), 16384, slots=4, ubatch=1024)
        yield Case(name, (layers,), 8192, has_flash_attention=False)
        if MODELS[name].experts:
            yield Case(name, (2, layers - 2), 32768, experts_in_ram=True)
    for name, two in _SMALL:
        loaded = Case(name, two, 8192, is_loaded=True)
        for split in ((), (sum(two),), two):
            yield replace(loaded, split=split)
        yield replace(loaded, context=32768, cache="q8_0")
        yield replace(loaded, slots=4, context=4096)
        yield replace(loaded, slots=2, is_unified=True, ubatch=256)
        if MODELS[name].experts:
            yield replace(loaded, experts_in_ram=True)
    drafting = Case("glm-dsa", (6, 2), 8192, has_mtp=True, is_loaded=True)
    yield drafting
    yield replace(drafting, experts_in_ram=True, slots=2, cache="q8_0")


def answers(cases: Iterator[Case], engine: Path, folder: Path) -> Iterator[tuple[Case, list[Said]]]:
    """What the engine says of each."""
    host = LocalHost("here")
    paths: dict[str, Path] = {}
    for case in cases:
        if case.model not in paths:
            path = folder / f"{case.model}.gguf"
            paths[case.model] = write(MODELS[case.model], path, sparse=not case.is_loaded)
        with cards(engine, [_CARD_MIB] * len(case.split)) as standing:
            none = () if case.split else (("--device", "none"),)
            flags = (*standing.flags, *CPU_FLAGS, *none, *case.flags)
            account = _answer(host, engine, paths[case.model], flags, is_loaded=case.is_loaded)
        print(case)  # a long wait, for a person
        yield (
            case,
            [
                Said(d.kv_bytes, d.indexer_kv_bytes, d.output_bytes, d.compute_bytes)
                for d in account.devices
            ],
        )
    host.close()


def _answer(
    host: LocalHost, engine: Path, path: Path, flags: tuple[tuple[str, ...], ...], *,
    is_loaded: bool,
) -> Account:  # fmt: skip
    if is_loaded:
        return load(engine, path, (*flags, ("--fit", "off"), ("--no-warmup",)))
    return ask_engine(host, str(engine / "llama-server"), read_model(path), flags)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(dir="/var/tmp") as room:
        Path(room).chmod(0o755)
        (Path(room) / "engine").mkdir()
        write_cases(answers(grid(), assemble_with_cards(Path(room, "engine")), Path(room)))
