"""A machine with GPUs for the tests of a module."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest

from freehold import lab
from tests.driver.debs import SigningKey
from tests.driver.machine import Machine


@pytest.fixture(scope="session")
def signing_key(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SigningKey]:
    with closing(SigningKey.make(tmp_path_factory.mktemp("gpg") / "home")) as key:
        yield key


@pytest.fixture(scope="module")
def machine(signing_key: SigningKey) -> Iterator[Machine]:
    """One box, off until a test has it `fresh`."""
    if reason := lab.unsupported():
        pytest.skip(reason)
    with lab.temporary(1, lab.default_state_dir().with_name("lab-tests"), starts=False) as one:
        made = Machine(one.boxes[0], signing_key)
        made.seed()
        yield made
        made.host.close()
