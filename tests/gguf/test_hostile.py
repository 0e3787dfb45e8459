"""Damaged and malicious headers end at once, and take no memory to speak of."""

from __future__ import annotations

import random
import struct
import time
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from freehold.gguf.error import GgufError
from freehold.gguf.shard import read_shard
from freehold.gguf.source import FileSource
from tests.gguf.files import (
    BOOL,
    F32,
    FLOAT32,
    Q4_K,
    STRING,
    array,
    header,
    large_header,
    pair,
    tensor,
    text,
    with_data,
)

MIB = 1 << 20


class Bytes:
    """A source in memory. `room` is how long the file says it is."""

    place = "memory"

    def __init__(self, data: bytes, room: int | None = None) -> None:
        self._data, self._room = data, room

    def size_bytes(self) -> int:
        return len(self._data) if self._room is None else self._room

    def read(self, offset: int, count: int) -> bytes:
        data = self._data[offset : offset + count]
        return data + bytes(max(0, min(count, self.size_bytes() - offset) - len(data)))


@contextmanager
def at_most(cpu_s: float, memory_bytes: int) -> Iterator[None]:
    tracemalloc.start()
    began_s = time.process_time()
    try:
        yield
        took_s, (_, peak_bytes) = time.process_time() - began_s, tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert took_s <= cpu_s
    assert peak_bytes <= memory_bytes


def small() -> bytes:
    pairs = [
        pair("general.architecture", "glm-dsa"),
        pair("general.alignment", 32),
        array("types", BOOL, 4, b"\1\0\0\1"),
        array("scores", FLOAT32, 2, bytes(8)),
        array("tokens", STRING, 3, text("a") + text("") + text("xyz")),
    ]
    infos = [tensor("blk.0.a", (256, 2), Q4_K, 0), tensor("blk.0.b", (8, 2, 2, 1), F32, 288)]
    return with_data(header(pairs, infos), bytes(416))


def test_a_file_cut_at_any_byte_is_refused() -> None:
    whole = small()
    assert len(read_shard(Bytes(whole)).tensors) == 2
    for size in range(len(whole)):
        with pytest.raises(GgufError):
            read_shard(Bytes(whole[:size]))


def damaged(chance: random.Random, good: bytes) -> bytes:
    data = bytearray(good)
    for _ in range(chance.randint(1, 6)):
        at = chance.randrange(4, len(data) - 416)
        if chance.random() < 0.3:  # a length or a count that is absurd
            data[at : at + 8] = struct.pack("<Q", 2 ** chance.randrange(64) - chance.randrange(2))
        else:
            data[at] = chance.randrange(256)
    return bytes(data)


@pytest.mark.parametrize("room", [None, 64 << 30], ids=["as it is", "of 64 GiB"])
def test_damage_never_gives_anything_but_a_header_or_a_gguf_error(room: int | None) -> None:
    """In a file as long as its lengths say, only their absurdity can stop the reader."""
    chance = random.Random(3)  # noqa: S311 - the same damage each time
    good, refused, slowest_s = small(), 0, 0.0
    tries = 5000 if room is None else 1000
    for _ in range(tries):
        data = damaged(chance, good)
        began_s = time.process_time()
        try:
            read_shard(Bytes(data, room))
        except GgufError:
            refused += 1
        slowest_s = max(slowest_s, time.process_time() - began_s)
    assert tries / 10 < refused < tries
    assert slowest_s < (0.05 if room is None else 1)


def test_damage_takes_no_memory_to_speak_of() -> None:
    chance = random.Random(5)  # noqa: S311 - the same damage each time
    good = small()
    with at_most(cpu_s=20, memory_bytes=4 * MIB):
        for _ in range(500):
            try:
                read_shard(Bytes(damaged(chance, good)))
            except GgufError:
                continue


def test_random_bytes_are_never_a_header() -> None:
    chance = random.Random(4)  # noqa: S311 - the same bytes each time
    for size in range(1000):
        with pytest.raises(GgufError):
            read_shard(Bytes(b"GGUF\x03\0\0\0" + chance.randbytes(size)))


ABSURD = {
    "2^60 tensors": b"GGUF" + struct.pack("<IQQ", 3, 2**60, 0),
    "a key of a gigabyte": b"GGUF" + struct.pack("<IQQQ", 3, 0, 1, 2**30),
    "a text of a gigabyte": header([text("a") + struct.pack("<IQ", STRING, 2**30)], []),
    "a billion doubles": header([array("a", 12, 10**9, b"")], []),
    "a billion strings": header([array("a", STRING, 10**9, b"")], []),
    "eight million strings": header([array("a", STRING, 8_000_000, b"")], []),
    "an alignment of 2^31": header(
        [pair("general.alignment", 2**31)], [tensor("t", (32,), F32, 0)]
    ),
}


@pytest.mark.parametrize("what", ABSURD)
def test_an_absurd_length_in_a_file_that_is_as_long_is_refused_at_once(what: str) -> None:
    source = Bytes(ABSURD[what], 64 << 30)
    with at_most(cpu_s=0.05, memory_bytes=4 * MIB), pytest.raises(GgufError):
        read_shard(source)


def test_the_worst_that_a_header_may_hold_has_a_bound() -> None:
    """60,000 arrays of as many numbers as 64 MiB have room for."""
    many = [array(f"a{n:05d}", 0, 1000, bytes(1000)) for n in range(60_000)]
    data = header(many, [])
    assert 58 * MIB < len(data) < 64 * MIB
    source = Bytes(data)
    with at_most(cpu_s=10, memory_bytes=300 * MIB):
        assert len(read_shard(source).metadata) == 60_000


def test_a_header_as_long_as_glms_takes_a_moment(tmp_path: Path) -> None:
    path = tmp_path / "m.gguf"
    path.write_bytes(with_data(large_header(), bytes(160 * 1809)))
    began_s = time.process_time()
    shard = read_shard(FileSource(path))
    took_s = time.process_time() - began_s
    assert (len(shard.tensors), shard.metadata["tokenizer.ggml.merges"]) == (1809, 321_649)
    assert took_s < 1  # measured: below 0.1 s
