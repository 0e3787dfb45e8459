"""Archives of others (.zip, .tar.gz, .tar.xz): looked through before a byte of one is unpacked."""

from __future__ import annotations

import contextlib
import lzma
import os
import shutil
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path, PurePosixPath
from typing import IO

from freehold.errors import FreeholdError, Problem
from freehold.weights.hashing import hash_file

SUFFIXES = (".zip", ".tar.gz", ".tgz", ".tar.xz")
_BROKEN = (
    *(tarfile.TarError, zipfile.BadZipFile, lzma.LZMAError, zlib.error),
    *(EOFError, NotImplementedError, RuntimeError, ValueError),
)


class ArchiveError(FreeholdError):
    """An archive is damaged, is not the one that was asked for, or would write where it may not."""


class What(Enum):
    """What a member of an archive is; OTHER is a device, a pipe, a hard link."""

    FILE = "file"
    FOLDER = "folder"
    LINK = "link"
    OTHER = "other"


@dataclass(frozen=True)
class Member:
    """`path` as the archive has it, `target` of a symbolic link; `is_executable` by its owner."""

    path: str
    what: What
    size_bytes: int = 0
    target: str = ""
    is_executable: bool = False


@dataclass(frozen=True)
class Archive:
    """An archive that is open. `comment` is what `git archive` writes the commit into."""

    members: tuple[Member, ...]
    comment: str
    read: Callable[[Member], IO[bytes]]


def is_archive(path: Path) -> bool:
    """Whether the name says so."""
    return path.name.lower().endswith(SUFFIXES)


def require_sha256(path: Path, wanted: str) -> str:
    """The file's SHA-256. Raises ArchiveError where it is not `wanted`; "" wants none."""
    try:
        found = hash_file(path, lambda _size_bytes: None).sha256
    except OSError as error:
        raise ArchiveError.of(str(path), f"expected an archive, got: {error.strerror}") from None
    if wanted and wanted.lower().removeprefix("sha256:") != found:
        raise ArchiveError.of(
            str(path), f"expected sha256 {wanted}\nfound    sha256 {found}", "fetch it again"
        )
    return found


@contextlib.contextmanager
def opened(path: Path) -> Iterator[Archive]:
    """The archive, each of whose members lies within it.

    Raises ArchiveError with every member that does not, and, in the block too, where it cannot be
    read.
    """
    try:
        with _opened_zip(path) if path.suffix.lower() == ".zip" else _opened_tar(path) as archive:
            if problems := faults(str(path), archive.members):
                raise ArchiveError(problems)
            yield archive
    except _BROKEN as error:
        said = str(error) or type(error).__name__
        raise ArchiveError.of(
            str(path), f"expected a whole {', '.join(SUFFIXES)} archive, got: {said}"
        ) from None
    except FileNotFoundError as error:
        if error.filename != str(path):
            raise
        raise ArchiveError.of(str(path), "expected an archive, found nothing") from None


def unpack(path: Path, folder: Path) -> None:
    """Unpack all of it into the empty `folder`; no file gets a right but read, write and execute.

    Raises ArchiveError as `opened` does, and where there is no room; OSError of the folder.
    """
    with opened(path) as archive:
        _require_room(path, archive, folder)
        for member in archive.members:
            target = folder / member.path
            if member.what is What.FOLDER:
                target.mkdir(parents=True, exist_ok=True)
            elif member.what is What.FILE:
                target.parent.mkdir(parents=True, exist_ok=True)
                with archive.read(member) as source, target.open("xb") as out:
                    shutil.copyfileobj(source, out, 1 << 20)
                target.chmod(0o755 if member.is_executable else 0o644)
        # Last: nothing is ever written through one.
        for member in archive.members:
            if member.what is What.LINK:
                (folder / member.path).parent.mkdir(parents=True, exist_ok=True)
                (folder / member.path).symlink_to(member.target)


