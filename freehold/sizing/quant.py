"""The name of a model's quant, by what its header says."""

from __future__ import annotations

from collections import Counter

from freehold.gguf.header import Header

# By general.file_type. Source: enum llama_ftype in llama.cpp's include/llama.h.
_NAMES = {
    0: "F32", 1: "F16", 2: "Q4_0", 3: "Q4_1", 7: "Q8_0", 8: "Q5_0", 9: "Q5_1", 10: "Q2_K",
    11: "Q3_K_S", 12: "Q3_K_M", 13: "Q3_K_L", 14: "Q4_K_S", 15: "Q4_K_M", 16: "Q5_K_S",
    17: "Q5_K_M", 18: "Q6_K", 19: "IQ2_XXS", 20: "IQ2_XS", 21: "Q2_K_S", 22: "IQ3_XS",
    23: "IQ3_XXS", 24: "IQ1_S", 25: "IQ4_NL", 26: "IQ3_S", 27: "IQ3_M", 28: "IQ2_S",
    29: "IQ2_M", 30: "IQ4_XS", 31: "IQ1_M", 32: "BF16", 36: "TQ1_0", 37: "TQ2_0",
    38: "MXFP4_MOE",
}  # fmt: skip


def quant_of(header: Header) -> str:
    """The file's own word for it; where it has none, the type that most of its bytes are of.

    Of a model with routed experts, most of theirs: a quant is called by them.
    """
    file_type = header.metadata.get("general.file_type")
    if isinstance(file_type, int) and file_type in _NAMES:
        return _NAMES[file_type]
    sizes: Counter[str] = Counter()
    experts = [tensor for tensor in header.tensors if "_exps." in tensor.name]
    for tensor in experts or header.tensors:
        sizes[tensor.type] += tensor.size_bytes or 0
    return sizes.most_common(1)[0][0] if sizes else ""
