"""The policies in docs/iam are those that the code says, and fit where AWS puts them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from freehold.rent.rights import as_json, reap_policy, user_policy

ROOT = Path(__file__).parents[2]
IAM = ROOT / "docs/iam"
MANAGED_MAX = 6_144
"""Characters of a managed policy, white space aside. Source: IAM User Guide, "IAM and AWS STS
quotas"."""


@pytest.mark.parametrize(
    ("name", "options"), [("user.json", ()), ("reap.json", ("--reap",))], ids=["user", "reap"]
)
def test_each_is_what_the_task_prints(name: str, options: tuple[str, ...]) -> None:
    fab = Path(sys.executable).with_name("fab")
    argv = [fab, "rent.policy", *options]
    printed = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    policy = reap_policy() if options else user_policy()
    assert (IAM / name).read_text() == printed == as_json(policy)


@pytest.mark.parametrize("name", ["user.json", "reap.json"])
def test_each_fits_into_a_managed_policy(name: str) -> None:
    text = json.dumps(json.loads((IAM / name).read_text()), separators=(",", ":"))
    assert len(text) <= MANAGED_MAX
