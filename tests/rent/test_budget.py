"""A budget is never exceeded, and says how far it reaches."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from freehold.rent.budget import OverBudgetError, allowed, require_affordable
from freehold.rent.details import details_of
from freehold.rent.lease import time_of
from freehold.rent.note import Act
from freehold.rent.record import Record
from tests.rent.leases import NOON, OFFER, lease, note, rental

LEASE = lease()
CHEAP = replace(OFFER, instance_type="g7e.24xlarge", usd_per_hour=16.57)
USD = st.floats(0.01, 10_000)


def running(**changes: object) -> Record:
    made = details_of(rental(**changes))
    intent = note(LEASE, 1, Act.INTENT, **details_of(LEASE))
    return Record.of([intent, note(LEASE, 2, Act.MADE, **made)])


def test_without_a_budget_everything_is_allowed() -> None:
    assert allowed([OFFER, CHEAP], 1000, None, 1e6) == ((OFFER, CHEAP), ())


def test_what_costs_too_much_is_left_out_and_says_for_how_long_it_would_do() -> None:
    kept, (reason,) = allowed([OFFER, CHEAP], 4, 200, 50, root_gib=100)
    assert kept == (CHEAP,)
    # By hand: 4 h 5 min at 55.04, 0.005 and 100 GiB of disk; 150 USD last for 2.64 h with slack.
    assert reason.startswith(f"{OFFER}: 4 h may cost 224.81 USD")
    assert "of the budget of 200.00 USD 50.00 are spent: it reaches for 2.64 h" in reason


def test_a_budget_that_is_spent_reaches_for_no_time() -> None:
    assert "it reaches for 0 h" in allowed([OFFER], 1, 100, 130)[1][0]


@given(usd_per_hour=USD, hours=st.floats(0.1, 4000), budget=USD, spent=st.floats(0, 10_000))
def test_what_is_refused_is_allowed_for_the_hours_that_it_says(
    usd_per_hour: float, hours: float, budget: float, spent: float
) -> None:
    offer = replace(OFFER, usd_per_hour=usd_per_hour)
    kept, reasons = allowed([offer], hours, budget, spent)
    assert bool(kept) != bool(reasons)
    if not reasons:
        assert spent + usd_per_hour * hours <= budget
        return
    match = re.search(r"reaches for (\S+) h$", reasons[0])
    assert match is not None
    reaches = float(match[1])
    assert reaches < hours
    if reaches:
        assert allowed([offer], reaches, budget, spent)[0] == (offer,)
    assert not allowed([offer], reaches + 0.02, budget, spent)[0]


def refusal(record: Record, deadline: datetime, budget: float, spent: float) -> str:
    with pytest.raises(OverBudgetError) as caught:
        require_affordable(record, deadline, budget, spent, NOON)
    return str(caught.value)


def test_a_renewal_beyond_the_budget_says_until_when_it_reaches() -> None:
    record = running(root_gib=0)
    spent = 100 + record.cost_usd(NOON)  # 100 by leases before
    said = refusal(record, NOON + timedelta(hours=9), 400, spent)
    # 300 USD at 55.045 an hour last 5 h 27 min from the launch at 12:01, less 5 min of slack.
    assert "it reaches until 2026-11-24T17:23:00Z" in said
    assert "fab lease.renew --hours 1.38" in said
    require_affordable(record, time_of("2026-11-24T17:23:00Z"), 400, spent, NOON)
    with pytest.raises(OverBudgetError):
        require_affordable(record, time_of("2026-11-24T17:24:00Z"), 400, spent, NOON)


def test_a_budget_that_reaches_no_further_says_so() -> None:
    record = running()
    said = refusal(record, NOON + timedelta(hours=9), 200, record.cost_usd(NOON))
    assert "it reaches no later than the deadline that there is" in said
    assert "--hours" not in said


def test_without_a_budget_any_deadline_is_allowed() -> None:
    require_affordable(running(), NOON + timedelta(days=100), None, 1e9, NOON)


@given(hours=st.floats(0.1, 1000), budget=USD, before=st.floats(0, 5000))
def test_a_refused_renewal_is_affordable_until_the_time_that_it_names(
    hours: float, budget: float, before: float
) -> None:
    record = running()
    spent = before + record.cost_usd(NOON)
    try:
        require_affordable(record, record.deadline + timedelta(hours=hours), budget, spent, NOON)
    except OverBudgetError as error:
        match = re.search(r"reaches until (\S+)\n", str(error))
        assume(match is not None)
        assert match is not None
        require_affordable(record, time_of(match[1]), budget, spent, NOON)
