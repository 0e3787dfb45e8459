"""A launch: what it asks AWS for, what it notes, and where it goes when it is refused."""

from __future__ import annotations

import base64
from datetime import timedelta
from pathlib import Path

import pytest

from freehold.errors import FreeholdError
from freehold.rent.aws import AwsError
from freehold.rent.launch import launch
from freehold.rent.launched import CancelledError, LeaseOverError
from freehold.rent.lease import Market
from freehold.rent.no_capacity import NoCapacityError
from freehold.rent.tries import REFUSED_FOR_NOW
from tests.aws.world import World
from tests.rent.stage import P5, P5EN, Stage, offer, staged

FULL = "InsufficientInstanceCapacity"
THREE = (offer(), offer(zone="us-east-1b"), offer(P5EN, "us-west-2a"))


@pytest.fixture
def stage(world: World, tmp_path: Path) -> Stage:
    return staged(world, tmp_path, THREE)


def test_the_first_offer_that_is_taken_is_launched(stage: Stage) -> None:
    made = stage.launch()
    (machine,) = stage.world.billing(stage.lease.token)
    assert (made.instance_id, made.region, made.zone) == (machine.id, "us-east-1", "us-east-1a")
    assert (made.instance_type, made.market, made.usd_per_hour) == (P5, Market.ON_DEMAND, 55.04)
    assert made.address == machine.address
    assert abs(made.launched_at - machine.launched_at) < timedelta(seconds=5)
    assert not made.is_adopted


def test_what_is_made_ends_at_shutdown_and_bears_the_lease(stage: Stage) -> None:
    stage.launch(user_data="#cloud-config\nx: ü\n")
    (machine,) = stage.world.machines()
    assert machine.ends_at_shutdown
    assert machine.tags == stage.lease.tags()
    assert machine.user_data == "#cloud-config\nx: ü\n"
    ec2 = stage.world.aws().client("ec2", machine.region)
    (volume,) = ec2.describe_volumes()["Volumes"]
    (interface,) = ec2.describe_network_interfaces()["NetworkInterfaces"]
    for tags in (volume["Tags"], interface["TagSet"]):
        assert {tag["Key"]: tag["Value"] for tag in tags} == stage.lease.tags()
    assert volume["Size"] == 100
    assert volume["Encrypted"]
    ec2.terminate_instances(InstanceIds=[machine.id])
    assert ec2.describe_volumes()["Volumes"] == []


def test_credentials_are_given_to_nobody_but_the_machine_itself(stage: Stage) -> None:
    stage.launch()
    (call,) = stage.calls("RunInstances")
    assert call.parameters["MetadataOptions"] == {
        "HttpEndpoint": "enabled",
        "HttpTokens": "required",
        "HttpPutResponseHopLimit": 1,
    }


def test_each_try_is_noted_before_aws_hears_of_it_and_after(stage: Stage) -> None:
    noted: list[list[str]] = []
    stage.world.faults.add("RunInstances", FULL, do=lambda _: noted.append(stage.acts))
    stage.launch()
    assert noted == [["intent", "tried"]]
    assert stage.acts == ["intent", "tried", "refused", "tried", "made"]
    tried, refused, _, made = stage.record.notes[1:]
    assert tried.details["client_token"] == refused.details["client_token"]
    assert refused.details["code"] == FULL
    assert made.details["client_token"] != tried.details["client_token"]
    (rental,) = stage.record.live
    assert (rental.zone, rental.root_gib, rental.usd_per_hour) == ("us-east-1b", 100, 55.04)


@pytest.mark.parametrize("code", sorted(REFUSED_FOR_NOW))
def test_a_refusal_for_now_leads_to_the_next_offer(stage: Stage, code: str) -> None:
    stage.world.faults.add("RunInstances", code, status=500 if code == FULL else None)
    made = stage.launch()
    assert made.zone == "us-east-1b"
    assert len(stage.billing) == 1
    assert stage.record.open_tries == ()


def test_another_region_is_tried_with_its_own_group_key_and_image(stage: Stage) -> None:
    stage.world.faults.add("RunInstances", FULL, times=2)
    made = stage.launch()
    assert (made.region, made.instance_type) == ("us-west-2", P5EN)
    call = stage.calls("RunInstances")[-1]
    assert call.parameters["SecurityGroupIds"] == [stage.wanted.groups["us-west-2"]]
    assert call.parameters["ImageId"] == stage.world.image("us-west-2")


