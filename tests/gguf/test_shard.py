"""One file's header: what is read of a good one, and that nothing else is taken for one."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from freehold.gguf.error import GgufError
from freehold.gguf.header import Shard
from freehold.gguf.shard import read_shard, require_whole
from freehold.gguf.source import FileSource
from tests.gguf.files import (
    ARRAY,
    BOOL,
    F32,
    FLOAT32,
    Q4_K,
    STRING,
    UINT16,
    array,
    header,
    pair,
    tensor,
    text,
    with_data,
    write_model,
)


def read(tmp_path: Path, data: bytes) -> Shard:
    path = tmp_path / "m.gguf"
    path.write_bytes(data)
    return read_shard(FileSource(path))


def refusal(tmp_path: Path, data: bytes) -> str:
    with pytest.raises(GgufError) as caught:
        read(tmp_path, data)
    assert str(caught.value).startswith(f"{tmp_path / 'm.gguf'}: ")
    return str(caught.value)


def test_what_a_small_file_says_is_read(tmp_path: Path) -> None:
    path = write_model(tmp_path / "m.gguf", "glm-dsa", general_name="A model", split_count=1)
    shard = require_whole(path)
    assert shard.metadata == {
        "general.architecture": "glm-dsa",
        "general.name": "A model",
        "split.count": 1,
    }
    (only,) = shard.tensors
    assert (only.name, only.shape, only.type, only.offset) == (
        "token_embd.weight",
        (32, 2),
        "F32",
        0,
    )
    assert (shard.place, shard.size_bytes) == (str(path), path.stat().st_size)


def test_the_raw_header_reaches_to_where_the_tensors_begin(tmp_path: Path) -> None:
    data = with_data(header([pair("x", 1)], [tensor("t", (32,), F32, 0)]), b"\xab" * 128)
    assert read(tmp_path, data).raw + b"\xab" * 128 == data


def test_short_arrays_of_numbers_are_kept(tmp_path: Path) -> None:
    pairs = [
        array("b", BOOL, 3, b"\x01\x00\x07"),
        array("f", FLOAT32, 2, struct.pack("<2f", 1.5, -2)),
        array("n", UINT16, 0, b""),
        array("most", UINT16, 65_536, bytes(131_072)),
    ]
    metadata = read(tmp_path, header(pairs, [])).metadata
    assert metadata["b"] == (True, False, True)
    assert metadata["f"] == (1.5, -2.0)
    assert metadata["n"] == ()
    assert metadata["most"] == (0,) * 65_536


def test_of_other_arrays_only_the_length_is_kept(tmp_path: Path) -> None:
    strings = array("s", STRING, 2, text("a") + text("b"))
    numbers = array("n", UINT16, 65_537, bytes(131_074))
    head = header([strings, numbers, pair("x", 7)], [])
    assert read(tmp_path, head).metadata == {"s": 2, "n": 65_537, "x": 7}


def test_of_very_many_arrays_the_later_ones_are_not_kept(tmp_path: Path) -> None:
    pairs = [array(f"a{n}", UINT16, 65_536, bytes(131_072)) for n in range(17)]
    values = list(read(tmp_path, header(pairs, [])).metadata.values())
    assert [isinstance(value, tuple) for value in values] == [True] * 16 + [False]


def test_a_header_of_several_mebibytes_is_read_in_pieces(tmp_path: Path) -> None:
    strings = array("s", STRING, 300_000, text("x" * 12) * 300_000)
    shard = read(tmp_path, with_data(header([strings], [tensor("t", (32,), F32, 0)]), bytes(128)))
    assert shard.metadata == {"s": 300_000}
    assert len(shard.tensors) == 1


def test_tensors_lie_apart_by_the_files_own_alignment(tmp_path: Path) -> None:
    infos = [tensor("a", (1,), F32, 0), tensor("b", (1,), F32, 64)]
    head = header([pair("general.alignment", 64)], infos)
    shard = read(tmp_path, head + bytes(-len(head) % 64) + bytes(128))
    assert [found.offset for found in shard.tensors] == [0, 64]
    assert len(shard.raw) % 64 == 0


def test_a_tensor_type_that_is_not_known_leaves_its_size_open(tmp_path: Path) -> None:
    infos = [tensor("t", (32,), 999, 0), tensor("u", (32,), F32, 32)]
    first, second = read(tmp_path, with_data(header([], infos), bytes(160))).tensors
    assert (first.type, first.size_bytes) == ("type-999", None)
    assert second.size_bytes == 128


def test_a_file_without_tensors_needs_no_padding(tmp_path: Path) -> None:
    head = header([pair("x", 1)], [], version=2)
    assert read(tmp_path, head).raw == head


def test_a_file_cut_in_its_tensors_says_how_much_is_missing(tmp_path: Path) -> None:
    path = write_model(tmp_path / "m.gguf")
    whole = path.read_bytes()
    path.write_bytes(whole[:-1])
    with pytest.raises(GgufError, match="the file is cut short: expected at least") as caught:
        require_whole(path)
    assert f"{len(whole)} bytes for its 1 tensors, found {len(whole) - 1}" in str(caught.value)


BAD = {
    "nothing": b"",
    "a page of HTML": b"<!DOCTYPE html><title>404</title>",
    "safetensors": struct.pack("<Q", 20) + b'{"__metadata__":{}}',
    "big-endian": b"GGUF" + struct.pack(">IQQ", 3, 0, 0),
    "version 1": header([], [], version=1),
    "version 4": header([], [], version=4),
    "2^63 pairs": b"GGUF" + struct.pack("<IQQ", 3, 0, 2**63),
    "2^60 tensors": b"GGUF" + struct.pack("<IQQ", 3, 2**60, 0),
    "60,000 tensors and not a byte of them": b"GGUF" + struct.pack("<IQQ", 3, 60_000, 0),
    "a key of an exabyte": b"GGUF" + struct.pack("<IQQQ", 3, 0, 1, 2**60),
    "a key of a gigabyte": b"GGUF" + struct.pack("<IQQQ", 3, 0, 1, 2**30),
    "a key without a letter": header([pair("", 1)], []),
    "a key that is not UTF-8": header([struct.pack("<Q", 1) + b"\xff" + bytes(8)], []),
    "a key twice": header([pair("a", 1), pair("a", 1)], []),
    "a text of 2^60 bytes": header([text("a") + struct.pack("<IQ", STRING, 2**60)], []),
    "an array of 2^64 - 1 doubles": header([array("a", 12, 2**64 - 1, b"")], []),
    "an array of a billion strings": header([array("a", STRING, 10**9, b"")], []),
    "an array of a million strings": header([array("a", STRING, 10**6, b"")], []),
    "a string of 2^64 - 1 in an array": header([array("a", STRING, 2, b"\xff" * 16)], []),
    "a last string of 2^64 - 1": header([array("a", STRING, 1, b"\xff" * 8)], []),
    "arrays in arrays": header([text("a") + struct.pack("<IIQ", ARRAY, ARRAY, 1) * 9999], []),
    "an unknown value type": header([text("a") + struct.pack("<I", 99)], []),
    "an array of an unknown type": header([array("a", 99, 1, b"")], []),
    "an alignment that is text": header([pair("general.alignment", "wide")], []),
    "an alignment of 0": header([pair("general.alignment", 0)], []),
    "an alignment of 48": header([pair("general.alignment", 48)], []),
    "an alignment of 2^31": with_data(
        header([pair("general.alignment", 2**31)], [tensor("t", (32,), F32, 0)]), bytes(128)
    ),
    "a tensor of 2^32 - 1 dimensions": header([], [text("t") + struct.pack("<I", 2**32 - 1)]),
    "a tensor of 5 dimensions": header([], [tensor("t", (1,) * 5, F32, 0)]),
    "a tensor of no elements": header([], [tensor("t", (32, 0), F32, 0)]),
    "a tensor of 2^120 elements": header([], [tensor("t", (2**60, 2**60), F32, 0)]),
    "a tensor of a name too long": header([], [tensor("t" * 64, (32,), F32, 0)]),
    "a row of half a block": header([], [tensor("t", (128, 2), Q4_K, 0)]),
}
BAD_TENSORS = {
    "the same twice": [tensor("t", (32,), F32, 0), tensor("t", (32,), F32, 128)],
    "out of order": [tensor("t", (32,), F32, 128), tensor("u", (32,), F32, 0)],
    "one over the other": [tensor("t", (32,), F32, 0), tensor("u", (32,), F32, 96)],
    "with a gap": [tensor("t", (32,), F32, 0), tensor("u", (32,), F32, 256)],
    "out of step": [tensor("t", (33,), 999, 0), tensor("u", (32,), F32, 33)],
    "beyond the file": [tensor("t", (2**40,), F32, 0)],
    "of a type not known, beyond the file": [
        tensor("t", (32,), 999, 0),
        tensor("u", (32,), 999, 2**62),
    ],
}


@pytest.mark.parametrize("what", BAD)
def test_what_is_no_whole_header_is_refused(tmp_path: Path, what: str) -> None:
    assert "expected a" in refusal(tmp_path, BAD[what])


@pytest.mark.parametrize("what", BAD_TENSORS)
def test_tensors_that_cannot_lie_so_are_refused(tmp_path: Path, what: str) -> None:
    assert "expected a" in refusal(tmp_path, with_data(header([], BAD_TENSORS[what]), bytes(512)))


def test_an_error_says_which_tensor_and_where(tmp_path: Path) -> None:
    infos = [tensor("a", (32,), F32, 0), tensor("b", (32,), F32, 96)]
    words = refusal(tmp_path, with_data(header([], infos), bytes(512)))
    assert "found the tensor 'b' at offset 96, not 128 (before byte 90)" in words


@pytest.mark.parametrize("what", ["missing", "a folder"])
def test_what_cannot_be_opened_is_refused(tmp_path: Path, what: str) -> None:
    path = tmp_path if what == "a folder" else tmp_path / "nothing"
    with pytest.raises(GgufError, match="expected a GGUF file, got: "):
        require_whole(path)
