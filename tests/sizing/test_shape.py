"""A model's shape from its header, without an engine."""

from __future__ import annotations

import contextlib
import dataclasses
from random import Random
from typing import Any

import pytest

from freehold.errors import FreeholdError
from freehold.gguf.header import Header, Shard
from freehold.gguf.tensor import Tensor
from freehold.sizing.model import ModelShape, Role
from freehold.sizing.roles import part_of
from freehold.sizing.shape import shape_of
from tests.engine import known
from tests.engine.models import Model
from tests.sizing.headers import header_of


def sized(model: Model, **keys: Any) -> ModelShape:
    return shape_of(header_of(model, **keys))


def with_tensors(header: Header, *tensors: Tensor) -> Header:
    return dataclasses.replace(header, tensors=(*header.tensors, *tensors))


def without(header: Header, start: str) -> Header:
    kept = tuple(tensor for tensor in header.tensors if not tensor.name.startswith(start))
    return dataclasses.replace(header, tensors=kept)


@pytest.mark.parametrize("model", known.SMALL, ids=lambda model: model.arch)
def test_every_byte_of_a_model_has_one_role(model: Model) -> None:
    header = header_of(model)
    total = sum(tensor.size_bytes or 0 for tensor in header.tensors)
    shape = shape_of(header)
    assert sum(shape.bytes_by_role.values()) == shape.file_bytes == total
    assert Role.OTHER not in shape.bytes_by_role


@pytest.mark.parametrize(
    ("name", "role"),
    [
        ("token_embd.weight", Role.EMBEDDING),
        ("output_norm.weight", Role.OUTPUT),
        ("rope_freqs.weight", Role.OTHER),
        ("blk.3.attn_kv_a_mqa.weight", Role.ATTENTION),
        ("blk.3.indexer.k_norm.bias", Role.INDEXER),
        ("blk.3.ffn_gate.weight", Role.DENSE_FFN),
        ("blk.3.ffn_gate_inp.weight", Role.ROUTER),
        ("blk.3.exp_probs_b.bias", Role.ROUTER),
        ("blk.3.ffn_gate_inp_shexp.weight", Role.SHARED_EXPERTS),
        ("blk.3.ffn_down_shexp.weight", Role.SHARED_EXPERTS),
        ("blk.3.ffn_gate_up_exps.weight", Role.ROUTED_EXPERTS),
        ("blk.3.something_new.weight", Role.OTHER),
        ("output.weight.bak", Role.OUTPUT),
        ("mm.0.weight", Role.OTHER),
    ],
)
def test_a_tensor_has_the_role_of_its_name(name: str, role: Role) -> None:
    assert part_of(name).role is role


def test_routed_experts_are_told_apart_by_what_they_are() -> None:
    block = sized(known.QWEN3MOE).blocks[2]
    one = 512 * 256 * 16 // 32 * 18  # Q4_0
    assert block.experts == {"gate": one, "up": one, "down": one}
    assert block.expert_bytes == block.bytes_by_role[Role.ROUTED_EXPERTS]


def test_a_latent_cache_holds_one_row_and_no_v() -> None:
    shape = sized(known.DEEPSEEK2)
    assert {(block.k_elements, block.v_elements) for block in shape.blocks} == {(512 + 64, 0)}
    assert shape.is_mla


def test_a_deepseek2_file_of_old_caches_every_heads_k_and_v() -> None:
    keys = {"attention__key_length_mla": None, "attention__value_length_mla": None}
    shape = sized(
        known.DEEPSEEK2, **keys,
        attention__head_count_kv=8, attention__key_length=192, attention__value_length=128,
    )  # fmt: skip
    assert (shape.blocks[0].k_elements, shape.blocks[0].v_elements) == (8 * 192, 8 * 128)
    assert not shape.is_mla


def test_heads_that_share_keys_cache_less() -> None:
    block = sized(known.LLAMA).blocks[0]
    assert (block.k_elements, block.v_elements) == (2 * 64, 2 * 64)


def test_heads_may_be_listed_layer_by_layer() -> None:
    shape = sized(known.LLAMA, attention__head_count_kv=(8, 4, 2, 1, 0, 8))
    assert [block.k_elements for block in shape.blocks] == [512, 256, 128, 64, 0, 512]


