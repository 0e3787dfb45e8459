"""A store's objects as the files of a folder, be it of a disk here or of an NFS mount."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from freehold.weights.objects import CHUNK_BYTES, Listed, StoreError, TakenError, require_name

PARTIAL_PREFIX = ".adding-"
ABANDONED_AFTER_S = 86_400  # a file that is being added is written to all the time


class FolderObjects:
    """`folder` must be there. An object's name is its path in it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @property
    def place(self) -> str:
        """See Objects.place."""
        return str(self._folder)

    def names(self, prefix: str) -> list[str]:
        """See Objects.names."""
        return [each.name for each in self.listed(prefix)]

    def listed(self, prefix: str) -> list[Listed]:
        """See Objects.listed."""
        now, found = time.time(), []
        top = self._folder / prefix.rpartition("/")[0]
        for folder, inner, files in os.walk(top, onerror=_refuse):
            inner[:] = [each for each in inner if not each.startswith(".")]
            for path in (Path(folder, each) for each in files if not each.startswith(".")):
                name = path.relative_to(self._folder).as_posix()
                if name.startswith(prefix):
                    with contextlib.suppress(FileNotFoundError):  # removed since
                        stat = path.stat()
                        found.append(Listed(name, stat.st_size, now - stat.st_mtime))
        return sorted(found, key=lambda each: each.name)

    def size_bytes(self, name: str) -> int | None:
        """See Objects.size_bytes."""
        path = self._path(name)
        with self._told(name):
            return path.stat().st_size if path.is_file() else None

    def stream(self, name: str, offset: int = 0, size_bytes: int | None = None) -> Iterator[bytes]:
        """See Objects.stream."""
        left = size_bytes
        with self._told(name), self._path(name).open("rb") as source:
            source.seek(offset)
            while chunk := source.read(CHUNK_BYTES if left is None else min(CHUNK_BYTES, left)):
                left = None if left is None else left - len(chunk)
                yield chunk

    def put(self, name: str, content: bytes, *, is_new: bool = False) -> None:
        """See Objects.put."""
        path = self._path(name)
        with self._told(name), self._aside() as partial:
            partial.write_bytes(content)
            partial.chmod(0o644)
            if is_new:
                self._link(partial, path)
            else:
                self._rename(partial, path)

    def put_file(
        self,
        name: str,
        source: Path,
        sha256: str,
        on_bytes: Callable[[int], None],
        *,
        is_mine: bool = False,
    ) -> None:
        """See Objects.put_file."""
        path = self._path(name)
        with self._told(name):
            if path.is_file() and _sha256(path) == sha256:
                path.touch()  # a `gc` that is under way takes it for new, and leaves it
            elif not (is_mine and self._is_moved(source, path)):
                self._copy(source, path, sha256, on_bytes)

    def delete(self, name: str) -> None:
        """See Objects.delete."""
        with self._told(name):
            self._path(name).unlink(missing_ok=True)

    def url(self, name: str, expires_s: int) -> None:  # noqa: ARG002 - of the protocol
        """See Objects.url: none."""
        return

    def local_path(self, name: str) -> Path:
        """See Objects.local_path."""
        return self._path(name)

    def _path(self, name: str) -> Path:
        return self._folder / require_name(self.place, name)

    def _copy(self, source: Path, path: Path, sha256: str, on_bytes: Callable[[int], None]) -> None:
        with self._aside() as partial:
            digest = hashlib.sha256()
            with partial.open("wb") as target, source.open("rb") as origin:
                while chunk := origin.read(CHUNK_BYTES):
                    digest.update(chunk)
                    target.write(chunk)
                    on_bytes(len(chunk))
            if digest.hexdigest() != sha256:
                raise StoreError.of(
                    str(source),
                    f"it changed while it was copied\nexpected sha256 {sha256}\n"
                    f"found    sha256 {digest.hexdigest()}",
                )
            partial.chmod(0o444)
            self._rename(partial, path)

    def _is_moved(self, source: Path, path: Path) -> bool:
        """Whether the source became the object itself: it lies on the same file system."""
        source.chmod(0o444)
        try:
            self._rename(source, path)
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            return False
        return True

    def _rename(self, partial: Path, path: Path) -> None:
        """Durably: its bytes first, then its name."""
        _flush(partial)
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.replace(path)
        self._flush_folders(path)

    def _link(self, partial: Path, path: Path) -> None:
        """The same under a new name: unlike a rename, a hard link replaces nothing."""
        _flush(partial)
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            path.hardlink_to(partial)
        except FileExistsError:
            raise TakenError.of(str(path), "expected a new name, it is taken") from None
        self._flush_folders(path)

    def _flush_folders(self, path: Path) -> None:
        for folder in path.parents:
            _flush(folder)
            if folder == self._folder:
                return

    @contextlib.contextmanager
    def _aside(self) -> Iterator[Path]:
        """An empty file on the store's own file system; what is left of it afterwards goes."""
        for left in self._folder.glob(f"{PARTIAL_PREFIX}*"):
            with contextlib.suppress(FileNotFoundError):
                if time.time() - left.stat().st_mtime > ABANDONED_AFTER_S:
                    left.unlink()
        descriptor, name = tempfile.mkstemp(prefix=PARTIAL_PREFIX, dir=self._folder)
        os.close(descriptor)
        try:
            yield Path(name)
        finally:
            Path(name).unlink(missing_ok=True)

    @contextlib.contextmanager
    def _told(self, name: str) -> Iterator[None]:
        """What the operating system refuses, as the store's error about this object."""
        try:
            yield
        except FileNotFoundError as error:
            if error.filename is not None and Path(error.filename) == self._folder / name:
                raise StoreError.of(
                    f"{self.place}/{name}", "expected it in the store, found nothing"
                ) from None
            raise StoreError.of(str(error.filename), f"{name}: {error.strerror}") from None
        except OSError as error:
            place = str(error.filename or self.place)
            raise StoreError.of(place, f"{name}: {error.strerror}") from None


def _refuse(error: OSError) -> None:
    """A folder that is not there holds nothing; one that cannot be read is an error."""
    if error.errno != errno.ENOENT:
        raise StoreError.of(str(error.filename), f"expected to list it, got: {error.strerror}")


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as source:
        while chunk := source.read(CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
