"""What follows from a lease's notes."""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freehold.rent.details import details_of
from freehold.rent.lease import Lease
from freehold.rent.note import Act, Note
from freehold.rent.record import SLACK, Record
from tests.rent.leases import NOON, lease, note, rental

DEADLINE = NOON + timedelta(hours=4)
LATER = DEADLINE + timedelta(hours=2)
LEASE = lease()
ENDED_AT = NOON + timedelta(hours=1)


def record_of(*acts: tuple[Act, dict[str, Any]], of: Lease = LEASE) -> Record:
    notes = [(Act.INTENT, details_of(of)), *acts]
    return Record.of(note(of, n, act, **details) for n, (act, details) in enumerate(notes, 1))


def made(**changes: Any) -> tuple[Act, dict[str, Any]]:
    return Act.MADE, details_of(rental(**changes))


def ended(instance_id: str = rental().instance_id) -> tuple[Act, dict[str, Any]]:
    return Act.ENDED, {"instance_id": instance_id, "ended_at": ENDED_AT}


RENEWING = (Act.RENEWING, {"deadline": LATER, "budget_usd": 500.0})
RENEWED = (Act.RENEWED, {"deadline": LATER})
CLOSED = (Act.CLOSED, {})


def test_a_lease_begins_open_and_empty() -> None:
    record = record_of()
    assert record.lease == LEASE
    assert (record.deadline, record.deadline_at_most) == (DEADLINE, DEADLINE)
    assert (record.instances, record.reach, record.renewing) == ((), None, None)
    assert not record.is_closed
    assert record.cost_usd(LATER) == 0


def test_a_renewal_counts_for_the_budget_at_once_and_for_the_deadline_when_it_is_done() -> None:
    begun, done = record_of(RENEWING), record_of(RENEWING, RENEWED)
    assert (begun.deadline, begun.deadline_at_most, begun.renewing) == (DEADLINE, LATER, LATER)
    assert (done.deadline, done.deadline_at_most, done.renewing) == (LATER, LATER, None)
    assert begun.budget_usd == done.budget_usd == 500


def test_a_renewal_that_was_never_allowed_is_refused() -> None:
    with pytest.raises(ValueError, match=r"entry 2: deadline: expected a renewal begun before"):
        record_of(RENEWED)


def test_an_earlier_renewal_that_is_noted_late_shortens_nothing() -> None:
    early = (Act.RENEWED, {"deadline": DEADLINE + timedelta(hours=1)})
    assert record_of(RENEWING, RENEWED, early).deadline == LATER


def test_it_is_over_from_the_earliest_time_that_a_switch_may_have() -> None:
    record = record_of(RENEWING)
    assert not record.is_over(DEADLINE - timedelta(seconds=1))
    assert record.is_over(DEADLINE)


def test_an_instance_noted_twice_is_one_and_stays_ended() -> None:
    record = record_of(made(), made())
    assert record.live == record.instances == (rental(),)
    late = record_of(made(), ended(), made())
    assert late.instances == (rental(ended_at=ENDED_AT),)
    assert late.live == ()


def test_an_end_that_is_noted_twice_is_the_first_one() -> None:
    again = (Act.ENDED, {"instance_id": rental().instance_id, "ended_at": LATER})
    assert record_of(made(), ended(), again).instances[0].ended_at == ENDED_AT


def test_a_replacement_bills_beside_the_old_one_until_that_has_ended() -> None:
    both = record_of(made(), made(instance_id="i-2"))
    assert [each.instance_id for each in both.live] == [rental().instance_id, "i-2"]
    one = record_of(made(), made(instance_id="i-2"), ended())
    assert [each.instance_id for each in one.live] == ["i-2"]


def test_it_is_closed_only_while_nothing_is_known_to_bill() -> None:
    assert record_of(CLOSED).is_closed
    assert not record_of(made(), CLOSED).is_closed
    assert record_of(made(), CLOSED, ended()).is_closed
    assert not record_of(CLOSED, made()).is_closed


def tried(client_token: str) -> tuple[Act, dict[str, Any]]:
    return Act.TRIED, {"client_token": client_token}


def open_tokens(record: Record) -> list[str]:
    return [each.details["client_token"] for each in record.open_tries]


