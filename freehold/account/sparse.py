"""A model's files as headers alone: of their full size to whoever asks, and a few MiB on disk."""

from __future__ import annotations

import io
import shlex
import tarfile
from dataclasses import dataclass

from freehold.account.account import AccountError
from freehold.gguf.header import Header

NOT_SPARSE_EXIT = 95

# Beyond this a gigabyte of nothing takes room, and the model would take all of its own.
_PROBE_MAX_KIB = 1024


@dataclass(frozen=True)
class SparseFiles:
    """`first` is the file to open. `script` makes all of them in the working directory, from
    `archive` on its stdin; it ends with NOT_SPARSE_EXIT where the filesystem keeps no holes."""

    first: str
    script: str
    archive: bytes


def sparse_files(header: Header) -> SparseFiles:
    """The copies of a model that was read from files. Raises AccountError for one that was not."""
    if not header.shards:
        raise AccountError.of(
            header.place, "expected the header of the model's files, there are none yet"
        )
    count = len(header.shards)
    # llama.cpp finds the other shards by the name of the first (llama_split_path).
    names = [
        "model.gguf" if count == 1 else f"model-{number:05d}-of-{count:05d}.gguf"
        for number in range(1, count + 1)
    ]
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w:gz", compresslevel=1) as tar:
        for name, shard in zip(names, header.shards, strict=True):
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(shard.raw), 0o644
            tar.addfile(entry, io.BytesIO(shard.raw))
    sizes = [
        shlex.join(["truncate", "-s", str(s.size_bytes), n])
        for s, n in zip(header.shards, names, strict=True)
    ]
    probe = (
        "truncate -s 1G probe\n"
        f'[ "$(du -k probe | cut -f 1)" -lt {_PROBE_MAX_KIB} ] || exit {NOT_SPARSE_EXIT}\n'
        "rm probe"
    )
    return SparseFiles(names[0], "\n".join([probe, "tar -xzf -", *sizes]), archive.getvalue())
