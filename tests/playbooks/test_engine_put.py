"""`fab engine.put` of release archives, and of builds that this machine cannot run."""

from __future__ import annotations

import shutil
import tarfile
import zipfile
from pathlib import Path

import pytest

from demo.parts import ENGINE
from freehold import lab
from freehold.weights.hashing import hash_file
from freehold.weights.manifest import Kind
from freehold.weights.open import open_store
from freehold.weights.store import Store
from tests.infra.conftest import MakeStack
from tests.infra.on_box import on
from tests.playbooks.conftest import Fab
from tests.weights.sets import silent

BASE = "libggml-base.so.0"


@pytest.fixture(scope="module")
def build(store: Store, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The real engine as llama.cpp's releases have it: a library under three names."""
    folder = tmp_path_factory.mktemp("release") / "build/bin"
    folder.mkdir(parents=True)
    for file in store.manifest(Kind.ENGINE, ENGINE).files:
        path = folder / file.path
        path.write_bytes(b"".join(store.read(file)))
        path.chmod(0o755)
    (folder / BASE).rename(folder / f"{BASE}.9.4")
    (folder / BASE).symlink_to(f"{BASE}.9.4")
    (folder / "libggml-base.so").symlink_to(BASE)
    (folder / "LICENSE").write_text("\nMIT License\n\nCopyright\n")
    return folder


def packed_tar(build: Path, path: Path) -> Path:
    with tarfile.open(path, f"w:{path.suffix[1:]}", compresslevel=1) as tar:
        tar.add(build, "llama-b1")
    return path


def packed_zip(build: Path, path: Path) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as out:
        for each in sorted(build.iterdir()):
            info = zipfile.ZipInfo(f"build/bin/{each.name}")
            info.create_system = 3
            mode = each.lstat().st_mode
            info.external_attr, info.compress_type = mode << 16, zipfile.ZIP_DEFLATED
            content = str(each.readlink()).encode() if each.is_symlink() else each.read_bytes()
            out.writestr(info, content)
    return path


@pytest.fixture(scope="module")
def archive(build: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return packed_tar(build, tmp_path_factory.mktemp("packed") / "llama-b1-bin-ubuntu-x64.tar.gz")


def test_a_release_is_put_with_its_hash_its_licence_and_each_library_once(
    fab: Fab, store: Store, archive: Path, tmp_path: Path
) -> None:
    to = ("--store", str(tmp_path / "store"))
    sha256 = hash_file(archive, silent).sha256
    fab("engine.put", str(archive), "--name", "b1", "--sha256", sha256, *to).must()
    known = open_store(tmp_path / "store").manifest(Kind.ENGINE, "b1")
    files = {file.path for file in known.files}
    wanted = {file.path for file in store.manifest(Kind.ENGINE, ENGINE).files}
    assert files == wanted | {"LICENSE"}
    assert known.about["archive"] == archive.name
    assert known.about["archive_sha256"] == sha256
    assert known.about["licence"] == "MIT License"
    assert "--ctx-size" in (known.engine_help or "")


def test_the_same_release_as_a_zip_is_the_same_set(
    fab: Fab, build: Path, archive: Path, tmp_path: Path
) -> None:
    to = ("--store", str(tmp_path / "store"))
    zipped = packed_zip(build, tmp_path / "llama-b1.zip")
    fab("engine.put", str(zipped), "--name", "zip", *to).must()
    fab("engine.put", str(archive), "--name", "tar", *to).must()
    kept = open_store(tmp_path / "store")
    one, other = (kept.manifest(Kind.ENGINE, name) for name in ("zip", "tar"))
    assert one.digest == other.digest
    assert {(file.path, file.executable) for file in one.files} == {
        (file.path, file.executable) for file in other.files
    }


def test_an_archive_that_is_not_what_it_must_be_leaves_nothing(
    fab: Fab, archive: Path, tmp_path: Path
) -> None:
    to = ("--store", str(tmp_path / "store"))
    before = set(Path("/var/tmp").glob("freehold-engine-*"))  # of whoever else is at work here
    put = fab("engine.put", str(archive), "--name", "b1", "--sha256", "ab" * 32, *to).must(1)
    assert f"{archive}: expected sha256 {'ab' * 32}" in put.err
    broken = tmp_path / "llama-b1.tar.gz"
    shutil.copy(archive, broken)
    with broken.open("r+b") as out:
        out.truncate(100_000)
    put = fab("engine.put", str(broken), "--name", "b1", *to).must(1)
    assert "expected a whole .zip, .tar.gz" in put.err
    assert not (tmp_path / "store").exists()
    assert set(Path("/var/tmp").glob("freehold-engine-*")) <= before


def test_archives_without_a_build_say_what_they_are_instead(fab: Fab, tmp_path: Path) -> None:
    to = ("--store", str(tmp_path / "store"))
    windows = tmp_path / "w.zip"
    with zipfile.ZipFile(windows, "w") as out:
        out.writestr("llama-server.exe", "MZ")
    put = fab("engine.put", str(windows), "--name", "w", *to).must(1)
    assert "expected llama-server in it, found none\nHint: it is a build for Windows" in put.err
    put = fab("engine.put", str(tmp_path / "gone.zip"), "--name", "w", *to).must(1)
    assert "gone.zip: expected an archive, got: No such file or directory" in put.err
    (tmp_path / "folder").mkdir()
    folder = str(tmp_path / "folder")
    put = fab("engine.put", folder, "--name", "w", "--sha256", "a" * 64, *to).must(1)
    assert "--sha256: expected none but of an archive" in put.err


ONLY_THERE = """#!/bin/sh
[ "$(cat /proc/sys/kernel/hostname)" = {name} ] || { echo "no such processor" >&2; exit 126; }
exec "${0%/*}/real-server" "$@"
"""


def test_a_node_says_the_help_of_a_build_that_does_not_run_here_and_keeps_nothing_of_it(
    fab: Fab, build: Path, make_stack: MakeStack, box: lab.Box, tmp_path: Path
) -> None:
    far, to = tmp_path / "far", ("--store", str(tmp_path / "store"))
    shutil.copytree(build, far, symlinks=True)
    (far / "llama-server").rename(far / "real-server")
    (far / "llama-server").write_text(ONLY_THERE.replace("{name}", box.name))
    refused = fab("engine.put", str(far), "--name", "far", *to).must(1)
    assert "expected its --help, got exit 126\n  no such processor" in refused.err
    assert "--on NODE" in refused.err
    stack = make_stack()
    fab("engine.put", str(far), "--name", "far", "--on", "one", *to, stack=stack).must()
    known = open_store(tmp_path / "store").manifest(Kind.ENGINE, "far")
    assert "--ctx-size" in (known.engine_help or "")
    assert on(box, "ls -d /var/tmp/freehold-help* 2>/dev/null || true") == ""
    (far / "real-server").unlink()
    refused = fab("engine.put", str(far), "--name", "worse", "--on", "one", *to, stack=stack)
    assert "one: llama-server: expected its --help, got exit 127" in refused.must(1).err
    assert on(box, "ls -d /var/tmp/freehold-help* 2>/dev/null || true") == ""


def test_a_node_that_is_not_there_is_an_error(fab: Fab, build: Path, tmp_path: Path) -> None:
    to = ("--on", "no-such-host.invalid", "--store", str(tmp_path / "store"))
    assert "no-such-host.invalid: " in fab("engine.put", str(build), "--name", "x", *to).must(1).err
