"""A whole model's header, from the name of one of its files and wherever the others lie."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from freehold.errors import Problem
from freehold.gguf.error import GgufError
from freehold.gguf.folder import Folder, opened
from freehold.gguf.header import Header, Shard
from freehold.gguf.shard import read_shard
from freehold.gguf.source import ByteSource
from freehold.gguf.split import joined, shard_names
from freehold.hosts.host import Host

AT_ONCE = 6  # below sshd's MaxSessions of 10


def read_model(
    text: str | Path, token: str | None = None, connect: Callable[[str], Host] | None = None
) -> Header:
    """The model that the file `text` belongs to; see `opened` for the forms that it may have.

    Raises GgufError naming every problem of every shard, HostError where a host cannot be asked.
    """
    with opened(text, token, connect) as (folder, name):
        return read_folder(folder, name)


def read_folder(folder: Folder, name: str) -> Header:
    """The model that the file `name` of that folder belongs to. Raises as `read_model`."""
    return read_files([folder.file(shard) for shard in shard_names(name)])


def read_files(sources: Sequence[ByteSource]) -> Header:
    """The model that consists of these files, in their order. Raises as `read_model`."""
    problems: list[Problem] = []
    shards: list[Shard] = []
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for found in pool.map(_shard_or_problems, sources):
            if isinstance(found, Shard):
                shards.append(found)
            else:
                problems += found
    if problems:
        raise GgufError(dict.fromkeys(problems))
    return joined(shards)


def _shard_or_problems(source: ByteSource) -> Shard | tuple[Problem, ...]:
    try:
        return read_shard(source)
    except GgufError as error:
        return error.problems
