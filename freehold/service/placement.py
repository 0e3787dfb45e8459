"""What a served model really lies on, by the server's own journal, against what was planned."""

from __future__ import annotations

from freehold.account.account import Account
from freehold.account.attest import differences
from freehold.account.log import read_account
from freehold.errors import FreeholdError
from freehold.hosts.command import Command
from freehold.hosts.host import Host, run_or_raise
from freehold.sizing.planned import Planned

_LINES_MAX = 4000  # of a load with as many devices as there are; what comes after are requests


def require_as_planned(host: Host, unit: str, planned: Planned) -> Account:
    """The account of the load that is served now. llama.cpp serves in silence where an override
    matches nothing or a device is missing: here that raises FreeholdError, naming each.

    Raises AccountError where the journal holds no account.
    """
    account = read_account(_journal(host, unit), f"{host.name}: journal of {unit}")
    problems = differences(planned, account, host.name)
    if problems:
        raise FreeholdError(problems)
    return account


def _journal(host: Host, unit: str) -> str:
    """Of the run that is under way, from its beginning."""
    script = (
        f"run=$(systemctl show -p InvocationID --value {unit})\n"
        # head closes the pipe: that journalctl then ends by SIGPIPE is no failure.
        f"journalctl -q -o cat --no-pager _SYSTEMD_INVOCATION_ID=$run | head -n {_LINES_MAX}"
    )
    return run_or_raise(host, Command(script, "reading the journal"))
