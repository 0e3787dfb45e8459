"""Memory modules in the firmware's table, whole and broken."""

from __future__ import annotations

import base64

import pytest

from freehold.facts.dimms import Dimm, read_dimms
from tests.facts.smbios import Module, in_base64, structure, table

GIB = 1 << 30
FOUR = [
    Module("A1", 16),
    Module("A2", 0),
    Module("B1", 16, configured_mt_s=5200),
    Module("B2", 0),
]


def test_populated_slots_are_read_and_empty_ones_are_not() -> None:
    assert read_dimms(in_base64(FOUR)) == (
        Dimm("A1", "DDR5", 16 * GIB, 5600, 64),
        Dimm("B1", "DDR5", 16 * GIB, 5200, 64),
    )


@pytest.mark.parametrize("gib", [1, 31, 32, 64, 256])
def test_a_module_of_any_size_has_that_size(gib: int) -> None:
    assert read_dimms(in_base64([Module("A1", gib)]))[0].size_bytes == gib * GIB


def test_a_module_whose_speed_was_not_set_has_the_speed_it_was_made_for() -> None:
    modules = [Module("A1", 8, rated_mt_s=4800, configured_mt_s=0), Module("B1", 8, 0x1A, 0, 0)]
    assert [(dimm.type, dimm.speed_mt_s) for dimm in read_dimms(in_base64(modules))] == [
        ("DDR5", 4800),
        ("DDR4", None),
    ]


def test_no_table_has_no_modules() -> None:
    assert read_dimms("") == ()


def test_what_follows_the_end_of_the_table_is_not_read() -> None:
    after = table([Module("A1", 8)]) + table([Module("B1", 8)])
    assert len(read_dimms(base64.b64encode(after).decode())) == 1


@pytest.mark.parametrize("cut", [60, 75, 120])
def test_a_table_cut_short_has_no_modules_rather_than_some(cut: int) -> None:
    whole = table(FOUR)
    assert len(whole) > cut
    assert read_dimms(base64.b64encode(whole[:cut]).decode()) == ()


def test_a_structure_shorter_than_its_header_breaks_the_table() -> None:
    broken = table([Module("A1", 8)]).replace(structure(19, bytes(27)), b"\x13\x02\0\0\0\0")
    assert read_dimms(base64.b64encode(broken).decode()) == ()


def test_text_that_is_no_table_raises() -> None:
    with pytest.raises(ValueError, match=r"(?i)base64"):
        read_dimms("not a table!")
