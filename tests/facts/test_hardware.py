"""Hardware as machines of many kinds print it (cases/hardware), and what cannot be read."""

from __future__ import annotations

from pathlib import Path

import pytest

from freehold.facts.fact import gather
from freehold.facts.hardware import HardwareFacts, hardware_fact
from freehold.facts.nvidia import read_gpus
from tests.hosts.fake import FakeHost

CASES = Path(__file__).with_name("cases") / "hardware"
FACT = hardware_fact("llama-server.service")
GIB, MIB = 1 << 30, 1 << 20


def read(name: str) -> HardwareFacts:
    return FACT.parse((CASES / f"{name}.txt").read_text())


def test_what_our_own_server_holds_is_told_from_what_others_hold() -> None:
    *alone, shared = read("eight_h100_one_of_them_shared").gpus
    assert {gpu.own_bytes for gpu in (*alone, shared)} == {71224 * MIB}
    assert {gpu.foreign_bytes for gpu in alone} == {10 * MIB}  # the driver's own
    assert shared.foreign_bytes == (74001 - 71224) * MIB


def test_what_the_driver_keeps_is_no_programs() -> None:
    gpu = read("four_3090_in_a_desktop").gpus[1]
    assert (gpu.memory_bytes, gpu.usable_bytes) == (24576 * MIB, 24124 * MIB)


def test_locked_pages_of_a_file_count_as_our_own_and_mapped_ones_do_not() -> None:
    mapped = (CASES / "eight_h100_one_of_them_shared.txt").read_text()
    locked = mapped.replace("own_VmLck=0 kB", "own_VmLck=104857600 kB")
    more = FACT.parse(locked).own_memory_bytes - FACT.parse(mapped).own_memory_bytes
    assert more == 100 * GIB


def test_a_server_whose_memory_the_driver_does_not_tell_holds_an_unknown_part() -> None:
    split, whole = read("one_of_two_split_by_mig").gpus
    assert (split.is_split, split.own_bytes) == (True, 0)
    assert (whole.is_split, whole.own_bytes) == (False, None)


def test_a_driver_that_fails_is_an_error_and_not_a_machine_without_gpus() -> None:
    facts = read("driver_broken")
    assert facts.gpus == ()
    assert facts.nvidia_error is not None
    assert "version mismatch" in facts.nvidia_error
    assert read("no_gpu_in_a_container").nvidia_error is None


@pytest.mark.parametrize(
    "key", ["system", "arch", "cpu", "cores", "threads", "sockets", "memory_kib", "available_kib"]
)
def test_a_missing_line_raises(key: str) -> None:
    lines = (CASES / "no_gpu_in_a_container.txt").read_text().splitlines()
    left = [line for line in lines if not line.startswith(f"{key}=")]
    assert len(left) == len(lines) - 1
    with pytest.raises(LookupError):
        FACT.parse("\n".join(left))


UNREADABLE = [
    ("cores=16", "cores=many"),
    ("memory_kib=197558036 kB", "memory_kib="),
    ("numa=197558036 kB", "numa=?"),
    ("24576, 412, 23712", "24576, 412"),
    ("24576, 412, 23712", "24 GB, 412, 23712"),
    ("smbios=", "smbios=not base64 "),
]


@pytest.mark.parametrize(("good", "bad"), UNREADABLE)
def test_a_line_that_cannot_be_read_raises(good: str, bad: str) -> None:
    text = (CASES / "four_3090_in_a_desktop.txt").read_text()
    assert good in text
    with pytest.raises(ValueError):  # noqa: PT011 - whichever words it has
        FACT.parse(text.replace(good, bad, 1))


def test_a_line_of_other_fields_than_were_asked_for_raises() -> None:
    with pytest.raises(ValueError, match="unpack"):
        read_gpus(["0, NVIDIA H100 NVL"], [], None)


def test_a_file_on_the_disk_is_timed_only_when_it_is_named(tmp_path: Path) -> None:
    sample = tmp_path / "shard with a blank.gguf"
    sample.write_bytes(bytes(32 * MIB))
    host = FakeHost()
    timed, quiet = gather(host, [hardware_fact("a.service", str(sample)), FACT])
    host.close()
    assert quiet.disk_read_bytes_per_s is None
    # /tmp may lie in memory, where nothing can be read past the page cache.
    if timed.disk_read_bytes_per_s is not None:
        assert 1 * MIB < timed.disk_read_bytes_per_s < 100 * GIB
