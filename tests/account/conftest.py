"""The engine where anybody can run it, and small synthetic models, once for all tests here."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import cache
from pathlib import Path

import pytest

from freehold.hosts.local import LocalHost
from tests.engine.models import Model, write
from tests.engine.parts import assemble_with_cards

Written = Callable[..., Path]


@pytest.fixture(scope="session")
def engine() -> Iterator[Path]:
    """Not under pytest's own folders, which are root's alone: it is asked as nobody."""
    folder = Path(tempfile.mkdtemp(prefix="freehold-engine-", dir="/var/tmp"))
    folder.chmod(0o755)
    yield assemble_with_cards(folder)
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def written(tmp_path_factory: pytest.TempPathFactory) -> Written:
    """Writes a model as `tests.engine.models.write` does, each only once."""

    @cache
    def write_once(model: Model, shards: int = 1, sparse: bool = False) -> Path:
        return write(
            model, tmp_path_factory.mktemp("model") / "model.gguf", shards=shards, sparse=sparse
        )

    return write_once


@pytest.fixture
def host() -> Iterator[LocalHost]:
    with closing(LocalHost("here")) as local:
        yield local
