"""How the ledger of leases names the selected stack: project/stack."""

from __future__ import annotations

import yaml

from freehold.errors import FreeholdError
from playbooks.nodes import ROOT, _selected_stack


def stack_id() -> str:
    """Of the checkout's project. Raises FreeholdError where no stack is selected."""
    name = _selected_stack()
    if name is None:
        raise FreeholdError.of("stacks", "expected one selected stack, found none")
    project = yaml.safe_load((ROOT / "Pulumi.yaml").read_text())["name"]
    return f"{project}/{name.rpartition('/')[2]}"