def test_a_lack_of_capacity_is_an_answer_that_is_not_asked_for_again(stage: Stage) -> None:
    stage.world.faults.add("RunInstances", FULL, times=None, status=500)
    with pytest.raises(NoCapacityError):
        stage.launch()
    # One call an offer: botocore would repeat each HTTP 500 four times, with pauses between.
    assert len(stage.calls("RunInstances")) == len(THREE)
    assert stage.paused_s == []


def test_when_all_are_refused_each_try_is_named_with_what_else_could_be_tried(
    stage: Stage,
) -> None:
    faults = stage.world.faults
    faults.add("RunInstances", FULL, message="no such machine is free")
    faults.add("RunInstances", "VcpuLimitExceeded", message="limit of 0", times=None)
    with pytest.raises(NoCapacityError) as caught:
        stage.launch()
    lines = str(caught.value).splitlines()
    assert lines[0].startswith("rented: expected capacity, found none: 3 tries in ")
    assert lines[1].startswith(f"  p5.48xlarge in us-east-1a, on-demand: {FULL}: no such machine")
    assert lines[2].startswith("  p5.48xlarge in us-east-1b, on-demand: VcpuLimitExceeded: limit")
    assert lines[3].startswith("  p5en.48xlarge in us-west-2a, on-demand: VcpuLimitExceeded")
    assert "quota" in lines[4]
    assert "fab rent.quote --all" in lines[4]
    assert stage.billing == ()
    assert stage.record.open_tries == ()


def test_every_try_is_said_in_a_line_with_what_comes_next(stage: Stage) -> None:
    stage.world.faults.add("RunInstances", FULL, message="none", times=2)
    made = stage.launch()
    assert stage.said == [
        f"p5.48xlarge in us-east-1a, on-demand: {FULL}: none; "
        "next: p5.48xlarge in us-east-1b, on-demand",
        f"p5.48xlarge in us-east-1b, on-demand: {FULL}: none; "
        "next: p5en.48xlarge in us-west-2a, on-demand",
        f"p5en.48xlarge in us-west-2a, on-demand: {made.instance_id} is made",
        f"{made.instance_id} in us-west-2a: running at {made.address}",
    ]


@pytest.mark.parametrize(
    "code", ["UnauthorizedOperation", "InvalidParameterValue", "OptInRequired"]
)
def test_what_another_offer_would_not_change_stops_it_at_once(stage: Stage, code: str) -> None:
    stage.world.faults.add("RunInstances", code, times=None, message="no")
    with pytest.raises(AwsError, match=f"us-east-1: RunInstances: {code}: no"):
        stage.launch()
    assert len(stage.calls("RunInstances")) == 1
    assert stage.acts == ["intent", "tried", "refused"]


def test_a_lease_that_is_over_launches_nothing_and_asks_nobody(stage: Stage) -> None:
    stage.world.clock.advance(hours=5)
    with pytest.raises(LeaseOverError, match=stage.lease.token):
        stage.launch()
    assert stage.world.calls == []


def test_an_instance_of_a_lease_that_is_over_is_named_with_what_ends_it(stage: Stage) -> None:
    made = stage.launch()
    stage.world.clock.advance(hours=5)
    with pytest.raises(LeaseOverError) as caught:
        stage.launch()
    command = f"aws ec2 terminate-instances --region us-east-1 --instance-ids {made.instance_id}"
    assert command in str(caught.value)


def test_a_lease_that_ends_between_two_tries_tries_no_more(stage: Stage) -> None:
    stage.world.faults.add(
        "RunInstances", FULL, times=None, do=lambda _: stage.world.clock.advance(hours=3)
    )
    with pytest.raises(LeaseOverError):
        stage.launch()
    assert len(stage.calls("RunInstances")) == 2


def test_a_launch_that_is_cancelled_stops_before_the_next_try(stage: Stage) -> None:
    stage.world.faults.add("RunInstances", FULL, times=None)
    with pytest.raises(CancelledError):
        launch(
            stage.world.aws(),
            stage.book,
            stage.lease,
            stage.wanted,
            stage.said.append,
            clock=stage.world.clock,
            pause=stage.pause,
            is_cancelled=lambda: len(stage.calls("RunInstances")) == 2,
        )
    assert len(stage.calls("RunInstances")) == 2
    assert stage.record.open_tries == ()


