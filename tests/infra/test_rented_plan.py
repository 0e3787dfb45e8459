"""What a preview of a stack that rents says and stops at, and what calls for another instance."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from freehold.rent.book import Act
from tests.infra.rented import RENTED_ALONE, Rented

Rent = Callable[..., Rented]
READS = ("Describe", "Get", "List")


def test_a_preview_quotes_sizes_and_makes_nothing(rent: Rent) -> None:
    rented = rent()
    shown = rented.stack.preview().must().text
    assert "cost of the whole lease of 2 h" in shown
    assert "as the catalogue has p5.48xlarge" in shown
    assert all(call.action.startswith(READS) for call in rented.world.calls)
    assert rented.world.left() == ()
    assert rented.book.records_of(rented.id) == []


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"budget_usd": 1}, "over budget by"),
        ({"regions": ["us-east-1", "ap-east-1"]}, "ap-east-1 is off"),
        ({"types": ["p9.huge"]}, "p9.huge"),
        ({"ssh_key": "/nowhere.pub"}, "expected an SSH public key"),
    ],
)
def test_what_would_stop_an_up_stops_its_preview(
    rent: Rent, keys: dict[str, object], said: str
) -> None:
    assert said in rent(**keys).stack.preview().must(1).text


def test_a_quota_of_nothing_stops_a_preview(rent: Rent) -> None:
    rented = rent()
    rented.shop.quotas.clear()
    shown = rented.stack.preview().must(1)
    assert "; 192 are needed: p5.48xlarge" in shown.text


def test_without_an_answer_of_aws_the_prices_are_the_catalogues_and_it_says_so(rent: Rent) -> None:
    rented = rent()
    rented.world.faults.add(times=None, when="before", code="AccessDenied")
    shown = rented.stack.preview().must()
    assert "mid-2026" in shown.text


def test_a_second_up_changes_nothing(rent: Rent) -> None:
    rented = rent()
    rented.stack.up(*RENTED_ALONE).must()
    made = rented.called("RunInstances")
    again = rented.stack.up(*RENTED_ALONE).must()
    assert "created" not in again.text
    assert "updated" not in again.text
    assert rented.called("RunInstances") == made == 1


def test_a_larger_root_disk_makes_another_instance_before_the_old_one_goes(rent: Rent) -> None:
    rented = rent()
    rented.stack.up(*RENTED_ALONE).must()
    (old,) = rented.world.billing()
    rented.stack.config["rented"]["root_gib"] = 200
    rented.stack.write()
    rented.stack.up(*RENTED_ALONE).must()
    (new,) = rented.world.billing()
    assert new.id != old.id
    of_interest = ("RunInstances", "TerminateInstances")
    order = [call.action for call in rented.world.calls if call.action in of_interest]
    assert order == ["RunInstances", "RunInstances", "TerminateInstances"]
    assert [rental.instance_id for rental in rented.record().live] == [new.id]


def test_a_kill_in_a_replacement_leaves_no_third(rent: Rent) -> None:
    rented = rent()
    rented.stack.up(*RENTED_ALONE).must()
    rented.stack.config["rented"]["root_gib"] = 200
    rented.stack.write()
    with rented.killed_at("RunInstances"):
        pass
    assert len(rented.world.billing()) == 2  # the old one is in the state
    rented.stack.pulumi("cancel", "--yes")
    rented.stack.up(*RENTED_ALONE).must()
    assert len(rented.world.billing()) == 1
    assert len(rented.world.machines()) == 2


def test_what_the_stack_allows_still_touches_no_instance_that_runs(rent: Rent) -> None:
    rented = rent()
    rented.stack.up(*RENTED_ALONE).must()
    (before,) = rented.world.billing()
    rented.stack.config["rented"] |= {
        "types": list(reversed(rented.stack.config["rented"]["types"])),
        "regions": ["us-east-1", "us-west-2"],
        "budget_usd": 100_000,
    }
    rented.stack.write()
    rented.stack.up(*RENTED_ALONE).must()
    assert [machine.id for machine in rented.world.billing()] == [before.id]


def test_a_type_that_the_stack_gives_up_is_replaced(rent: Rent) -> None:
    rented = rent()
    rented.stack.up(*RENTED_ALONE).must()
    (before,) = rented.world.billing()
    others = [name for name in rented.stack.config["rented"]["types"] if name != before.type]
    rented.stack.config["rented"]["types"] = others
    rented.stack.write()
    rented.stack.up(*RENTED_ALONE).must()
    (after,) = rented.world.billing()
    assert after.type == others[0]


def test_a_lease_that_is_over_is_followed_by_another(rent: Rent) -> None:
    rented = rent()
    rented.stack.up(*RENTED_ALONE).must()
    first = rented.record()
    (machine,) = rented.world.billing()
    rented.age(timedelta(hours=3))
    named = rented.stack.up(*RENTED_ALONE).must(1)  # its switches failed: it is not forgotten
    assert machine.id in named.text
    assert f"terminate-instances --region {machine.region}" in named.text
    rented.world.instance_powered_off(machine.id)
    rented.stack.up(*RENTED_ALONE).must()
    assert rented.record().lease.token != first.lease.token
    assert rented.book.record(first.lease.token).is_closed
    assert len(rented.world.billing()) == 1


def test_what_is_intended_is_noted_before_anything_is_made(rent: Rent) -> None:
    rented = rent()
    noted: list[int] = []
    rented.world.faults.add(
        "CreateRole",
        is_held=False,
        do=lambda _: noted.append(len(rented.book.records_of(rented.id))),
    )
    rented.stack.up(*RENTED_ALONE).must()
    assert noted == [1]
    assert [note.act for note in rented.record().notes] == [
        Act.INTENT,
        Act.TRIED,
        Act.MADE,
        Act.REACHED,
    ]
