"""What is killed, refused or interrupted while it rents: one instance that bills, and none unknown.

Each row of what the engine alone makes of it (a second instance, the first one leaked) is a test.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.infra.rented import RENTED_ALONE, Rented, kill_providers

Rent = Callable[..., Rented]
IDLE = "freehold:index:Instance"


@pytest.fixture
def rented(rent: Rent) -> Rented:
    return rent()


def up(rented: Rented, *arguments: str) -> str:
    return rented.stack.up(*RENTED_ALONE, *arguments).must().text


def is_one(rented: Rented) -> bool:
    """Whether one instance bills, which state and ledger know."""
    (machine,) = rented.world.billing()
    (noted,) = rented.record().live
    return machine.id == noted.instance_id == rented.instance_in_state()


def test_a_lack_of_capacity_says_every_try_and_leaves_nothing_pending(rented: Rented) -> None:
    rented.world.faults.add("RunInstances", "InsufficientInstanceCapacity", times=None)
    failed = rented.stack.up(*RENTED_ALONE).must(1)
    tried = rented.called("RunInstances")
    assert tried > 1
    assert f"found none: {tried} tries" in failed.text
    assert "what else can be tried" in failed.text
    assert rented.pending() == []
    assert rented.world.billing() == ()
    rented.world.faults.clear()
    up(rented)
    assert is_one(rented)


def test_a_lack_of_capacity_keeps_no_error_from_its_exit_code(rented: Rented) -> None:
    rented.world.faults.add("RunInstances", "InsufficientInstanceCapacity", times=None)
    rented.stack.up(*RENTED_ALONE, "--continue-on-error").must(1)
    assert rented.pending() == []
    assert rented.world.billing() == ()


def test_the_next_offer_is_taken_and_each_try_is_said(rented: Rented) -> None:
    rented.world.faults.add("RunInstances", "InsufficientInstanceCapacity", times=2)
    said = up(rented)
    assert said.count("InsufficientInstanceCapacity") >= 2
    assert said.count("next: ") >= 2
    assert is_one(rented)
    assert len(rented.world.machines()) == 1


def test_a_killed_engine_leaves_one_that_preview_names_and_up_takes_up(rented: Rented) -> None:
    with rented.killed_at("RunInstances"):
        pass
    (orphan,) = rented.world.billing()
    assert "currently locked" in rented.stack.up(*RENTED_ALONE).must(1).text
    rented.stack.pulumi("cancel", "--yes")
    shown = rented.stack.preview(*RENTED_ALONE).must().text
    assert orphan.id in shown
    assert f"terminate-instances --region {orphan.region} --instance-ids {orphan.id}" in shown
    assert "taken up again" in up(rented)
    assert is_one(rented)
    assert [machine.id for machine in rented.world.machines()] == [orphan.id]


@pytest.mark.parametrize(
    "before",
    [
        (),
        ("refresh", "--yes", "--skip-preview"),
        ("refresh", "--yes", "--skip-preview", "--clear-pending-creates"),
    ],
)
def test_what_the_state_forgets_is_found_by_its_lease(
    rented: Rented, before: tuple[str, ...]
) -> None:
    with rented.killed_at("RunInstances"):
        pass
    rented.stack.pulumi("cancel", "--yes")
    if before:
        rented.stack.start(*before).end().must()
    up(rented, "--refresh")
    assert is_one(rented)
    assert len(rented.world.machines()) == 1


def test_a_pending_create_that_is_imported_by_hand_is_one_with_what_up_takes_up(
    rented: Rented,
) -> None:
    with rented.killed_at("RunInstances"):
        pass
    rented.stack.pulumi("cancel", "--yes")
    (orphan,) = rented.world.billing()
    (pending,) = rented.pending()
    by_hand = ("--import-pending-creates", pending["resource"]["urn"], orphan.id)
    rented.stack.start("refresh", "--yes", "--skip-preview", *by_hand).end()
    up(rented)
    assert is_one(rented)
    assert [machine.id for machine in rented.world.machines()] == [orphan.id]


@pytest.mark.parametrize("is_cleared", [False, True])
def test_a_destroy_ends_what_the_state_never_had(rented: Rented, is_cleared: bool) -> None:
    with rented.killed_at("RunInstances"):
        pass
    rented.stack.pulumi("cancel", "--yes")
    if is_cleared:
        rented.stack.start("refresh", "--yes", "--clear-pending-creates").end().must()
    said = rented.stack.destroy().must().text
    assert rented.world.left() == ()
    assert "clean, of what was looked at" in said
    assert rented.record().is_closed
    assert rented.record().cost_usd(rented.record().noted_until) > 0


def test_a_destroy_that_may_not_end_an_orphan_leaves_the_schedule_that_does(
    rented: Rented,
) -> None:
    with rented.killed_at("RunInstances"):
        pass
    rented.stack.pulumi("cancel", "--yes")
    (orphan,) = rented.world.billing()
    rented.world.faults.add("TerminateInstances", "UnauthorizedOperation", times=None)
    assert f"instance {orphan.id} in {orphan.region}" in rented.stack.destroy().must(1).text
    rented.world.clock.set(rented.record().deadline)
    rented.world.fire_schedules()
    assert rented.world.billing() == ()


@pytest.mark.parametrize("is_killed", [False, True])
def test_a_stack_whose_state_is_lost_goes_on_with_its_lease(
    rented: Rented, is_killed: bool
) -> None:
    if is_killed:
        with rented.killed_at("RunInstances"):
            pass
        rented.stack.pulumi("cancel", "--yes")
    else:
        up(rented)
    (first,) = rented.world.billing()
    rented.stack.pulumi("stack", "rm", "--yes", "--force", "--preserve-config")
    rented.stack.pulumi("stack", "init", rented.stack.name)
    said = up(rented)
    assert f"goes on with lease {rented.record().lease.token}" in said
    assert is_one(rented)
    assert [machine.id for machine in rented.world.machines()] == [first.id]
    rented.stack.destroy().must()
    assert rented.world.left() == ()  # the groups and keys of the lost state too


def test_a_killed_provider_leaves_one_that_up_takes_up(rented: Rented) -> None:
    fault = rented.world.faults.hold("RunInstances", when="timeout")
    running = rented.stack.start("up", "--yes", "--skip-preview", *RENTED_ALONE)
    running.until(fault.reached.is_set)
    kill_providers(running)
    fault.release()
    running.end().must(1)
    assert len(rented.world.billing()) == 1
    assert rented.instance_in_state() is None
    up(rented)
    assert is_one(rented)
    assert len(rented.world.machines()) == 1


def test_one_that_was_made_and_not_reached_is_kept_and_gone_on_with(rented: Rented) -> None:
    rented.world.faults.add("GetConsoleOutput", "UnauthorizedOperation")
    failed = rented.stack.up(*RENTED_ALONE).must(1)
    assert "GetConsoleOutput" in failed.text
    (machine,) = rented.world.billing()
    assert rented.instance_in_state() == machine.id
    up(rented)
    assert is_one(rented)
    assert rented.called("RunInstances") == 1


def test_ctrl_c_while_it_boots_keeps_its_id_and_the_next_up_goes_on(rented: Rented) -> None:
    rented.world.calls_until_console = 1_000_000
    running = rented.stack.start("up", "--yes", "--skip-preview", *RENTED_ALONE)
    running.until(lambda: rented.called("GetConsoleOutput"))
    running.interrupt()
    stopped = running.end().must(1)
    assert "cancelled: its host key is not known yet" in stopped.text
    (machine,) = rented.world.billing()
    assert rented.instance_in_state() == machine.id
    rented.world.calls_until_console = 0
    up(rented)
    assert is_one(rented)
    assert rented.called("RunInstances") == 1


@pytest.mark.parametrize("arguments", [("--refresh",), ("--refresh=false",)])
def test_one_that_ended_behind_its_back_is_made_anew_and_both_are_paid_for(
    rented: Rented, arguments: tuple[str, ...]
) -> None:
    up(rented)
    (first,) = rented.world.billing()
    rented.world.instance_powered_off(first.id)
    up(rented, *arguments)
    assert is_one(rented)
    record = rented.record()
    assert len(record.instances) == 2
    assert [each.ended_at is None for each in record.instances] == [False, True]


def test_a_kill_in_a_delete_is_made_good_by_the_next_destroy(rented: Rented) -> None:
    up(rented)
    fault = rented.world.faults.hold("TerminateInstances", when="timeout")
    running = rented.stack.start("destroy", "--yes", "--skip-preview")
    running.until(fault.reached.is_set)
    running.kill()
    fault.release()
    rented.stack.pulumi("cancel", "--yes")
    rented.stack.destroy().must()
    assert rented.world.left() == ()
    assert rented.record().is_closed


def test_import_says_that_there_is_no_need(rented: Rented) -> None:
    with rented.killed_at("RunInstances"):
        pass
    rented.stack.pulumi("cancel", "--yes")
    (orphan,) = rented.world.billing()
    imported = rented.stack.start(
        "import", "--yes", "--skip-preview", IDLE, "by-hand", orphan.id
    ).end()
    assert imported.code != 0
    assert "no need to import" in imported.text
    up(rented)
    assert is_one(rented)
