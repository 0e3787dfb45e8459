"""Whole layouts against the engine: GLM-5.2 at its full size on stand-in cards, asked without its
weights, and small models that are loaded with the flags of their layouts, and answer."""

from __future__ import annotations

import functools
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from freehold.account.ask import asked_flags
from freehold.account.attest import differences
from freehold.account.log import read_account
from freehold.gguf.header import Header
from freehold.gguf.read import read_model
from freehold.hosts.local import LocalHost
from freehold.service.client import Client
from freehold.sizing.choose import lay_out
from freehold.sizing.hardware import Backend
from freehold.sizing.layout import Layout, Mode
from freehold.sizing.shape import shape_of
from freehold.sizing.wishes import Wishes
from tests.deadline import in_time
from tests.engine import known
from tests.engine.cards import cards
from tests.engine.catalogued import write_catalogued
from tests.engine.models import write
from tests.engine.parts import assemble_with_cards
from tests.engine.sized import account_of, errors, inexact, machine, planned

WITHIN = 0.03
UNDER_MAX = 0.01
RAM_GIB = 1024

F16 = Wishes(8192, cache_type="f16")

FULL_SIZE = {
    "the smallest quant on a small card": ("UD-IQ1_S", (24,), F16),
    "a card that holds blocks alone": ("UD-IQ1_S", (12,), F16),
    "no card": ("UD-IQ2_M", (), Wishes(16384)),
    "two cards": ("UD-IQ2_M", (80, 80), Wishes(65536, cache_type="q8_0")),
    "uneven cards": ("UD-IQ2_M", (24, 80, 32), Wishes(16384, slots=4)),
    "two slots of one cache": ("UD-Q2_K_XL", (96,), Wishes(32768, slots=2, is_kv_unified=True)),
    "all on the cards": ("UD-Q2_K_XL", (80, 80, 80, 80), Wishes(131072)),
    "all on the cards, drafting": ("UD-IQ2_M", (80, 80, 80, 80), Wishes(32768, has_mtp=True)),
    "few layers a card": ("UD-Q4_K_M", (24,) * 8, F16),
    "eight large cards": ("Q8_0", (141,) * 8, Wishes(131072, ubatch_tokens=2048)),
}


@pytest.fixture(scope="module")
def engine() -> Iterator[Path]:
    """Not under pytest's own folders, which are root's alone: it is asked as nobody."""
    folder = Path(tempfile.mkdtemp(prefix="freehold-engine-", dir="/var/tmp"))
    folder.chmod(0o755)
    yield assemble_with_cards(folder)
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def header(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Header]:
    """Of a quant of GLM-5.2, written and read once."""

    @functools.cache
    def read(quant: str) -> Header:
        folder = tmp_path_factory.mktemp("glm")
        return read_model(write_catalogued("glm-5.2", quant, folder / "model.gguf"))

    return read


@pytest.mark.parametrize("case", FULL_SIZE)
def test_glm_5_2_takes_what_the_layout_says(
    engine: Path, header: Callable[[str], Header], case: str
) -> None:
    quant, gib, wishes = FULL_SIZE[case]
    with cards(engine, [size * 1024 for size in gib]) as running:
        layout = lay_out(shape_of(header(quant)), machine(running, RAM_GIB), wishes)
        assert isinstance(layout, Layout)
        account = account_of(engine, running, header(quant), layout)
    assert differences(planned(engine, layout), account, "here") == ()
    assert inexact(layout, account) == {}
    missed = errors(layout, account)
    assert {name: e for name, e in missed.items() if not -UNDER_MAX <= e <= WITHIN} == {}


