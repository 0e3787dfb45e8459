"""The lines of the engine's log that an account is read from.

Source: the LLAMA_LOG_* calls of llama.cpp's src/llama-model.cpp, llama-context.cpp,
llama-kv-cache*.cpp, llama-model-loader.cpp and common/{common,fit}.cpp, and real logs of build
10434. What precedes a line (time, level, the journal's own prefix) is of no matter.
"""

from __future__ import annotations

import re

# Each begins a part of what follows: a start of the engine, a load (dry or real), a context, a
# KV cache, the buffers of one graph.
START = re.compile(r": device_info:$")
LOAD = re.compile(r"load_tensors: loading model tensors")
CONTEXT = re.compile(r"llama_context: constructing llama_context")
CACHE = re.compile(r": creating +(.*?) *KV cache, size")
RESERVING = re.compile(r"sched_reserve: reserving \.\.\.")

#   - CUDA0   : NVIDIA H100 80GB HBM3 (81079 MiB, 80553 MiB free)
PRESENT = re.compile(r" - (\S+) *: (.*) \((\d+) MiB, \d+ MiB free\)")
# using device RPC0 (127.0.0.1:50061) (unknown id) - 24576 MiB free
USED = re.compile(r"using device (\S+) \(.+\) - (\d+) MiB free")

_MIB = r" += +([\d.]+) MiB"
MODEL = re.compile(r"load_tensors: +(\S+) model buffer size" + _MIB)
KV = re.compile(r": +(\S+) (?:KV|RS) buffer size" + _MIB)
OUTPUT = re.compile(r"llama_context: +(\S+) +output buffer size" + _MIB)
COMPUTE = re.compile(r"sched_reserve: +(\S+) compute buffer size" + _MIB)
ANY_BUFFER = re.compile(r"buffer size +=")

EMBEDDING = re.compile(r"print_info: n_embd += (\d+)$")
NODES = re.compile(r"sched_reserve: graph nodes += (\d+)")
CACHE_SIZE = re.compile(r": size" + _MIB + r" \( *\d+ cells, +(\d+) layers")
SETTING = re.compile(
    r"llama_context: (n_ctx|n_ctx_seq|n_seq_max|n_batch|n_ubatch|kv_unified) += (\w+)$"
)

# Debug lines, of -lv 5 alone.
LAYER = re.compile(r"load_tensors: layer +(\d+) assigned to device (\S+),")
OVERRIDDEN = re.compile(r"tensor (\S+) \((\d+) MiB \S+\) buffer type overridden to (\S+)")
CACHE_LAYER = re.compile(r"llama_kv_cache: layer +\d+: dev = (\S+)")

# |   - RPC0 (127.0.0.1:50061) | 24576 = 24576 + ( 101 =    27 +      21 +      52) + -101 |
# |   - Host                   |                   113 =    45 +       0 +      68         |
ROW = re.compile(r"memory_breakdown_print: \| +- (\S+).*\| .*?(\d+) = +(\d+) \+ +(\d+) \+ +(\d+)")
"""Device, then self, model, context and compute in MiB, each rounded down."""
