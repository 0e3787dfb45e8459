"""Which changes of a rented instance's inputs call for another one."""

from __future__ import annotations

from typing import Any

import pytest

from freehold.infra.instance_diff import instance_replaced_by
from freehold.infra.values import difference, touches

OUTPUTS = {
    "region": "us-east-1",
    "zone": "us-east-1b",
    "instance_type": "p5.48xlarge",
    "market": "spot",
}
INPUTS: dict[str, Any] = {
    "lease": "0123456789abcdef",
    "image": "ami-1",
    "user": "ubuntu",
    "root_gib": 100,
    "profile": "p",
    "offers": [{"usd_per_hour": 55.0}],
    "keys": {"us-east-1": "k1", "us-west-2": "k2"},
    "groups": {"us-east-1": "g1"},
    "allowed": {"regions": ["us-east-1"], "zones": [], "types": [], "markets": ["spot"]},
}


def is_replaced(**changed: Any) -> bool:
    news = {**INPUTS, **changed}
    watched = instance_replaced_by(OUTPUTS, news)
    paths = [path for path, _ in difference(INPUTS, news)]
    assert paths, "expected a change"
    return any(touches(path, each) for path in paths for each in watched)


def allowed(**lists: list[str]) -> dict[str, list[str]]:
    return {**INPUTS["allowed"], **lists}


@pytest.mark.parametrize(
    "changed",
    [
        {"image": "ami-2"},
        {"lease": "fedcba9876543210"},
        {"root_gib": 200},
        {"keys": {"us-east-1": "k3", "us-west-2": "k2"}},
        {"groups": {"us-east-1": "g2"}},
        {"allowed": allowed(types=["p4d.24xlarge"])},
        {"allowed": allowed(regions=["us-west-2"])},
        {"allowed": allowed(markets=["on-demand"])},
        {"allowed": allowed(zones=["us-east-1a"])},
    ],
)
def test_another_instance_is_called_for(changed: dict[str, Any]) -> None:
    assert is_replaced(**changed)


@pytest.mark.parametrize(
    "changed",
    [
        {"offers": [{"usd_per_hour": 44.0}]},
        {"keys": {"us-east-1": "k1", "us-west-2": "k9"}},
        {"groups": {"us-east-1": "g1", "us-west-2": "g9"}},
        {"allowed": allowed(types=["p4d.24xlarge", "p5.48xlarge"])},
        {"allowed": allowed(regions=["us-west-2", "us-east-1"])},
        {"allowed": allowed(markets=["on-demand", "spot"])},
        {"idle_minutes": 30},
    ],
)
def test_the_instance_that_runs_is_kept(changed: dict[str, Any]) -> None:
    assert not is_replaced(**changed)


@pytest.mark.parametrize(
    ("path", "watched", "is_touched"),
    [
        ("rented.instance_id", "rented.instance_id", True),
        ("rented", "rented.instance_id", True),
        ("rented.identity", "rented.instance_id", False),
        ("digest", "digest", True),
        ("files.a", "files", True),
        ('keys["us-east-1"]', "keys", True),
        ("settings", "set", False),
    ],
)
def test_a_difference_touches_what_it_is_in_and_what_is_in_it(
    path: str, watched: str, is_touched: bool
) -> None:
    assert touches(path, watched) is is_touched
