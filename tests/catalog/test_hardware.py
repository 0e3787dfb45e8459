"""Machines by name and by formula, and the catalogue's data."""

from __future__ import annotations

import re

import pytest
import yaml

from freehold.catalog.cards import card_named, cards
from freehold.catalog.data_file import DATA
from freehold.catalog.hardware import hardware_of, known_hardware
from freehold.catalog.instances import instances
from freehold.catalog.macs import chips
from freehold.catalog.ram import by_processor
from freehold.errors import FreeholdError
from freehold.sizing.hardware import Backend, Hardware

GIB = 1 << 30


def is_guessed(hardware: Hardware, what: str) -> bool:
    return any(guess.startswith(f"{what}:") for guess in hardware.guessed)


# The data


@pytest.mark.parametrize("name", ["cards", "macs", "aws", "cpus"])
def test_every_block_of_data_names_its_source(name: str) -> None:
    data = yaml.safe_load((DATA / f"{name}.yaml").read_text())
    assert all(block["source"].strip() for block in data.get("blocks", [data]))


@pytest.mark.parametrize("name", [name for name, _ in known_hardware()])
def test_every_name_that_is_listed_is_a_machine(name: str) -> None:
    size = next((max(c.memory_gb) for c in chips().values() if name.endswith(c.name)), "")
    machine = hardware_of(f"{name} {size}".strip())
    for device in machine.devices:
        assert 1 * GIB < device.memory_bytes < 512 * GIB
        assert 100e9 < (device.bandwidth_bytes_per_s or 0) < 10e12
    assert machine.ram_bandwidth_bytes_per_s is not None
    assert machine.ram_available_bytes is not None
    assert machine.ram_available_bytes < machine.ram_bytes


def test_no_two_cards_answer_to_one_name() -> None:
    for card in cards().values():
        for name in (card.name, *card.aliases):
            assert card_named(name) is card


def test_a_card_gives_less_than_its_board_holds() -> None:
    for card in cards().values():
        assert 0.95 < card.usable_mib / card.memory_mib <= 1


def test_every_instance_names_a_card_and_a_processor_of_the_catalogue() -> None:
    for instance in instances().values():
        assert (instance.gpus in cards()) == (instance.count > 0)
        assert by_processor(instance.cpu, instance.sockets) is not None


@pytest.mark.parametrize(
    ("said", "name"),
    [
        ("NVIDIA GeForce RTX 3090", "RTX 3090"),
        ("NVIDIA H100 80GB HBM3", "H100"),
        ("NVIDIA H100 PCIe", "H100 PCIe"),
        ("NVIDIA A100-SXM4-80GB", "A100 80 GB"),
        ("NVIDIA A100 80GB PCIe", "A100 80 GB PCIe"),
        ("Tesla V100-SXM2-32GB", "V100 32 GB"),
        ("Tesla T4", "T4"),
        ("NVIDIA RTX 6000 Ada Generation", "RTX 6000 Ada"),
        ("NVIDIA RTX PRO 6000 Blackwell Server Edition", "RTX PRO 6000 Server"),
        ("NVIDIA GH200 480GB", "GH200"),
        ("NVIDIA B300 SXM6 AC", "B300"),
        ("AMD Instinct MI300X", "MI300X"),
    ],
)
def test_a_card_is_known_by_what_its_driver_calls_it(said: str, name: str) -> None:
    assert card_named(said) is cards()[name]


@pytest.mark.parametrize("said", ["NVIDIA GeForce RTX 4090 Laptop GPU", "NVIDIA H100L", ""])
def test_a_card_that_only_sounds_like_another_is_not_that_one(said: str) -> None:
    assert card_named(said) is None


@pytest.mark.parametrize(
    ("cpu", "gb_s"),
    [
        ("AMD EPYC 9554 64-Core Processor", 460.8),
        ("AMD EPYC 7742 64-Core Processor", 204.8),
        ("AMD EPYC 7601 32-Core Processor", 170.6),
        ("Intel(R) Xeon(R) Platinum 8480+", 307.2),
        ("Intel(R) Xeon(R) Gold 6248 CPU @ 2.50GHz", 140.8),
        ("Intel(R) Xeon(R) CPU E5-2680 v4 @ 2.40GHz", 76.8),
        ("AMD Ryzen Threadripper PRO 7995WX 96-Cores", 332.8),
        ("13th Gen Intel(R) Core(TM) i9-13900K", 76.8),
        ("Intel(R) Core(TM) i9-14900K", 76.8),
    ],
)
def test_a_processor_has_the_bandwidth_that_its_maker_states(cpu: str, gb_s: float) -> None:
    found = by_processor(cpu, 1)
    assert found is not None
    assert found.bytes_per_s / 1e9 == pytest.approx(gb_s, rel=0.005)


# By name and by formula


def test_an_instance_is_rented_at_the_catalogues_price() -> None:
    machine = hardware_of("P5.48xlarge")
    assert [device.name for device in machine.devices] == [f"CUDA{n}" for n in range(8)]
    assert (machine.ram_bytes, machine.usd_per_hour) == (2048 * GIB, 55.04)
    assert is_guessed(machine, "price")


