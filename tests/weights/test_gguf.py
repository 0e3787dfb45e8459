"""GGUF headers: what is read of a good one, and that nothing else is taken for one."""

from __future__ import annotations

import random
import resource
import struct
import time
from pathlib import Path

import pytest

from demo.parts import WEIGHTS
from freehold.weights.gguf import GgufError, read_header, require_whole
from freehold.weights.manifest import Kind
from freehold.weights.store import FolderStore
from tests.weights.gguf_files import ARRAY, STRING, header, pair, tensor, text, write_model


def written(tmp_path: Path, data: bytes) -> Path:
    path = tmp_path / "m.gguf"
    path.write_bytes(data)
    return path


def test_the_header_of_the_real_model_is_read(store: FolderStore) -> None:
    weights = store.manifest(Kind.WEIGHTS, WEIGHTS)
    blob = next(Path(store.place).glob(f"blobs/*/{weights.files[0].sha256}"))
    head = require_whole(blob)
    assert head.architecture == "llama"
    assert head.metadata["llama.block_count"] == 30
    assert head.metadata["tokenizer.ggml.tokens"] == 49152
    assert head.tensor_count == 272
    # Of this model the tensors reach to the file's last byte.
    assert head.size_bytes == blob.stat().st_size


def test_what_a_small_file_says_is_read(tmp_path: Path) -> None:
    path = write_model(tmp_path / "m.gguf", "glm-dsa", general_name="A model", split_count=2)
    head = require_whole(path)
    assert (head.version, head.tensor_count, head.architecture) == (3, 1, "glm-dsa")
    assert head.metadata["general.name"] == "A model"
    assert head.metadata["split.count"] == 2
    assert head.size_bytes == path.stat().st_size


def test_of_an_array_only_the_length_is_kept(tmp_path: Path) -> None:
    strings = text("s") + struct.pack("<IIQ", ARRAY, STRING, 2) + text("a") + text("b")
    numbers = text("n") + struct.pack("<IIQ", ARRAY, 2, 3) + bytes(6)
    head = read_header(written(tmp_path, header([strings, numbers, pair("x", 7)], [])))
    assert head.metadata == {"s": 2, "n": 3, "x": 7}


def test_a_tensor_type_that_is_not_known_leaves_the_size_open(tmp_path: Path) -> None:
    path = written(tmp_path, header([], [tensor("t", (32,), 999, 0)]))
    assert require_whole(path).size_bytes is None


def test_a_file_cut_in_its_tensors_says_how_much_is_missing(tmp_path: Path) -> None:
    path = write_model(tmp_path / "m.gguf")
    whole = path.read_bytes()
    path.write_bytes(whole[:-1])
    with pytest.raises(GgufError, match="the file is cut short: expected at least") as caught:
        require_whole(path)
    assert f"{len(whole)} bytes for its 1 tensors, found {len(whole) - 1}" in str(caught.value)


def test_a_file_cut_at_any_byte_of_its_header_is_refused(tmp_path: Path) -> None:
    whole = header([pair("general.name", "x"), pair("n", 1)], [tensor("t", (32, 2), 0, 0)])
    for size in range(len(whole)):
        with pytest.raises(GgufError):
            read_header(written(tmp_path, whole[:size]))


BAD = {
    "nothing": b"",
    "a page of HTML": b"<!DOCTYPE html><title>404</title>",
    "safetensors": struct.pack("<Q", 20) + b'{"__metadata__":{}}',
    "big-endian": b"GGUF" + struct.pack(">IQQ", 3, 0, 0),
    "version 1": header([], [], version=1),
    "version 4": header([], [], version=4),
    "more pairs than bytes": b"GGUF" + struct.pack("<IQQ", 3, 0, 2**63),
    "more tensors than bytes": b"GGUF" + struct.pack("<IQQ", 3, 2**63, 0),
    "a key of an exabyte": b"GGUF" + struct.pack("<IQQQ", 3, 0, 1, 2**60),
    "a key of a gigabyte": b"GGUF" + struct.pack("<IQQQ", 3, 0, 1, 2**30),
    "an array of 2^64 - 1 doubles": header([text("a") + struct.pack("<IIQ", 9, 12, 2**64 - 1)], []),
    "an array of a billion strings": header([text("a") + struct.pack("<IIQ", 9, 8, 10**9)], []),
    "an array of a million strings": header([text("a") + struct.pack("<IIQ", 9, 8, 10**6)], []),
    "arrays in arrays": header([text("a") + struct.pack("<IIQ", 9, 9, 1) * 9999], []),
    "an unknown value type": header([text("a") + struct.pack("<I", 99)], []),
    "a tensor of 2^32 - 1 dimensions": header([], [text("t") + struct.pack("<I", 2**32 - 1)]),
    "an alignment that is text": header([pair("general.alignment", "wide")], []),
    "an alignment of 0": header([pair("general.alignment", 0)], []),
}


@pytest.mark.parametrize("what", BAD)
def test_what_is_no_whole_header_is_refused_at_once(tmp_path: Path, what: str) -> None:
    path = written(tmp_path, BAD[what])
    with pytest.raises(GgufError) as caught:
        read_header(path)
    assert str(caught.value).startswith(f"{path}: expected")


@pytest.mark.parametrize("what", ["missing", "a folder"])
def test_what_cannot_be_opened_is_refused(tmp_path: Path, what: str) -> None:
    path = tmp_path if what == "a folder" else tmp_path / "nothing"
    with pytest.raises(GgufError, match="expected a GGUF file, got: "):
        read_header(path)


def test_lengths_in_a_huge_file_cost_neither_memory_nor_time(tmp_path: Path) -> None:
    """The file is as long as its lengths say, so only their absurdity can stop the reader."""
    began_s, before_kib = time.process_time(), peak_memory_kib()
    for what in ("a key of a gigabyte", "an array of a billion strings"):
        with pytest.raises(GgufError, match=r"a header (of more than|that counts to)"):
            read_header(huge(tmp_path, what))
    assert read_header(huge(tmp_path, "an array of a million strings")).metadata == {"a": 10**6}
    assert time.process_time() - began_s < 10
    assert peak_memory_kib() - before_kib < 200 << 10


def huge(tmp_path: Path, what: str) -> Path:
    path = written(tmp_path, BAD[what])
    with path.open("r+b") as file:
        file.truncate(64 << 30)  # sparse: it takes no room
    return path


def peak_memory_kib() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def test_random_damage_never_gives_anything_but_an_answer_or_a_gguf_error(tmp_path: Path) -> None:
    chance = random.Random(3)  # noqa: S311 - the same damage each time
    good = write_model(tmp_path / "good.gguf", general_name="x", general_alignment=32).read_bytes()
    path, refused = tmp_path / "m.gguf", 0
    for _ in range(3000):
        data = bytearray(good)
        for _ in range(chance.randint(1, 8)):
            data[chance.randrange(4, len(data) - 256)] = chance.randrange(256)
        path.write_bytes(data)
        try:
            require_whole(path)
        except GgufError:
            refused += 1
    assert 100 < refused < 3000


def test_random_bytes_are_never_a_header(tmp_path: Path) -> None:
    chance = random.Random(4)  # noqa: S311 - the same bytes each time
    for size in range(1000):
        with pytest.raises(GgufError):
            read_header(written(tmp_path, b"GGUF\x03\0\0\0" + chance.randbytes(size)))
