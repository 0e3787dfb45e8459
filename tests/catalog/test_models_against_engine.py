"""The engine opens what the catalogue describes, and counts the same weights on each device."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from freehold.catalog.models import catalogue_header
from freehold.sizing.shape import shape_of
from freehold.sizing.wishes import MIB
from tests.engine.cards import cards
from tests.engine.catalogued import write_catalogued
from tests.engine.parts import CPU_FLAGS, assemble_with_cards

# The column "model" of the table that the pass without allocating ends with, in whole MiB.
_ROW = re.compile(r"\| +- (Host|RPC\d).* = +(\d+) \+ +\d+ \+ +\d+\D")


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return assemble_with_cards(tmp_path_factory.mktemp("engine"))


@pytest.mark.parametrize("quant", ["UD-IQ2_M", "Q8_0"])
def test_a_catalogues_model_is_counted_alike(quant: str, engine: Path, tmp_path: Path) -> None:
    path = write_catalogued("glm-5.2", quant, tmp_path / "model.gguf")
    with cards(engine, [1 << 20, 1 << 20]) as standing:
        command = [str(engine / "llama-server"), "--model", str(path), "--host", "127.0.0.1"]
        command += ["--port", "0", "--ctx-size", "8192", "--parallel", "1", "--verbosity", "4"]
        command += ["--fit", "on", "--tensor-split", "3,5", "--gpu-layers", "99"]
        command += [word for flag in (*standing.flags, *CPU_FLAGS) for word in flag]
        found = table(command, engine)
    shape = shape_of(catalogue_header("glm-5.2", quant))
    entries = [b.always_bytes if b.is_mtp else b.size_bytes for b in shape.blocks]
    entries.append(shape.output_bytes)
    first = sum(entries[: len(entries) * 3 // 8])
    expected = {"RPC0": first, "RPC1": sum(entries) - first, "Host": shape.embedding_bytes}
    assert found == {name: size // MIB for name, size in expected.items()}


def table(command: list[str], engine: Path) -> dict[str, int]:
    """Whole MiB of weights by device; the process ends before it loads anything."""
    environment = {**os.environ, "LD_LIBRARY_PATH": str(engine)}
    found: dict[str, int] = {}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if match := _ROW.search(line):
                found[match[1]] = int(match[2])
            if "Host" in found or "load_tensors" in line:
                break
        process.kill()
    return found
