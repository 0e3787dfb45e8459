"""A served model held against its plan."""

from __future__ import annotations

from freehold.account.account import AccountError
from freehold.hosts.host import Host
from freehold.infra.values import Properties
from freehold.service.placement import require_as_planned
from freehold.sizing.planned import Planned


def not_attested(host: Host, inputs: Properties) -> str | None:
    """Why the placement cannot be told; None where it is as planned.

    Raises FreeholdError naming all that is otherwise. A build whose log says nothing of it serves
    all the same.
    """
    try:
        require_as_planned(host, inputs["unit"], Planned.of_properties(inputs["planned"]))
    except AccountError as error:
        return f"the placement was not attested: {error}"
    return None
