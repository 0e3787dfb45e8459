"""Machines by their own facts, and what is said of them by hand."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from freehold.catalog.cards import pcie_bytes_per_s
from freehold.catalog.hardware import hardware_from, hardware_of, overridden
from freehold.errors import FreeholdError
from freehold.facts.hardware import hardware_fact
from freehold.sizing.hardware import Hardware
from freehold.spec.hardware import KnownHardware

CASES = Path(__file__).parents[1] / "facts" / "cases" / "hardware"
GIB, MIB = 1 << 30, 1 << 20


def read(name: str) -> Hardware:
    text = (CASES / f"{name}.txt").read_text()
    return hardware_from(hardware_fact("llama-server.service").parse(text), "node-1")


def is_guessed(hardware: Hardware, what: str) -> bool:
    return any(guess.startswith(f"{what}:") for guess in hardware.guessed)


def test_a_read_machine_keeps_what_it_said_and_adds_what_the_catalogue_knows() -> None:
    machine = read("eight_h100_one_of_them_shared")
    assert (machine.cores, machine.sockets, machine.numa_nodes) == (112, 2, 2)
    assert machine.ram_bandwidth_bytes_per_s == 614.4e9
    assert machine.disk_read_bytes_per_s == pytest.approx(6.16e9, rel=0.01)
    assert {device.bandwidth_bytes_per_s for device in machine.devices} == {3352e9}
    assert {device.memory_bytes for device in machine.devices} == {81079 * MIB}
    assert [guess.partition(":")[0] for guess in machine.guessed] == ["power"]


def test_free_memory_counts_what_our_own_server_gives_back_and_not_what_others_hold() -> None:
    machine = read("eight_h100_one_of_them_shared")
    *alone, shared = machine.devices
    assert {device.free_bytes for device in alone} == {(81079 - 10) * MIB}
    assert shared.free_bytes == (81079 - (74001 - 71224)) * MIB
    assert machine.ram_available_bytes == (1998812004 + 2411236) * 1024


def test_modules_beyond_the_processors_channels_add_no_bandwidth() -> None:
    assert read("four_3090_in_a_desktop").ram_bandwidth_bytes_per_s == 57.6e9


def test_a_card_in_a_narrow_slot_has_a_narrow_link() -> None:
    lanes = [device.link_bytes_per_s for device in read("four_3090_in_a_desktop").devices]
    assert lanes == [pcie_bytes_per_s(4, n) for n in (8, 8, 4, 1)]


@pytest.mark.parametrize(
    ("case", "devices", "words"),
    [
        ("driver_broken", 0, "2 of NVIDIA on PCI left out: Failed to initialize NVML: Driver"),
        ("one_of_two_split_by_mig", 1, "0 (NVIDIA H100 PCIe) is split by MIG and left out"),
        ("unified_memory_of_a_gb10", 0, "0 (NVIDIA GB10) has no memory of its own"),
        ("amd_card", 0, "one of AMD with 24 GiB left out"),
    ],
)
def test_a_gpu_that_is_not_used_is_named_with_the_reason(
    case: str, devices: int, words: str
) -> None:
    machine = read(case)
    assert len(machine.devices) == devices
    assert any(words in guess for guess in machine.guessed)


def test_graphics_within_a_processor_are_not_spoken_of() -> None:
    assert not is_guessed(read("four_3090_in_a_desktop"), "GPUs")


def test_a_card_that_is_not_catalogued_keeps_its_own_memory() -> None:
    text = (CASES / "four_3090_in_a_desktop.txt").read_text().replace("RTX 3090", "RTX 9999")
    facts = hardware_fact("llama-server.service").parse(text)
    machine = hardware_from(facts, "node-1")
    assert machine.devices[1].memory_bytes == 24124 * MIB
    assert any("RTX 9999 is not catalogued" in guess for guess in machine.guessed)


def test_a_mac_has_the_wired_limit_that_was_set_or_apples_share() -> None:
    raised, plain = read("mac_studio_with_a_raised_limit"), read("macbook_as_it_came")
    assert raised.devices[0].memory_bytes == 480 * GIB
    assert plain.devices[0].memory_bytes == 96 * GIB
    assert plain.devices[0].bandwidth_bytes_per_s == 546e9


# By hand


def test_what_is_known_by_hand_holds_and_is_no_longer_a_guess() -> None:
    known = KnownHardware(
        gpu="rtx 4090",
        gpus=2,
        ram_gib=256,
        ram_bandwidth_gb_per_s=70,
        disk_read_mb_per_s=7000,
        cores=16,
        watts=900,
        usd_per_hour=1.5,
        purchase_usd=8000,
    )
    machine = overridden(hardware_of("24 GB card + 300 GB RAM"), known)
    assert [device.model for device in machine.devices] == ["RTX 4090"] * 2
    assert (machine.ram_bytes, machine.ram_bandwidth_bytes_per_s) == (256 * GIB, 70e9)
    assert (machine.disk_read_bytes_per_s, machine.cores, machine.watts) == (7e9, 16, 900)
    assert (machine.usd_per_hour, machine.purchase_usd) == (1.5, 8000)
    assert machine.guessed == ()


def test_nothing_known_by_hand_changes_nothing() -> None:
    machine = read("eight_h100_one_of_them_shared")
    assert overridden(machine, KnownHardware()) == machine


def test_a_count_by_hand_takes_or_adds_cards_like_those_that_were_read() -> None:
    two = overridden(read("four_3090_in_a_desktop"), KnownHardware(gpus=2))
    six = overridden(read("four_3090_in_a_desktop"), KnownHardware(gpus=6))
    assert [device.name for device in two.devices] == ["CUDA0", "CUDA1"]
    assert [device.buffer_type for device in six.devices] == [f"CUDA{n}" for n in range(6)]


def test_memory_by_hand_is_exactly_that() -> None:
    machine = overridden(read("four_3090_in_a_desktop"), KnownHardware(gpu_memory_gib=20.5))
    assert {device.memory_bytes for device in machine.devices} == {int(20.5 * GIB)}
    assert {device.free_bytes for device in machine.devices} == {None}
    unknown = KnownHardware(gpu="Voodoo 9", gpu_memory_gib=24)
    assert overridden(read("driver_broken"), unknown).devices[0].memory_bytes == 24 * GIB


@pytest.mark.parametrize(
    ("known", "words"),
    [
        (KnownHardware(gpu="RTX 3091"), 'got "RTX 3091"\nHint: did you mean RTX 3090?'),
        (KnownHardware(gpu="Voodoo 9"), "give gpu_memory_gib too"),
        (KnownHardware(gpus=4), "nodes[0].hardware.gpus: expected gpu too"),
    ],
)
def test_cards_by_hand_that_are_not_known_are_refused(known: KnownHardware, words: str) -> None:
    with pytest.raises(FreeholdError, match=re.escape(words)):
        overridden(read("driver_broken"), known, "nodes[0].hardware")
