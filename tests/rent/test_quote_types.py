"""Which types carry a model: the catalogue's, and those that AWS alone knows."""

from __future__ import annotations

import pytest

from freehold.rent.machine import machine_described
from freehold.rent.need import BOOT_S
from freehold.rent.quote import quote
from freehold.sizing.choose import lay_out
from freehold.sizing.layout import Refusal
from freehold.sizing.wishes import GIB
from tests.aws.world import World
from tests.rent.quoting import WEST, glm, need, only, quoted, shop, wish


def test_a_type_that_is_too_small_says_how_many_gib_are_short(world: World) -> None:
    shop(world)
    found = quoted(world, wish("p5.4xlarge"), need())
    assert not found.rows
    (fit,) = found.unfit
    assert fit.machine.hardware is not None
    answer = lay_out(glm(), fit.machine.hardware, need().wishes)
    assert isinstance(answer, Refusal)
    short = answer.shortfalls[0]
    assert f"{short.device} {short.missing_bytes / GIB:.1f} GiB" in fit.reasons[0]
    assert not [call for call in world.calls if call.action == "GetProducts"]


def test_a_type_that_is_not_catalogued_is_sized_as_aws_describes_it(world: World) -> None:
    prices = {("p5e.48xlarge", WEST): 40.0}
    shop(world, usd_per_hour=prices)
    row = only(quoted(world, wish("p5e.48xlarge", regions=(WEST,)), need()))
    assert row.fit.machine.gpus == "8x H200"
    assert row.fit.machine.vcpus == 192
    assert row.fit.mode == "all on the GPUs"
    assert row.usd_per_hour == 40.0
    assert row.fit.tokens_per_s is not None


def test_a_type_without_any_price_is_not_rented(world: World) -> None:
    shop(world)
    world.faults.add("GetProducts", "AccessDeniedException", times=None)
    row = only(quoted(world, wish("p5e.48xlarge", regions=(WEST,)), need()))
    assert row.usd_per_hour is None
    assert not row.offers
    assert str(row.reasons[0]).startswith("its price is not known: ")


def test_a_type_that_nobody_has_is_named(world: World) -> None:
    shop(world)
    found = quoted(world, wish("p99.48xlarge", "p5.48xlarge"), need())
    assert [fit.machine.instance_type for fit in found.unfit] == ["p99.48xlarge"]
    assert "no type of the catalogue, and no region's" in found.unfit[0].reasons[0]
    assert [row.instance_type for row in found.rows] == ["p5.48xlarge"]


def test_offline_a_type_that_is_not_catalogued_is_not_sized(world: World) -> None:
    found = quote(None, wish("p5e.48xlarge"), need(), world.clock())
    assert "AWS was not asked" in found.unfit[0].reasons[0]


@pytest.mark.parametrize(
    ("name", "memory_mib", "card"),
    [
        ("A100", 40960, "A100 40 GB"),
        ("A100", 81920, "A100 80 GB"),
        ("RTX PRO Server 6000", 98304, "RTX PRO 6000 Server"),
        ("A10G", 22888, "A10G"),
        ("B300", 275040, "B300"),
    ],
)
def test_aws_s_name_of_a_card_and_its_memory_say_which_it_is(
    name: str, memory_mib: int, card: str
) -> None:
    hardware = machine_described(_entry(name, memory_mib)).hardware
    assert hardware is not None
    assert {device.model for device in hardware.devices} == {card}
    assert len(hardware.devices) == 8


def test_a_card_that_is_not_catalogued_is_said_and_nothing_is_sized() -> None:
    machine = machine_described(_entry("X900", 200_000))
    assert machine.hardware is None
    assert machine.unsized == "its card X900 of 200000 MiB is not catalogued"


def test_a_machine_without_disks_needs_a_root_disk_for_the_weights(world: World) -> None:
    shop(world)
    small = quoted(world, wish("r7i.48xlarge"), need())
    assert "it has no disks of its own" in small.unfit[0].reasons[0]
    large = only(quoted(world, wish("r7i.48xlarge", root_gib=1000), need()))
    # A root disk takes and gives 125 MiB/s, so it decides, not the line of 250 MB/s.
    assert large.fit.sync_s == pytest.approx(need().weights_bytes / (125 * 1024**2))
    assert large.fit.ready_hours * 3600 > BOOT_S + 2 * large.fit.sync_s


def test_a_model_that_is_placed_by_hand_is_not_sized(world: World) -> None:
    shop(world)
    row = only(quoted(world, wish("p5.4xlarge"), need(model=None)))
    assert row.fit.tokens_per_s is None
    assert row.usd is not None
    unknown = only(quoted(world, wish("p5.4xlarge"), need(model=None, tokens=1e6)))
    assert unknown.usd is None


def _entry(name: str, memory_mib: int) -> dict[str, object]:
    gpu = {"Name": name, "Count": 8, "MemoryInfo": {"SizeInMiB": memory_mib}}
    return {
        "InstanceType": "of.test",
        "GpuInfo": {"Gpus": [gpu]},
        "VCpuInfo": {"DefaultVCpus": 96, "DefaultCores": 48},
        "MemoryInfo": {"SizeInMiB": 1179648},
        "ProcessorInfo": {"SupportedArchitectures": ["x86_64"]},
    }
