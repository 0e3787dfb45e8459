"""What rented machines left behind: looking for it everywhere, and ending what is over."""

from __future__ import annotations

import json as json_library
from datetime import UTC, datetime
from typing import Any

from invoke.exceptions import Exit

from freehold.errors import FreeholdError
from freehold.rent.audit import data, exit_code, lines
from freehold.rent.aws import Aws
from freehold.rent.lease import TOKEN
from freehold.rent.reap import reap
from freehold.rent.reap_words import reaped_data, reaped_exit_code, reaped_lines
from freehold.rent.regions import regions
from freehold.rent.survey import survey
from playbooks.executor import task


@task("audit")
def audit(_c: Any, token: str = "", ledger: str = "", json: bool = False) -> None:
    """What leases left on AWS, in all regions; exit code 1: something, 2: not all was looked at."""
    if token and not TOKEN.fullmatch(token):
        raise FreeholdError.of("--token", f'expected a lease\'s 16 digits, got "{token}"')
    aws = Aws()
    found = survey(aws, regions(aws), token or None, ledger or None)
    said = json_library.dumps(data(found), indent=2) if json else _text(lines(found, _now()))
    print(said)
    _end(exit_code(found))


@task("reap")
def reap_all(_c: Any, ledger: str = "", dry_run: bool = False, json: bool = False) -> None:
    """End what is past its deadline, by tags alone, in all regions: for cron (--dry-run looks)."""
    aws, now = Aws(), _now()
    reaped = reap(
        aws,
        regions(aws),
        now,
        ledger or None,
        on_step=(lambda _step: None) if json else lambda step: print(step, flush=True),
        is_dry_run=dry_run,
    )
    print(
        json_library.dumps(reaped_data(reaped), indent=2)
        if json
        else _text(reaped_lines(reaped, now))
    )
    _end(reaped_exit_code(reaped))


def _text(said: Any) -> str:
    return "\n".join(said)


def _now() -> datetime:
    return datetime.now(UTC)


def _end(code: int) -> None:
    if code:
        raise Exit(code=code)
