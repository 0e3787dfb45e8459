"""The rights on AWS that renting needs, as a policy to give to a user."""

from __future__ import annotations

from typing import Any

from freehold.rent.rights import as_json, reap_policy, user_policy
from playbooks.executor import task


@task("policy")
def policy(_c: Any, reap: bool = False) -> None:
    """The IAM policy of whoever rents, as JSON (--reap: of a cron that only ends and audits)."""
    print(as_json(reap_policy() if reap else user_policy()), end="")
