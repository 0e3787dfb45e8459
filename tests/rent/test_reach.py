"""How an instance is reached comes back from the ledger as it was written, or not at all."""

from __future__ import annotations

import json

import pytest

from freehold.rent.reach import Reach

KEYS = ("ssh-ed25519 AAAAC3Nz", "ecdsa-sha2-nistp256 AAAAE2Vj")
REACH = Reach("i-0123456789abcdef0", "us-east-1", "2001:db8::7", "ubuntu", KEYS)


def test_it_comes_back_from_json() -> None:
    assert Reach.of_dict(json.loads(json.dumps(REACH.to_dict()))) == REACH


@pytest.mark.parametrize("lacking", ["instance_id", "region", "address", "user", "host_keys"])
def test_what_lacks_a_part_is_refused(lacking: str) -> None:
    known = REACH.to_dict()
    for wrong in ({**known, lacking: None}, {**known, lacking: ""}, {**known, lacking: 7}):
        with pytest.raises(ValueError, match="expected"):
            Reach.of_dict(wrong)
    del known[lacking]
    with pytest.raises(ValueError, match="expected"):
        Reach.of_dict(known)


def test_an_instance_without_a_host_key_cannot_be_reached() -> None:
    with pytest.raises(ValueError, match="at least one host key"):
        Reach("i-1", "us-east-1", "192.0.2.7", "ubuntu", ())
