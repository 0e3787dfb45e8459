"""The same answers as PyPI's gguf, of the same files."""

from __future__ import annotations

from pathlib import Path

import gguf
import numpy as np
import pytest

from demo.parts import WEIGHTS
from freehold.gguf.header import Shard
from freehold.gguf.shard import require_whole
from freehold.gguf.tensor import BLOCKS, NUMBERS
from freehold.weights.manifest import Kind
from freehold.weights.store import Store

# ggml's block_q8_1 has two half-precision numbers before its 32 bytes; gguf counts two of single
# precision. It is a type of activations: no file holds it.
DIFFERS = {"Q8_1"}


def test_types_have_gguf_s_numbers_and_sizes() -> None:
    known = {kind.value: kind.name for kind in gguf.GGMLQuantizationType}
    assert known.items() <= NUMBERS.items()
    sizes = {kind.name: size for kind, size in gguf.GGML_QUANT_SIZES.items()}
    assert {name: BLOCKS[name] for name in sizes.keys() - DIFFERS} == {
        name: sizes[name] for name in sizes.keys() - DIFFERS
    }
    assert set(NUMBERS.values()) == BLOCKS.keys()


def same(shard: Shard, path: Path) -> None:
    reader = gguf.GGUFReader(path)
    theirs = {
        name: field.contents() if field.types[:1] != [gguf.GGUFValueType.ARRAY] else field
        for name, field in reader.fields.items()
        if not name.startswith("GGUF.")
    }
    assert shard.metadata.keys() == theirs.keys()
    for name, value in shard.metadata.items():
        field = theirs[name]
        if not isinstance(field, gguf.ReaderField):
            assert value == field
        elif isinstance(value, tuple):
            assert list(value) == field.contents()
        else:
            assert value == len(field.data)
    assert len(shard.raw) == reader.data_offset
    assert [
        (found.name, list(found.shape), found.type, found.size_bytes, found.offset)
        for found in shard.tensors
    ] == [
        (
            tensor.name,
            tensor.shape.tolist(),
            tensor.tensor_type.name,
            tensor.n_bytes,
            tensor.data_offset - reader.data_offset,
        )
        for tensor in reader.tensors
    ]


def test_the_real_model_is_read_as_gguf_reads_it(store: Store) -> None:
    (file,) = store.manifest(Kind.WEIGHTS, WEIGHTS).files
    shard = require_whole(store.path_of(file))
    same(shard, store.path_of(file))
    assert shard.metadata["tokenizer.ggml.tokens"] == 49152
    # Of this model the tensors reach to the file's last byte.
    assert len(shard.raw) + sum(t.size_bytes or 0 for t in shard.tensors) == shard.size_bytes


@pytest.mark.parametrize("alignment", [32, 128])
def test_what_gguf_writes_is_read(tmp_path: Path, alignment: int) -> None:
    path = tmp_path / "m.gguf"
    writer = gguf.GGUFWriter(path, "glm-dsa")
    writer.add_custom_alignment(alignment)
    writer.add_block_count(79)
    writer.add_float32("glm-dsa.rope.freq_base", 8.0e6)
    writer.add_uint64("large", 2**63)
    writer.add_int8("small", -5)
    writer.add_float64("double", 0.1)
    writer.add_bool("yes", True)
    writer.add_string("text", "né\n中")
    writer.add_array("glm-dsa.attention.indexer.types", [True, True, False, True])
    writer.add_array("numbers", [1, -2, 3])
    writer.add_array("floats", [0.5, 1.5])
    writer.add_array("words", ["a", "", "中"])
    writer.add_tensor("token_embd.weight", np.zeros((7, 33), dtype=np.float32))
    writer.add_tensor("blk.0.norm", np.zeros(3, dtype=np.float16))
    quantised = np.zeros((4, 2, 144), dtype=np.uint8)
    kind = gguf.GGMLQuantizationType.Q4_K
    writer.add_tensor("blk.0.ffn_up_exps.weight", quantised, raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    shard = require_whole(path)
    same(shard, path)
    assert shard.tensors[2].shape == (256, 2, 4)
    assert shard.metadata["glm-dsa.attention.indexer.types"] == (True, True, False, True)
