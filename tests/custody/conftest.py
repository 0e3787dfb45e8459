"""A store, and the key of whoever owns it."""

from __future__ import annotations

from pathlib import Path

import pytest

from freehold.weights.open import create_store
from freehold.weights.owner import Owner
from freehold.weights.store import Store
from tests.weights.keys import make_owner


@pytest.fixture(autouse=True)
def _without_an_agent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)


@pytest.fixture
def owner(tmp_path: Path) -> Owner:
    return make_owner(tmp_path)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return create_store(tmp_path / "store")
