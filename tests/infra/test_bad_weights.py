"""Weights that the engine cannot load: its own last words are the error, good ones mend it."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from demo.parts import WEIGHTS
from freehold import lab
from freehold.weights.manifest import Kind
from freehold.weights.open import open_store
from freehold.weights.put import put_weights
from freehold.weights.store import Store
from tests.infra.conftest import MakeStack
from tests.infra.on_box import UNIT, on, server_pid


def of_no_architecture(gguf: bytes) -> bytes:
    """The model under the name of an architecture that there is not, but sized as any."""
    return gguf.replace(b"llama", b"nosuc", 100)


@pytest.fixture(scope="module")
def own_store(store: Store, tmp_path_factory: pytest.TempPathFactory) -> Store:
    folder = tmp_path_factory.mktemp("stores") / "store"
    shutil.copytree(store.place, folder, copy_function=os.link)
    own, bad = open_store(folder), folder.with_name("bad.gguf")
    (file,) = own.manifest(Kind.WEIGHTS, WEIGHTS).files
    bad.write_bytes(of_no_architecture(b"".join(own.read(file))))
    put_weights(own, bad, "bad", {}, lambda _size: None)
    return own


def test_a_server_that_crashes_on_load_is_told_by_its_last_lines_until_good_weights_come(
    make_stack: MakeStack, own_store: Store, box: lab.Box
) -> None:
    stack = make_stack(store=own_store.place, model={"weights": "bad"})
    # The second time it is a resource that failed, and still an error.
    for outcome in (stack.up(), stack.up()):
        assert outcome.code != 0
        assert "unknown model architecture: 'nosuc'" in outcome.text
        assert "Traceback" not in outcome.text
    assert f"one:{UNIT}" in stack.resources()

    stack.config["model"] = {"weights": WEIGHTS}
    stack.write()
    stack.up().must()
    assert server_pid(box)
    assert WEIGHTS in on(box, "ls /var/lib/freehold/weights")
    assert Path(own_store.place).is_dir()
    assert stack.preview().must().changes == {}
