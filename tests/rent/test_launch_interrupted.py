"""A launch that is cut off at any line: the next one goes on, and one instance is there."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from freehold.rent.aws import AwsError
from freehold.rent.book import LeaseBook
from freehold.rent.launched import OrphanError, UnfinishedError
from freehold.rent.lease import Market
from freehold.rent.note import Act
from tests.aws.world import World
from tests.rent.leases import Interrupted, KilledError, killed_at
from tests.rent.stage import Counted, Stage, killed_at_call, offer, staged

FULL = "InsufficientInstanceCapacity"
TWO = (offer(), offer(zone="us-east-1b"))


@pytest.fixture
def stage(world: World, tmp_path: Path) -> Stage:
    return staged(world, tmp_path, TWO)


def check_one(stage: Stage, instance_id: str) -> None:
    """One instance bills, the ledger knows it and no other, and no try is open."""
    assert stage.billing == (instance_id,)
    assert [rental.instance_id for rental in stage.record.live] == [instance_id]
    assert stage.record.open_tries == ()


def calls_of_a_launch(stage: Stage) -> int:
    """How many an undisturbed one makes, whose first try is refused."""
    stage.world.faults.add("RunInstances", FULL)
    aws = Counted(lambda _when, _count: None)
    stage.launch(aws)
    return aws.count


def test_a_launch_that_is_killed_at_any_call_leaves_one_instance_in_the_end(
    world: World, tmp_path: Path
) -> None:
    count = calls_of_a_launch(staged(world, tmp_path / "whole", TWO))
    assert count >= 6
    left_behind = 0
    for number in range(1, count + 1):
        for when in ("before", "after"):
            stage = staged(world, tmp_path / f"{when}-{number}", TWO)
            world.faults.add("RunInstances", FULL)
            with pytest.raises(KilledError):
                stage.launch(killed_at_call(when, number))
            left_behind += len(stage.billing)
            world.faults.clear()
            check_one(stage, stage.launch().instance_id)
    assert left_behind >= 2  # or nothing was tested


@pytest.mark.parametrize("kind", ["before", "after"])
@pytest.mark.parametrize("number", range(2))
def test_a_launch_that_is_killed_at_any_note_leaves_one_instance_in_the_end(
    stage: Stage, tmp_path: Path, kind: str, number: int
) -> None:
    objects = Interrupted(tmp_path, **{kind: killed_at(number)})
    with pytest.raises(KilledError):
        stage.launch(book=LeaseBook(objects, stage.world.clock))
    made = stage.launch()
    check_one(stage, made.instance_id)
    assert made.is_adopted == (number == 1)  # the note of what was made


def test_an_answer_that_never_came_is_found_with_what_was_made(stage: Stage) -> None:
    stage.world.faults.add("RunInstances", when="timeout", times=None)
    made = stage.launch()
    check_one(stage, made.instance_id)
    assert stage.acts == ["intent", "tried", "made"]


def test_an_answer_that_came_after_repeats_is_of_one_instance(stage: Stage) -> None:
    stage.world.faults.add("RunInstances", when="after", times=2)
    made = stage.launch()
    check_one(stage, made.instance_id)
    assert len(stage.calls("RunInstances")) == 3


def test_where_nothing_is_known_the_try_stays_open_and_no_other_is_made(stage: Stage) -> None:
    stage.world.faults.add("RunInstances", when="drop", times=None)
    with pytest.raises(AwsError, match="whether an instance was made is not known"):
        stage.launch()
    assert stage.acts == ["intent", "tried"]
    assert stage.billing == ()
    stage.world.faults.clear()
    check_one(stage, stage.launch().instance_id)
    assert stage.acts == ["intent", "tried", "made"]


def test_what_was_made_and_is_not_described_yet_comes_by_its_client_token(
    stage: Stage, tmp_path: Path
) -> None:
    stage.world.calls_until_described = 20
    objects = Interrupted(tmp_path, before=killed_at(1))
    with pytest.raises(KilledError):
        stage.launch(book=LeaseBook(objects, stage.world.clock))
    assert len(stage.billing) == 1
    check_one(stage, stage.launch().instance_id)


def test_other_settings_of_a_tag_do_not_make_another_instance(stage: Stage, tmp_path: Path) -> None:
    """The deadline was moved between the two, so that the parameters differ."""
    stage.world.calls_until_described = 12
    objects = Interrupted(tmp_path, before=killed_at(1))
    with pytest.raises(KilledError):
        stage.launch(book=LeaseBook(objects, stage.world.clock))
    check_one(stage, stage.launch(user_data="#cloud-config\nother: 1\n").instance_id)
    assert "IdempotentParameterMismatch" in {c.code for c in stage.calls("RunInstances")}


def test_an_instance_that_is_to_be_seen_only_later_is_waited_for(stage: Stage) -> None:
    stage.world.calls_until_described = 5
    made = stage.launch()
    check_one(stage, made.instance_id)


def test_what_an_interrupted_try_made_and_has_ended_since_is_paid_for_and_made_again(
    stage: Stage, tmp_path: Path
) -> None:
    objects = Interrupted(tmp_path, before=killed_at(1))
    with pytest.raises(KilledError):
        stage.launch(book=LeaseBook(objects, stage.world.clock))
    (first,) = stage.billing
    stage.world.clock.advance(minutes=30)
    stage.world.instance_powered_off(first)
    made = stage.launch()
    assert made.instance_id != first
    assert made.zone == "us-east-1a"  # nobody has refused that
    check_one(stage, made.instance_id)
    assert [rental.instance_id for rental in stage.record.instances] == [first, made.instance_id]


def test_what_has_ended_so_long_ago_that_aws_has_forgotten_it_does_not_stop_the_next(
    stage: Stage, tmp_path: Path
) -> None:
    objects = Interrupted(tmp_path, before=killed_at(1))
    with pytest.raises(KilledError):
        stage.launch(book=LeaseBook(objects, stage.world.clock))
    stage.world.instance_powered_off(stage.billing[0])
    stage.world.clock.advance(hours=2)
    stage.world.faults.add("DescribeInstances", do=lambda _: None)
    _forget(stage)
    check_one(stage, stage.launch(user_data="#cloud-config\nother: 1\n").instance_id)


def _forget(stage: Stage) -> None:
    """Described no longer, though its client token is remembered with its parameters."""
    hidden = {m.id: 10_000 for m in stage.world.machines() if m.state == "terminated"}
    stage.world.ledger.hidden.update(hidden)


def test_a_second_launch_takes_up_what_the_first_one_made(stage: Stage) -> None:
    first = stage.launch()
    again = stage.launch()
    assert again == replace(first, is_adopted=True)
    assert len(stage.calls("RunInstances")) == 1
    assert stage.acts == ["intent", "tried", "made"]


def test_an_instance_that_ended_behind_our_back_is_noted_and_made_again(stage: Stage) -> None:
    first = stage.launch()
    stage.world.instance_powered_off(first.instance_id)
    made = stage.launch()
    assert made.instance_id != first.instance_id
    check_one(stage, made.instance_id)
    assert str(Act.ENDED) in stage.acts


def test_an_instance_of_the_lease_that_no_launch_made_is_named_and_not_taken(
    stage: Stage,
) -> None:
    """As somebody makes one by hand, with the tags of another ("launch more like this")."""
    tags = [{"Key": key, "Value": value} for key, value in stage.lease.tags().items()]
    (orphan,) = (
        stage.world.aws()
        .client("ec2", "us-east-1")
        .run_instances(
            ImageId=stage.world.image("us-east-1"),
            InstanceType="p5.48xlarge",
            MinCount=1,
            MaxCount=1,
            TagSpecifications=[{"ResourceType": "instance", "Tags": tags}],
        )["Instances"]
    )
    with pytest.raises(OrphanError) as caught:
        stage.launch()
    command = f"terminate-instances --region us-east-1 --instance-ids {orphan['InstanceId']}"
    assert command in str(caught.value)
    assert stage.billing == (orphan["InstanceId"],)


def test_two_instances_of_one_lease_are_both_named(stage: Stage) -> None:
    first = stage.launch()
    second = stage.launch(generation="b", replaces=first.instance_id)
    with pytest.raises(OrphanError) as caught:
        stage.launch()
    assert {problem.place for problem in caught.value.problems} == {
        f"us-east-1: {each.instance_id}" for each in (first, second)
    }


def test_a_replacement_is_made_while_the_one_before_it_runs(stage: Stage) -> None:
    old = stage.launch()
    new = stage.launch(generation="b", replaces=old.instance_id, root_gib=200)
    assert set(stage.billing) == {old.instance_id, new.instance_id}
    again = stage.launch(generation="b", replaces=old.instance_id, root_gib=200)
    assert again.instance_id == new.instance_id


def test_what_was_made_for_other_settings_is_named_and_nothing_is_made_beside_it(
    stage: Stage,
) -> None:
    old = stage.launch()
    with pytest.raises(OrphanError, match="made for other settings"):
        stage.launch(generation="b")
    assert stage.billing == (old.instance_id,)


def test_an_instance_that_was_stopped_by_hand_is_named(stage: Stage) -> None:
    made = stage.launch()
    stage.world.aws().client("ec2", "us-east-1").stop_instances(InstanceIds=[made.instance_id])
    with pytest.raises(OrphanError, match="does not run"):
        stage.launch()


def test_a_region_that_cannot_be_asked_stops_it_before_anything_is_made(
    world: World, tmp_path: Path
) -> None:
    stage = staged(world, tmp_path, [*TWO, offer(zone="us-west-2a")])
    world.faults.add("DescribeInstances", "UnauthorizedOperation", region="us-west-2", times=None)
    with pytest.raises(AwsError, match="us-west-2"):
        stage.launch()
    assert stage.calls("RunInstances") == []


def test_an_instance_that_does_not_come_to_run_is_named_with_its_id(stage: Stage) -> None:
    stage.world.calls_until_running = 100_000
    with pytest.raises(UnfinishedError, match="it is pending") as caught:
        stage.launch()
    assert stage.billing == (caught.value.instance_id,)
    stage.world.calls_until_running = 1
    stage.world.ledger.changing.clear()
    stage.world.ledger.changing[caught.value.instance_id] = (1, "running")
    assert stage.launch().instance_id == caught.value.instance_id


def test_a_refused_market_leads_to_the_next_and_the_ledger_has_its_price(
    world: World, tmp_path: Path
) -> None:
    spot = replace(offer(market=Market.SPOT), usd_per_hour=20.0)
    stage = staged(world, tmp_path, [spot, offer()])
    world.faults.add("RunInstances", "MaxSpotInstanceCountExceeded")
    made = stage.launch()
    assert made.market is Market.ON_DEMAND
    assert stage.record.live[0].usd_per_hour == 55.04