def test_a_listed_layer_that_is_missing_is_an_error() -> None:
    with pytest.raises(FreeholdError, match=r"head_count_kv to be one number for each of 6 layers"):
        sized(known.LLAMA, attention__head_count_kv=(8, 4))


def full_indexers(shape: ModelShape) -> list[int]:
    return [block.index for block in shape.blocks if block.has_indexer]


def test_the_layers_with_an_indexer_are_those_that_the_file_lists() -> None:
    assert full_indexers(sized(known.GLM_DSA)) == [0, 1, 2, 6]


def test_glm_5_2_shares_indexers_where_its_file_does_not_say_so() -> None:
    full = full_indexers(sized(known.GLM_5_2, attention__indexer__types=None))
    assert full == [0, 1, 2, *range(6, 78, 4)]
    assert len(full) == 21


def test_before_glm_5_2_each_layer_has_an_indexer_but_the_drafting_one() -> None:
    shape = sized(known.GLM_DSA, context_length=202752, attention__indexer__types=None)
    assert full_indexers(shape) == list(range(8))


def test_an_indexer_that_is_there_but_shared_takes_bytes_and_no_cache() -> None:
    everywhere = header_of(dataclasses.replace(known.GLM_DSA, full_indexers=()))
    shape = shape_of(everywhere)
    assert (
        shape.blocks[3].bytes_by_role[Role.INDEXER] == shape.blocks[2].bytes_by_role[Role.INDEXER]
    )
    assert shape.blocks[3].indexer_elements == 0


def test_a_drafting_block_is_one_role_of_which_the_routing_bias_is_always_loaded() -> None:
    *trunk, mtp = sized(known.GLM_DSA).blocks
    assert mtp.is_mtp
    assert not any(block.is_mtp or block.always_bytes for block in trunk)
    assert set(mtp.bytes_by_role) == {Role.MTP}
    assert mtp.always_bytes == 16 * 4
    assert 0 < mtp.expert_bytes < mtp.size_bytes


def test_a_file_without_its_drafting_block_keeps_the_blocks_place() -> None:
    shape = shape_of(without(header_of(known.GLM_DSA), "blk.8."))
    assert [block.index for block in shape.blocks] == list(range(9))
    assert (shape.blocks[8].size_bytes, shape.blocks[8].k_elements) == (0, 0)


def test_tied_embeddings_are_held_twice_and_filed_once() -> None:
    tied = sized(dataclasses.replace(known.LLAMA, has_tied_output=True))
    own = sized(known.LLAMA)
    assert tied.has_tied_output
    assert tied.output_bytes == own.output_bytes
    assert tied.file_bytes == own.file_bytes - tied.embedding_bytes


def test_windows_follow_the_architectures_pattern_and_are_called_a_guess() -> None:
    gemma = dataclasses.replace(known.LLAMA, arch="gemma3", layers=12)
    shape = sized(gemma, attention__sliding_window=1024)
    assert [block.index for block in shape.blocks if block.window_tokens is None] == [5, 11]
    assert any("1024 tokens" in guess for guess in shape.guessed)


def test_windows_that_the_file_lists_are_taken_from_it() -> None:
    listed = (True, False, True, True, False, True)
    keys = {"attention__sliding_window": 512, "attention__sliding_window_pattern": listed}
    shape = sized(dataclasses.replace(known.LLAMA, arch="gemma3"), **keys)
    assert tuple(block.window_tokens == 512 for block in shape.blocks) == listed


def test_a_recurrent_layer_caches_no_keys() -> None:
    hybrid = header_of(dataclasses.replace(known.LLAMA, arch="qwen3next"))
    state = Tensor("blk.1.ssm_out.weight", (512, 512), "Q8_0")
    shape = shape_of(with_tensors(without(hybrid, "blk.1.attn_k."), state))
    assert [block.k_elements for block in shape.blocks] == [128, 0, 128, 128, 128, 128]
    assert "the state of its recurrent layers is not counted" in shape.guessed


def real(header: Header) -> Header:
    """The same, out of a file."""
    size = 5 + sum(tensor.size_bytes or 0 for tensor in header.tensors)
    shard = Shard(header.place, header.metadata, header.tensors, b"", size)
    return dataclasses.replace(header, shards=(shard,))


