"""The tensors of a model of the glm-dsa architecture, by its metadata."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

Put = tuple[int | None, str, tuple[int, ...]]
"""The block, the name within it, and the shape in ggml's order."""


def tensors(keys: Mapping[str, int], has_indexer_in_every_block: bool) -> Iterator[Put]:
    """In the order of a file. Source: load_arch_tensors of llama.cpp's src/models/glm-dsa.cpp."""
    width, vocabulary = keys["embedding_length"], keys["vocab_size"]
    yield None, "output.weight", (width, vocabulary)
    yield None, "output_norm.weight", (width,)
    yield None, "token_embd.weight", (width, vocabulary)
    blocks = keys["block_count"]
    trunk = blocks - keys["nextn_predict_layers"]
    for block in range(blocks):
        yield from ((block, *put) for put in _attention(keys))
        if has_indexer_in_every_block or block < 2 or block % 4 == 2:
            yield from ((block, *put) for put in _indexer(keys))
        is_dense = block < keys["leading_dense_block_count"]
        yield from ((block, *put) for put in (_dense(keys) if is_dense else _experts(keys)))
        if block >= trunk:
            yield from ((block, *put) for put in _nextn(keys))


def _attention(keys: Mapping[str, int]) -> Iterator[tuple[str, tuple[int, ...]]]:
    width, heads = keys["embedding_length"], keys["attention.head_count"]
    q_lora, kv_lora = keys["attention.q_lora_rank"], keys["attention.kv_lora_rank"]
    head_k, head_v = keys["attention.key_length_mla"], keys["attention.value_length_mla"]
    rope = keys["rope.dimension_count"]
    yield "attn_k_b.weight", (head_k - rope, kv_lora, heads)
    yield "attn_kv_a_mqa.weight", (width, kv_lora + rope)
    yield "attn_kv_a_norm.weight", (kv_lora,)
    yield "attn_norm.weight", (width,)
    yield "attn_output.weight", (heads * head_v, width)
    yield "attn_q_a.weight", (width, q_lora)
    yield "attn_q_a_norm.weight", (q_lora,)
    yield "attn_q_b.weight", (q_lora, heads * head_k)
    yield "attn_v_b.weight", (kv_lora, head_v, heads)
    yield "ffn_norm.weight", (width,)


def _indexer(keys: Mapping[str, int]) -> Iterator[tuple[str, tuple[int, ...]]]:
    heads, width = keys["attention.indexer.head_count"], keys["embedding_length"]
    head = keys["attention.indexer.key_length"]
    yield "indexer.attn_k.weight", (width, head)
    yield "indexer.attn_q_b.weight", (keys["attention.q_lora_rank"], heads * head)
    yield "indexer.k_norm.bias", (head,)
    yield "indexer.k_norm.weight", (head,)
    yield "indexer.proj.weight", (width, heads)


def _dense(keys: Mapping[str, int]) -> Iterator[tuple[str, tuple[int, ...]]]:
    yield from _ffn("", keys["embedding_length"], keys["feed_forward_length"])


def _experts(keys: Mapping[str, int]) -> Iterator[tuple[str, tuple[int, ...]]]:
    width, ffn = keys["embedding_length"], keys["expert_feed_forward_length"]
    experts = keys["expert_count"]
    yield "exp_probs_b.bias", (experts,)
    yield "ffn_gate_inp.weight", (width, experts)
    yield from _ffn("_exps", width, ffn, experts)
    yield from _ffn("_shexp", width, ffn * keys["expert_shared_count"])


def _nextn(keys: Mapping[str, int]) -> Iterator[tuple[str, tuple[int, ...]]]:
    width = keys["embedding_length"]
    yield "nextn.eh_proj.weight", (2 * width, width)
    for norm in ("enorm", "hnorm", "shared_head_norm"):
        yield f"nextn.{norm}.weight", (width,)


def _ffn(suffix: str, width: int, ffn: int, *experts: int) -> Iterator[tuple[str, tuple[int, ...]]]:
    yield f"ffn_down{suffix}.weight", (ffn, width, *experts)
    yield f"ffn_gate{suffix}.weight", (width, ffn, *experts)
    yield f"ffn_up{suffix}.weight", (width, ffn, *experts)
