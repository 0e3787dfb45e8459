"""The headers of real programs and libraries, and which names of a library are kept."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from demo.parts import ENGINE
from freehold.weights.elf import read_elf
from freehold.weights.manifest import Kind
from freehold.weights.names import elves, without_aliases
from freehold.weights.store import Store


@pytest.fixture
def build(store: Store, tmp_path: Path) -> Path:
    """The real engine's files."""
    folder = tmp_path / "build"
    folder.mkdir()
    for file in store.manifest(Kind.ENGINE, ENGINE).files:
        (folder / file.path).write_bytes(b"".join(store.read(file)))
    return folder


def test_a_real_program_and_its_libraries_are_read(build: Path) -> None:
    server = read_elf(build / "llama-server")
    assert server is not None
    assert (server.arch, server.soname) == (os.uname().machine, "")
    assert "libllama-server-impl.so" in server.needed
    library = read_elf(build / "libggml-base.so.0")
    assert library is not None
    assert library.soname == "libggml-base.so.0"
    assert "libc.so.6" in library.needed


@pytest.mark.parametrize("content", [b"", b"#!/bin/sh\n", b"\x7fELF\x01\x01" + bytes(90)])
def test_what_is_no_elf_file_of_64_bits_is_none(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x"
    path.write_bytes(content)
    assert read_elf(path) is None


@pytest.mark.parametrize("kept_bytes", [6, 64, 100, 700])
def test_one_that_is_cut_short_is_damaged(build: Path, kept_bytes: int) -> None:
    path = build / "libggml-base.so.0"
    os.truncate(path, kept_bytes)
    with pytest.raises(ValueError, match=r"libggml-base\.so\.0 is a damaged ELF file"):
        read_elf(path)


def test_of_a_librarys_names_the_one_that_is_asked_for_stays(build: Path) -> None:
    real = build / "libggml-base.so.0"
    real.rename(build / "libggml-base.so.0.9.4")
    (build / "libggml-base.so.0").symlink_to("libggml-base.so.0.9.4")
    (build / "libggml-base.so").symlink_to("libggml-base.so.0")
    (build / "rpc").symlink_to("llama-server")
    (build / "notes").write_text("x")
    (build / "notes-too").symlink_to("notes")
    paths = sorted(build.iterdir())
    kept = {path.name for path in without_aliases(paths, elves(paths))}
    dropped = {path.name for path in paths} - kept
    assert dropped == {"libggml-base.so", "libggml-base.so.0.9.4"}
