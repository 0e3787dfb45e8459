"""Archives of others: what would lead out of them is refused before a byte of it is written."""

from __future__ import annotations

import io
import os
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from freehold.weights.archive import ArchiveError, require_sha256, unpack
from freehold.weights.hashing import hash_file
from tests.weights.sets import silent

DEEP = "b-1/build/bin"
SERVER = b"#!/bin/sh\n"


def tar_of(path: Path, *members: tuple[tarfile.TarInfo, bytes]) -> Path:
    with tarfile.open(path, "w:xz" if path.suffix == ".xz" else "w:gz") as tar:
        for info, content in members:
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return path


def entry(name: str, kind: bytes = tarfile.REGTYPE, target: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.mode = kind, target, 0o6755
    return info


def zip_link(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.create_system, info.external_attr = 3, 0o120777 << 16
    return info


def zip_file(name: str, mode: int) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.create_system, info.external_attr = 3, (0o100000 | mode) << 16
    return info


def release_tar(path: Path) -> Path:
    link = tarfile.SYMTYPE
    return tar_of(
        path,
        (entry("./b-1", tarfile.DIRTYPE), b""),
        (entry(f"{DEEP}/libx.so", link, "libx.so.0"), b""),
        (entry(f"{DEEP}/libx.so.0", link, "./libx.so.0.1"), b""),
        (entry(f"{DEEP}/up", link, "../../build/bin/libx.so.0"), b""),
        (entry(f"{DEEP}/libx.so.0.1"), b"a library"),
        (entry(f"{DEEP}/llama-server"), SERVER),
    )


def release_zip(path: Path) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as out:
        out.mkdir(DEEP)
        out.writestr(zip_link(f"{DEEP}/libx.so"), "libx.so.0")
        out.writestr(zip_link(f"{DEEP}/libx.so.0"), "libx.so.0.1")
        out.writestr(zip_link(f"{DEEP}/up"), "../../build/bin/libx.so.0")
        out.writestr(zip_file(f"{DEEP}/libx.so.0.1", 0o6755), b"a library")
        out.writestr(zip_file(f"{DEEP}/llama-server", 0o6755), SERVER)
    return path


RELEASES: dict[str, Callable[[Path], Path]] = {
    "r.tar.gz": release_tar,
    "r.tar.xz": release_tar,
    "r.zip": release_zip,
}


@pytest.fixture
def target(tmp_path: Path) -> Path:
    made = tmp_path / "within/target"
    made.mkdir(parents=True)
    return made


@pytest.mark.parametrize("name", RELEASES)
def test_a_release_is_unpacked_with_its_links_and_without_special_rights(
    tmp_path: Path, target: Path, name: str
) -> None:
    unpack(RELEASES[name](tmp_path / name), target)
    build = target / DEEP
    for link in ("libx.so", "libx.so.0", "up"):
        assert (build / link).is_symlink()
        assert (build / link).read_bytes() == b"a library"
    assert (build / "llama-server").stat().st_mode & 0o7777 == 0o755


LINK, HARD = tarfile.SYMTYPE, tarfile.LNKTYPE
HOSTILE = {
    "a path above": ([(entry("../x"), b"x")], "which leads out of it"),
    "a path above from within": ([(entry("a/../../x"), b"x")], "which leads out of it"),
    "a path that goes back": ([(entry("a/../x"), b"x")], "which leads out of it"),
    "a path from the root": ([(entry("/etc/x"), b"x")], "which leads out of it"),
    "a path of Windows": ([(entry("..\\x"), b"x")], "which leads out of it"),
    "a device": ([(entry("x", tarfile.CHRTYPE), b"")], "which is no file, folder or symbolic"),
    "a pipe": ([(entry("x", tarfile.FIFOTYPE), b"")], "which is no file, folder or symbolic"),
    "a hard link": ([(entry("x", HARD, "/etc/passwd"), b"")], "which is no file, folder or sym"),
    "a link above": ([(entry("a/x", LINK, "../../y"), b"")], "a symbolic link out of it"),
    "a link to the root": ([(entry("x", LINK, "/etc"), b"")], "a symbolic link out of it"),
    "a link of links": (
        [(entry("d/x", LINK, "../"), b""), (entry("y", LINK, "d/x/../z"), b"")],
        "a symbolic link out of it, to 'd/x/../z'",
    ),
    "a file behind a link": (
        [(entry("x", LINK, "y"), b""), (entry("x/passwd"), b"x")],
        "which lies behind a symbolic link",
    ),
    "a file twice": ([(entry("x"), b"1"), (entry("./x"), b"2")], "it is there twice"),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_what_would_lead_elsewhere_is_named_and_nothing_is_written(
    tmp_path: Path, target: Path, what: str
) -> None:
    members, words = HOSTILE[what]
    first = (entry("innocent"), b"x")
    path = tar_of(tmp_path / "h.tar.gz", first, *members)
    with pytest.raises(ArchiveError, match="expected files within its folder") as caught:
        unpack(path, target)
    assert words in str(caught.value)
    assert list(target.iterdir()) == []
    assert {each.name for each in tmp_path.iterdir()} == {"h.tar.gz", "within"}


def test_every_bad_member_is_named_at_once(tmp_path: Path, target: Path) -> None:
    path = tar_of(tmp_path / "h.tar.gz", (entry("../a"), b""), (entry("/b"), b""))
    with pytest.raises(ArchiveError) as caught:
        unpack(path, target)
    assert len(caught.value.problems) == 2


def test_a_zip_is_looked_through_in_the_same_way(tmp_path: Path, target: Path) -> None:
    path = tmp_path / "h.zip"
    with zipfile.ZipFile(path, "w") as out:
        out.writestr("../a", "x")
        out.writestr(zip_link("b"), "/etc/passwd")
        out.writestr(zip_file("c", 0o644), "x")
    with pytest.raises(ArchiveError) as caught:
        unpack(path, target)
    assert len(caught.value.problems) == 2


@pytest.mark.parametrize("name", RELEASES)
@pytest.mark.parametrize("kept", [0.0, 0.5, 0.99])
def test_one_that_is_cut_short_is_refused_without_a_traceback(
    tmp_path: Path, target: Path, name: str, kept: float
) -> None:
    path = RELEASES[name](tmp_path / name)
    os.truncate(path, int(path.stat().st_size * kept))
    with pytest.raises(ArchiveError, match=rf"{name}: expected a whole .zip, .tar.gz"):
        unpack(path, target)


def test_one_that_would_fill_the_disk_is_refused(tmp_path: Path, target: Path) -> None:
    path = tmp_path / "h.tar.gz"
    with tarfile.open(path, "w:gz") as tar:
        info = entry("x")
        info.size = 1 << 50
        tar.fileobj.write(info.tobuf())  # type: ignore[union-attr]
        tar.offset += 512
    with pytest.raises(ArchiveError):
        unpack(path, target)
    assert list(target.iterdir()) == []


def test_another_hash_than_was_asked_for_is_refused(tmp_path: Path) -> None:
    path = release_zip(tmp_path / "r.zip")
    sha256 = hash_file(path, silent).sha256
    assert require_sha256(path, "") == sha256
    assert require_sha256(path, f"sha256:{sha256.upper()}") == sha256
    with pytest.raises(ArchiveError, match=rf"expected sha256 {'0' * 64}\n  found    sha256"):
        require_sha256(path, "0" * 64)
    with pytest.raises(ArchiveError, match="No such file"):
        require_sha256(tmp_path / "gone.zip", "")