def test_a_profile_that_ec2_does_not_know_yet_is_waited_for(stage: Stage) -> None:
    stage.world.faults.add(
        "RunInstances",
        "InvalidParameterValue",
        times=3,
        message="Value (x) for parameter iamInstanceProfile.name is invalid. "
        "Invalid IAM Instance Profile name",
    )
    stage.launch()
    tokens = [call.parameters["ClientToken"] for call in stage.calls("RunInstances")]
    assert len(tokens) == 4
    assert len(set(tokens)) == 1
    assert 0 < sum(stage.paused_s) <= 60


def test_a_profile_that_there_is_not_stops_it_within_a_minute_or_so(stage: Stage) -> None:
    with pytest.raises(AwsError, match="Invalid IAM Instance Profile"):
        stage.launch(profile="no-such")
    assert 60 <= sum(stage.paused_s) < 90
    assert len(stage.calls("RunInstances")) < 20


def test_a_spot_instance_is_asked_for_once_and_ends_when_it_is_taken_back(
    world: World, tmp_path: Path
) -> None:
    stage = staged(world, tmp_path, [offer(market=Market.SPOT)])
    made = stage.launch(spot_max_usd_per_hour=30.5)
    assert made.market is Market.SPOT
    (call,) = stage.calls("RunInstances")
    assert call.parameters["InstanceMarketOptions"] == {
        "MarketType": "spot",
        "SpotOptions": {
            "MaxPrice": "30.5000",
            "SpotInstanceType": "one-time",
            "InstanceInterruptionBehavior": "terminate",
        },
    }
    kinds = {spec["ResourceType"] for spec in call.parameters["TagSpecifications"]}
    assert "spot-instances-request" in kinds


def test_a_capacity_block_is_asked_for_by_its_market_and_its_reservation(
    world: World, tmp_path: Path
) -> None:
    block = offer(market=Market.BLOCK, reservation="cr-0123456789abcdef0")
    stage = staged(world, tmp_path, [block])
    stage.launch()
    (call,) = stage.calls("RunInstances")
    assert call.parameters["InstanceMarketOptions"] == {"MarketType": "capacity-block"}
    assert call.parameters["CapacityReservationSpecification"] == {
        "CapacityReservationTarget": {"CapacityReservationId": "cr-0123456789abcdef0"}
    }
    assert stage.record.live[0].market is Market.BLOCK


def test_a_region_that_the_stack_has_given_up_is_not_tried(stage: Stage) -> None:
    stage.world.faults.add("RunInstances", FULL, times=2)
    with pytest.raises(NoCapacityError, match="given up this region"):
        stage.launch(groups={"us-east-1": stage.wanted.groups["us-east-1"]})
    assert {call.region for call in stage.calls("RunInstances")} == {"us-east-1"}


def test_a_root_disk_below_the_images_own_is_refused_with_its_size(stage: Stage) -> None:
    with pytest.raises(FreeholdError, match="root_gib: expected at least"):
        stage.launch(root_gib=0)
    assert stage.acts == ["intent"]


def test_an_instance_that_ends_as_it_begins_leads_to_the_next_offer(stage: Stage) -> None:
    ended = _ends_as_it_begins(stage, "Server.InsufficientInstanceCapacity")
    made = stage.launch()
    assert made.zone == "us-east-1b"
    assert stage.billing == (made.instance_id,)
    assert [rental.instance_id for rental in stage.record.instances] == [*ended, made.instance_id]
    assert [rental.is_live for rental in stage.record.instances] == [False, True]


def test_an_instance_that_no_offer_could_keep_stops_it(stage: Stage) -> None:
    _ends_as_it_begins(stage, "Client.VolumeLimitExceeded")
    with pytest.raises(AwsError, match="ended as it began"):
        stage.launch()
    assert stage.billing == ()
    assert stage.record.live == ()


def _ends_as_it_begins(stage: Stage, reason: str) -> list[str]:
    """The first instance that is launched does, for that reason; its id, once there is one."""
    ended: list[str] = []

    def end(instance_id: str) -> None:
        if not ended:
            ended.append(instance_id)
            stage.world.instance_powered_off(instance_id)
            stage.world.moto_instance(instance_id).state_reason.code = reason

    stage.world.on_launch = end
    return ended


def test_user_data_is_sent_as_it_is(stage: Stage) -> None:
    stage.launch(user_data="#cloud-config\n")
    (call,) = stage.calls("RunInstances")
    assert base64.b64decode(call.parameters["UserData"]) == b"#cloud-config\n"
