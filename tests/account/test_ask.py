"""What the engine says before a load, of headers alone, is what a load then allocates."""

from __future__ import annotations

from pathlib import Path

import pytest

from freehold.account.account import Account, DeviceAccount
from freehold.account.ask import ask_engine
from freehold.gguf.read import read_model
from freehold.hosts.local import LocalHost
from freehold.sizing.wishes import MIB
from tests.account.conftest import Written
from tests.account.served import load
from tests.engine import known
from tests.engine.cards import cards
from tests.engine.models import Model
from tests.engine.parts import CPU_FLAGS

Flags = tuple[tuple[str, ...], ...]

PRINTED_BYTES = 0.02 * MIB  # the engine prints hundredths

FIT_OFF: Flags = (("--fit", "off"), *CPU_FLAGS)
SPLIT: Flags = (("--n-gpu-layers", "99"), ("--tensor-split", "1,1"))
# Its second card must begin on a layer with an indexer of its own.
GLM_SPLIT: Flags = (("--n-gpu-layers", "99"), ("--tensor-split", "6,4"))
IN_RAM: Flags = (("--override-tensor", r"blk\.[34]\.ffn_(up|down)_exps\.=CPU"),)


def context(tokens: int, slots: int = 1) -> Flags:
    return (("--ctx-size", str(tokens)), ("--parallel", str(slots)), ("--flash-attn", "on"))


def cache(kind: str) -> Flags:
    return (("--cache-type-k", kind), ("--cache-type-v", kind))


GRID: list[tuple[str, Model, int, Flags]] = [
    ("dense", known.LLAMA, 2, (*SPLIT, *context(8192))),
    ("dense, on the CPU", known.LLAMA, 0, context(4096)),
    ("dense, some layers in RAM", known.LLAMA, 1, (("--n-gpu-layers", "3"), *context(8192))),
    ("experts", known.QWEN3MOE, 2, (*SPLIT, *context(16384, 4))),
    ("experts in RAM", known.QWEN3MOE, 1, (("--n-gpu-layers", "99"), *IN_RAM, *context(8192))),
    ("MLA", known.DEEPSEEK2, 2, (*SPLIT, *context(8192), ("--ubatch-size", "256"))),
    ("MLA, one cache", known.DEEPSEEK2, 1, (*context(8192, 4), ("--kv-unified",))),
    ("DSA", known.GLM_DSA, 2, (*GLM_SPLIT, *context(16384, 2))),
    ("DSA, q8_0", known.GLM_DSA, 2, (*GLM_SPLIT, *IN_RAM, *context(8192), *cache("q8_0"))),
    (
        "DSA that drafts",
        known.GLM_DSA,
        2,
        (*GLM_SPLIT, *context(8192), ("--spec-type", "draft-mtp")),
    ),
    ("DSA, read into memory", known.GLM_DSA, 1, (*context(8192), ("--load-mode", "none"))),
]


@pytest.mark.parametrize(
    ("model", "card_count", "flags"), [case[1:] for case in GRID], ids=[case[0] for case in GRID]
)
def test_what_is_asked_is_what_a_load_allocates(
    host: LocalHost, engine: Path, written: Written, model: Model, card_count: int, flags: Flags
) -> None:
    path = written(model, shards=3)
    with cards(engine, [24576] * card_count) as standing:
        all_flags = (*standing.flags, *FIT_OFF, *flags)
        asked = ask_engine(host, str(engine / "llama-server"), read_model(path), all_flags)
        loaded = load(engine, path, all_flags)
    assert (asked.is_dry, loaded.is_dry) == (True, False)
    assert settings(asked) == settings(loaded)
    assert [device.name for device in asked.devices] == [device.name for device in loaded.devices]
    for before, after in zip(asked.devices, loaded.devices, strict=True):
        # A mapped load counts the span in the files, which the engine cannot know before.
        assert abs(before.model_bytes - after.model_bytes) <= MIB or after.mapped_bytes
        assert others(before) == pytest.approx(others(after), abs=PRINTED_BYTES)
        off_bytes = abs(before.compute_bytes - after.compute_bytes)
        assert off_bytes <= asked.compute_error_bytes + PRINTED_BYTES
        if model.arch == "glm-dsa":
            assert off_bytes <= PRINTED_BYTES


def settings(account: Account) -> tuple[object, ...]:
    return (
        account.cells,
        account.context_tokens,
        account.slots,
        account.batch_tokens,
        account.ubatch_tokens,
        account.is_kv_unified,
    )


def others(device: DeviceAccount) -> tuple[int | None, ...]:
    return (
        device.kv_bytes,
        device.indexer_kv_bytes,
        device.output_bytes,
        device.memory_bytes,
        device.free_bytes,
    )


@pytest.mark.parametrize("quant", known.GLM_5_2_QUANTS)
def test_glm_5_2_at_its_full_size_is_asked_of_headers(
    host: LocalHost, engine: Path, written: Written, quant: str
) -> None:
    header = read_model(written(known.GLM_5_2_QUANTS[quant], shards=10, sparse=True))
    begin_on_full_indexers = ("--tensor-split", "18,20,20,21")
    experts = ("--override-tensor", r"\.ffn_.*_exps\.=CPU")
    with cards(engine, [24576] * 4) as standing:
        flags = (*standing.flags, *FIT_OFF, begin_on_full_indexers, experts, *context(32768))
        asked = ask_engine(host, str(engine / "llama-server"), header, flags, limit_s=30)
    assert asked.layers is not None
    assert asked.overridden is not None
    assert len(asked.overridden) == 75 * 3
    # The drafting layer's tensors are not loaded where nothing drafts, but its output bias.
    tensors = [t for t in header.tensors if not t.name.startswith("blk.78.")]
    held = sum(device.model_bytes for device in asked.devices)
    assert 0 <= sum(t.size_bytes or 0 for t in tensors) - held < len(asked.devices) * MIB