def faults(place: str, members: Iterable[Member]) -> list[Problem]:
    """Every member that would lead out of the folder that it is unpacked into, or is no file."""
    members = list(members)
    links = {_normal(each.path) for each in members if each.what is What.LINK}
    seen: set[str] = set()
    found = []
    for each in members:
        why = _fault(each, links)
        if not why and each.what is not What.FOLDER:
            name = _normal(each.path) or ""
            why = "it is there twice" if name in seen else ""
            seen.add(name)
        if why:
            found.append(
                Problem(
                    place,
                    f"expected files within its folder, found {each.path!r}, {why}",
                    "nothing of it was unpacked",
                )
            )
    return found


def _fault(each: Member, links: set[str | None]) -> str:
    path = _normal(each.path)
    if path is None or ".." in each.path.split("/") or "\\" in each.path:
        return "which leads out of it"
    if each.what is What.OTHER:
        return "which is no file, folder or symbolic link"
    if any(str(parent) in links for parent in PurePosixPath(path).parents):
        return "which lies behind a symbolic link"
    if each.what is What.LINK and not _is_within(path, each.target):
        return f"a symbolic link out of it, to {each.target!r}"
    return ""


def _is_within(path: str, target: str) -> bool:
    """Whether a link at `path` stays within. `..` may only begin its target: behind another link
    it would lead elsewhere than it seems to."""
    parts = [part for part in target.split("/") if part not in ("", ".")]
    while parts and parts[0] == "..":
        parts.pop(0)
    base = PurePosixPath(path).parent
    is_relative = bool(target) and not target.startswith("/")
    return is_relative and ".." not in parts and _normal(f"{base}/{target}") is not None


def _normal(path: str) -> str | None:
    """The path without `.` and `..`; None where it is absolute or leads above its beginning."""
    if not path or path.startswith("/") or "\0" in path:
        return None
    parts: list[str] = []
    for part in path.split("/"):
        if part == "..":
            if not parts:
                return None
            parts.pop()
        elif part not in ("", "."):
            parts.append(part)
    return "/".join(parts) or "."


def _require_room(path: Path, archive: Archive, folder: Path) -> None:
    size = sum(each.size_bytes for each in archive.members)
    free = shutil.disk_usage(folder).free
    if size > free:
        raise ArchiveError.of(
            str(path), f"expected room for {size:,} bytes in {folder}, found {free:,}", "make room"
        )


@contextlib.contextmanager
def _opened_zip(path: Path) -> Iterator[Archive]:
    with zipfile.ZipFile(path) as found:

        def member(info: zipfile.ZipInfo) -> Member:
            mode = info.external_attr >> 16 if info.create_system == 3 else 0  # 3: Unix
            kind = stat.S_IFMT(mode)
            if info.is_dir():
                return Member(info.filename, What.FOLDER)
            if kind == stat.S_IFLNK:
                target = os.fsdecode(found.read(info)[:4096])
                return Member(info.filename, What.LINK, target=target)
            what = What.FILE if kind in (0, stat.S_IFREG) else What.OTHER
            return Member(info.filename, what, info.file_size, is_executable=bool(mode & 0o100))

        members = tuple(map(member, found.infolist()))
        yield Archive(
            members, found.comment.decode("ascii", "replace"), lambda each: found.open(each.path)
        )


@contextlib.contextmanager
def _opened_tar(path: Path) -> Iterator[Archive]:
    with tarfile.open(path) as found:
        infos = {}

        def member(info: tarfile.TarInfo) -> Member:
            infos[info.name] = info
            if info.isdir():
                return Member(info.name, What.FOLDER)
            if info.issym():
                return Member(info.name, What.LINK, target=info.linkname)
            what = What.FILE if info.isreg() else What.OTHER
            return Member(info.name, what, info.size, is_executable=bool(info.mode & 0o100))

        def read(each: Member) -> IO[bytes]:
            source = found.extractfile(infos[each.path])
            if source is None:
                raise ValueError(f"{each.path} is no file")
            return source

        members = tuple(map(member, found))
        # To its very end, where the check sums are.
        while found.fileobj is not None and found.fileobj.read(1 << 20):
            pass
        yield Archive(members, found.pax_headers.get("comment", ""), read)