def test_a_try_is_open_until_its_own_answer_is_noted() -> None:
    refused = (Act.REFUSED, {"client_token": "a", "code": "VcpuLimitExceeded"})
    act, details = made()
    answered = (act, {**details, "client_token": "b"})
    assert open_tokens(record_of(tried("a"), tried("b"))) == ["a", "b"]
    assert open_tokens(record_of(tried("a"), tried("b"), refused)) == ["b"]
    assert open_tokens(record_of(tried("a"), tried("b"), answered)) == ["a"]
    assert open_tokens(record_of(tried("a"), refused, tried("b"), answered)) == []


def test_what_is_lost_from_between_the_notes_is_named() -> None:
    first = note(LEASE, 1, Act.INTENT, **details_of(LEASE))
    for second in (note(LEASE, 3, Act.CLOSED), note(lease(), 2, Act.CLOSED)):
        with pytest.raises(ValueError, match=rf"entry {second.sequence}: expected the next of"):
            Record.of([first, second])
    with pytest.raises(ValueError, match="entry 1: expected an intent, got closed"):
        Record.of([note(LEASE, 1, Act.CLOSED)])
    with pytest.raises(ValueError, match="entry 1: expected the lease"):
        Record.of([note(LEASE, 1, Act.INTENT, **details_of(lease()))])


@pytest.mark.parametrize("field", [f.name for f in dataclasses.fields(Lease)])
def test_an_intent_that_lacks_a_part_is_refused_by_its_name(field: str) -> None:
    details = {key: value for key, value in details_of(LEASE).items() if key != field}
    with pytest.raises(ValueError, match=rf"entry 1: {field}: Field required"):
        Record.of([note(LEASE, 1, Act.INTENT, **details)])


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("deadline", "2026-11-24T16:00:00"),
        ("deadline", 1795536000),
        ("budget_usd", "300"),
        ("offers", "all"),
        ("token", 5),
    ],
)
def test_an_intent_of_other_types_is_refused(field: str, value: object) -> None:
    with pytest.raises(ValueError, match=rf"entry 1: {field}: "):
        Record.of([note(LEASE, 1, Act.INTENT, **{**details_of(LEASE), field: value})])


@pytest.mark.parametrize("change", [{"usd_per_hour": -1.0}, {"root_gib": -8}, {"market": "gift"}])
def test_an_instance_that_cannot_be_is_refused(change: dict[str, Any]) -> None:
    act, details = made()
    with pytest.raises(ValueError, match="entry 2: "):
        record_of((act, {**details, **change}))


TIMES = st.integers(-30 * 86_400, 30 * 86_400).map(lambda s: NOON + timedelta(seconds=s))


@given(launched=TIMES, noted=TIMES, asked=st.lists(TIMES, min_size=2, max_size=5))
def test_whatever_clocks_say_money_is_never_negative_and_time_makes_nothing_cheaper(
    launched: Any, noted: Any, asked: list[Any]
) -> None:
    details = details_of(rental(launched_at=launched))
    notes = [
        note(LEASE, 1, Act.INTENT, **details_of(LEASE)),
        Note(LEASE.token, 2, noted, "ada@home", Act.MADE, details),
    ]
    record = Record.of(notes)
    costs = [record.cost_usd(at) for at in sorted(asked)]
    assert costs[0] > 0
    assert costs == sorted(costs)
    for at, cost in zip(sorted(asked), costs, strict=True):
        assert cost <= record.cost_at_most_usd(at)


def test_a_clock_that_was_set_back_makes_it_no_cheaper_than_its_latest_note() -> None:
    late = note(LEASE, 3, Act.AUDITED, at=NOON + timedelta(hours=3))
    record = record_of(made()).followed_by(late)
    assert record.cost_usd(NOON - timedelta(days=9)) == record.cost_usd(NOON + timedelta(hours=3))
    assert record.cost_usd(DEADLINE) > record.cost_usd(NOON + timedelta(hours=3))


def test_a_note_from_the_future_counts_to_the_deadline_at_most() -> None:
    record = record_of(made()).followed_by(note(LEASE, 3, Act.AUDITED, at=NOON.replace(year=2099)))
    assert record.cost_usd(NOON) == record.cost_usd(DEADLINE)


def test_the_most_that_it_may_cost_holds_the_slack_of_its_switches() -> None:
    record = record_of(made(root_gib=0))
    hours = (DEADLINE + SLACK - rental().launched_at).total_seconds() / 3600
    assert record.cost_at_most_usd(NOON) == pytest.approx(hours * 55.045)
    assert record_of(made(), ended()).cost_at_most_usd(LATER) == record_of(
        made(), ended()
    ).cost_usd(NOON)
