"""A tar archive as a stream of chunks, made while it is sent."""

from __future__ import annotations

import tarfile
from collections.abc import Callable, Iterator

from freehold.weights.manifest import FileEntry

BLOCK_BYTES = tarfile.BLOCKSIZE


def tar_stream(
    files: tuple[FileEntry, ...], read: Callable[[FileEntry], Iterator[bytes]]
) -> Iterator[bytes]:
    """The archive of `files`; a file whose content came already is a hard link to that one."""
    sent: dict[str, str] = {}
    for file in files:
        header = tarfile.TarInfo(file.path)
        header.mode = 0o755 if file.executable else 0o644
        if file.sha256 in sent:
            header.type, header.linkname = tarfile.LNKTYPE, sent[file.sha256]
            yield header.tobuf(tarfile.GNU_FORMAT)
            continue
        sent[file.sha256] = file.path
        header.size = file.size_bytes
        yield header.tobuf(tarfile.GNU_FORMAT)
        yield from read(file)
        yield bytes(-file.size_bytes % BLOCK_BYTES)
    yield bytes(2 * BLOCK_BYTES)