@pytest.mark.parametrize("case", ["all on the cards", "few layers a card", "eight large cards"])
def test_glm_5_2_lies_where_the_layout_says_also_as_it_is_split_for_cuda(
    engine: Path, header: Callable[[str], Header], case: str
) -> None:
    """A card may begin on a block that shares an indexer there, which RPC ends cannot serve."""
    quant, gib, wishes = FULL_SIZE[case]
    model = shape_of(header(quant))
    with cards(engine, [size * 1024 for size in gib]) as running:
        layout = lay_out(model, machine(running, RAM_GIB, Backend.CUDA), wishes)
        assert isinstance(layout, Layout)
        account = account_of(engine, running, header(quant), layout)
    assert not all(model.blocks[use.held.blocks[0]].has_indexer for use in layout.devices)
    assert differences(planned(engine, layout), account, "here") == ()
    assert inexact(layout, account) == {}


# The model, the MiB of each card, and what these sizes make of it.
LOADED = {
    "dense": (known.LLAMA, (200,), Mode.DEVICES),
    "dense over two cards": (known.LLAMA, (40, 40), Mode.DEVICES),
    "dense, blocks in RAM": (known.LLAMA, (40,), Mode.BLOCKS_IN_RAM),
    "dense, no card": (known.LLAMA, (), Mode.HOST),
    "mixture over two cards": (known.QWEN3MOE, (40, 40), Mode.DEVICES),
    "mixture, experts in RAM": (known.QWEN3MOE, (40,), Mode.EXPERTS_IN_RAM),
    "mixture, blocks in RAM": (known.QWEN3MOE, (30,), Mode.BLOCKS_IN_RAM),
    "MLA over two cards": (known.DEEPSEEK2, (50, 50), Mode.DEVICES),
    "MLA, experts in RAM": (known.DEEPSEEK2, (60,), Mode.EXPERTS_IN_RAM),
    "DSA": (known.GLM_DSA, (200,), Mode.DEVICES),
    "DSA over two cards": (known.GLM_DSA, (60, 60), Mode.DEVICES),
    "DSA, experts in RAM": (known.GLM_DSA, (40, 40), Mode.EXPERTS_IN_RAM),
    "DSA over uneven cards": (known.GLM_DSA, (60, 30), Mode.EXPERTS_IN_RAM),
    "DSA, blocks in RAM": (known.GLM_DSA, (50,), Mode.BLOCKS_IN_RAM),
    "DSA, no card": (known.GLM_DSA, (), Mode.HOST),
}


@pytest.mark.parametrize("case", LOADED)
def test_a_small_model_is_loaded_as_laid_out_and_answers(
    engine: Path, tmp_path: Path, case: str
) -> None:
    model, memory_mib, mode = LOADED[case]
    path = write(model, tmp_path / "model.gguf", shards=2)
    wishes = Wishes(512, cache_type="f16", ubatch_tokens=64, headroom_gpu_bytes=0, threads=2)
    with cards(engine, memory_mib) as running:
        layout = lay_out(shape_of(read_model(path)), machine(running, RAM_GIB), wishes)
        assert isinstance(layout, Layout)
        assert layout.mode is mode
        plan = planned(engine, layout)
        with served(engine, path, (*running.flags, *asked_flags(plan))) as (client, log):
            assert in_time(lambda: client.health() == "ready", 60), log.read_text(errors="replace")[
                -2000:
            ]
            client.first_token("none")
    account = read_account(log.read_text(errors="replace"), "log")
    assert not account.is_dry
    assert differences(plan, account, "here") == ()


@contextmanager
def served(
    engine: Path, model: Path, flags: tuple[tuple[str, ...], ...]
) -> Iterator[tuple[Client, Path]]:
    socket, log = model.with_name("engine.sock"), model.with_name("log")
    words = [word for flag in flags for word in flag]
    command = [str(engine / "llama-server"), "--model", str(model), *words]
    command += ["--host", str(socket), "--verbosity", "5"]
    with (
        log.open("w") as out,
        subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT) as process,
        closing(LocalHost("here")) as host,
    ):
        try:
            yield Client(host, socket), log
        finally:
            process.kill()