@pytest.mark.parametrize("model", known.SMALL, ids=lambda model: model.arch)
def test_nothing_is_guessed_of_a_known_architectures_file(model: Model) -> None:
    header = real(header_of(model))
    assert shape_of(header).guessed == ()
    assert shape_of(header).file_bytes == header.shards[0].size_bytes


def test_an_unknown_architecture_is_sized_by_its_tensors_and_says_so() -> None:
    model = dataclasses.replace(known.QWEN3MOE, arch="tomorrow")
    shape = shape_of(real(header_of(model)))
    roles = shape.bytes_by_role
    assert roles[Role.ROUTED_EXPERTS] == sized(known.QWEN3MOE).bytes_by_role[Role.ROUTED_EXPERTS]
    assert sum(roles.values()) == sum(t.size_bytes or 0 for t in header_of(model).tensors)
    assert "tomorrow" in shape.guessed[0]


def test_a_quant_is_called_what_the_file_says_or_what_its_experts_are() -> None:
    header = header_of(known.QWEN3MOE)
    said = dataclasses.replace(header, metadata={**header.metadata, "general.file_type": 29})
    assert shape_of(said).quant == "IQ2_M"
    assert shape_of(header).quant == "Q4_0"
    assert shape_of(header, quant="UD-IQ2_M").quant == "UD-IQ2_M"


def test_a_type_that_is_not_known_is_named_once_with_its_first_tensor() -> None:
    odd = (Tensor(f"blk.{n}.ffn_new.weight", (256, 4), "type-139") for n in (2, 3, 4))
    with pytest.raises(FreeholdError) as error:
        shape_of(with_tensors(header_of(known.LLAMA), *odd))
    (problem,) = error.value.problems
    assert str(problem).startswith(
        "synthetic.gguf: expected blk.2.ffn_new.weight to be of a known type, "
        "got type-139 (and 2 more like it)"
    )


def test_every_problem_of_a_header_is_told_at_once() -> None:
    header = without(without(header_of(known.LLAMA, embedding_length="wide"), "blk.4."), "token_")
    with pytest.raises(FreeholdError) as error:
        shape_of(header)
    assert sorted(problem.message for problem in error.value.problems) == [
        "expected a tensor token_embd.weight, got none of that name",
        "expected llama.embedding_length to be a whole number, 0 or more, got 'wide'",
        "expected tensors of 6 blocks, got none of blk.4",
    ]


@pytest.mark.parametrize("absurd", [None, 0, -1, 2**60, True, 1.5, "many", ()], ids=repr)
def test_a_number_of_blocks_that_cannot_be_is_refused(absurd: object) -> None:
    header = header_of(known.LLAMA)
    metadata = {**header.metadata, "llama.block_count": absurd}
    with pytest.raises(FreeholdError, match=r"expected llama\.block_count to be"):
        shape_of(dataclasses.replace(header, metadata=metadata))


def test_a_tensor_beyond_the_last_block_is_refused() -> None:
    stray = Tensor("blk.6.attn_norm.weight", (512,), "F32")
    with pytest.raises(FreeholdError, match=r"tensors of 6 blocks, got some of blk\.6"):
        shape_of(with_tensors(header_of(known.LLAMA), stray))


def test_a_header_without_an_architecture_is_refused_and_not_guessed() -> None:
    header = dataclasses.replace(header_of(known.LLAMA), metadata={})
    with pytest.raises(FreeholdError, match=r"block_count"):
        shape_of(header)


@pytest.mark.parametrize("model", known.SMALL, ids=lambda model: model.arch)
def test_absurd_metadata_end_in_an_error_or_a_shape(model: Model) -> None:
    header = header_of(model)
    random = Random(7)  # noqa: S311 - the same each time
    odd = (None, -1, 0, 2**63, 1e300, True, "x", (), (1, 2), (-1,) * 600, (2**40,) * 600)
    for _ in range(300):
        changed = dict.fromkeys(random.sample(sorted(header.metadata), 3), random.choice(odd))
        with contextlib.suppress(FreeholdError):
            shape = shape_of(dataclasses.replace(header, metadata={**header.metadata, **changed}))
            assert shape.trunk
