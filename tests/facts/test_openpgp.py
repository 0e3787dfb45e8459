"""The fingerprint of a key, against gpg's own word; and what is no single key."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from freehold.facts.openpgp import fingerprint
from tests.driver.debs import SigningKey


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SigningKey]:
    with closing(SigningKey.make(tmp_path_factory.mktemp("gpg") / "home")) as made:
        yield made


def binary(key: SigningKey) -> bytes:
    lines = key.public.split("\n\n", 1)[1].splitlines()
    return base64.b64decode("".join(line for line in lines if not line.startswith(("-", "="))))


def test_it_is_what_gpg_says(key: SigningKey) -> None:
    assert fingerprint(key.public.encode()) == key.fingerprint
    assert fingerprint(binary(key)) == key.fingerprint


def test_two_keys_in_one_file_are_refused(key: SigningKey, tmp_path: Path) -> None:
    with closing(SigningKey.make(tmp_path / "other")) as other, pytest.raises(ValueError):  # noqa: PT011
        fingerprint(binary(key) + binary(other))


def test_whatever_is_cut_off_or_no_key_raises(key: SigningKey) -> None:
    whole = binary(key)
    primary = 3 + int.from_bytes(whole[1:2], "big") if whole[0] & 3 == 0 else len(whole)
    for size in range(min(primary, len(whole)) - 2):
        with pytest.raises(ValueError):  # noqa: PT011
            fingerprint(whole[:size])
    for text in (b"", b"no key", b"<html>404</html>", key.public.encode()[:200]):
        with pytest.raises(ValueError):  # noqa: PT011
            fingerprint(text)