def test_a_part_of_a_machine_has_a_part_of_its_bandwidth() -> None:
    part, whole = hardware_of("g7e.12xlarge"), hardware_of("g7e.24xlarge")
    assert part.ram_bandwidth_bytes_per_s < whole.ram_bandwidth_bytes_per_s


@pytest.mark.parametrize(
    "text", ["mac studio m3 ultra 512", "Mac Studio 512 GB", "M3 Ultra, 512 GB", "512GB mac"]
)
def test_a_mac_is_one_device_with_three_quarters_of_its_memory(text: str) -> None:
    mac = hardware_of(text)
    (gpu,) = mac.devices
    assert (gpu.name, gpu.backend, gpu.model) == ("MTL0", Backend.METAL, "Apple M3 Ultra")
    assert mac.is_unified
    assert (mac.ram_bytes, gpu.memory_bytes) == (512 * GIB, 384 * GIB)
    assert is_guessed(mac, "chip") == ("m3" not in text.lower())


def test_a_formula_that_says_all_leaves_nothing_to_guess_but_the_power() -> None:
    machine = hardware_of(
        "4x RTX 3090 + 192 GB DDR5-5600 2 channels + 24 cores + 1 socket + 5 GB/s disk"
    )
    assert [device.model for device in machine.devices] == ["RTX 3090"] * 4
    assert (machine.ram_bytes, machine.cores) == (192 * GIB, 24)
    assert machine.ram_bandwidth_bytes_per_s == 89.6e9
    assert machine.disk_read_bytes_per_s == 5e9
    assert [guess.partition(":")[0] for guess in machine.guessed] == ["power"]


@pytest.mark.parametrize(
    ("text", "cards_found", "ram_gib"),
    [
        ("24 GB card + 300 GB RAM", 1, 300),
        ("2x 80 GB + 512 GB", 2, 512),
        ("2 x 80GB and 0.5 TB DDR4-3200 8-channel", 2, 512),
        ("8x H100", 8, 2048),
        ("1x RTX 4090, 2x 3090 with 128 GiB memory", 3, 128),
        ("cpu only + 768GB ram + 64 cores", 0, 768),
        ("4\u00d7RTX 3090+192GB", 4, 192),
        ("2 H200 NVL + 1 TB", 2, 1024),
    ],
)
def test_a_formula_is_read_as_people_write_it(text: str, cards_found: int, ram_gib: int) -> None:
    machine = hardware_of(text)
    assert (len(machine.devices), machine.ram_bytes) == (cards_found, ram_gib * GIB)


def test_a_card_of_which_only_the_size_is_known_is_taken_for_a_usual_one() -> None:
    machine = hardware_of("2x 80 GB + 512 GB")
    for device in machine.devices:
        assert 0.97 < device.memory_bytes / (80 * GIB) < 1
    assert is_guessed(machine, "GPUs")


def test_cards_of_two_makers_are_counted_apart() -> None:
    machine = hardware_of("1x RTX 4090 + 2x RX 7900 XTX + 128 GB")
    assert [device.name for device in machine.devices] == ["CUDA0", "Vulkan0", "Vulkan1"]


def test_a_card_with_a_machine_around_it_brings_its_memory() -> None:
    machine = hardware_of("GH200")
    assert (machine.ram_bytes, machine.cores, machine.arch) == (480 * GIB, 72, "aarch64")
    assert not is_guessed(machine, "RAM bandwidth")


REFUSED = [
    ("RTX 3900 + 64 GB", 'got "RTX 3900"\nHint: did you mean RTX 3090'),
    ("p5.49xlarge", 'got "p5.49xlarge"\nHint: did you mean p5.4'),
    ("g5.48xlarge", "got g5.48xlarge\nHint: it holds no large model; known: g6e.48xlarge"),
    ("quantum computer", 'got "quantum computer"\nHint: such as "p5.48xlarge"'),
    ("24 GB + 300 GB", 'expected one amount of RAM, got "300 GB" too'),
    ("64 cores", 'expected cards or GB of RAM, got "64 cores"'),
    ("mac studio m3 ultra 500", "known: MacBook Pro M5 Max 64|128; Mac Studio M3 Ultra 96|256|512"),
    ("mac mini m3 ultra 512", "expected a Mac of the catalogue"),
    ("m3 ultra 512 256", "expected a Mac of the catalogue"),
    ("", 'got ""'),
]


@pytest.mark.parametrize(("text", "words"), REFUSED)
def test_what_names_no_machine_is_refused_with_what_would(text: str, words: str) -> None:
    with pytest.raises(FreeholdError, match=re.escape(words)) as caught:
        hardware_of(text, "--hardware")
    assert all(problem.place == "--hardware" for problem in caught.value.problems)


def test_every_part_that_means_nothing_is_named_at_once() -> None:
    with pytest.raises(FreeholdError) as caught:
        hardware_of("4x RTX 3091 + 64 GB + luck")
    assert len(caught.value.problems) == 2
