"""Where a model's files lie side by side: a folder here, behind a URL, in a bucket, on a host."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import unquote, urlsplit

from freehold.gguf.error import GgufError
from freehold.gguf.http import HttpSource, shown, sibling
from freehold.gguf.s3 import S3Source, s3_client
from freehold.gguf.source import ByteSource, FileSource
from freehold.gguf.ssh import HostSource
from freehold.hosts.host import Host
from freehold.hosts.ssh import SshHost

FORMS = "a path, https://HOST/PATH, s3://BUCKET/KEY, ssh://HOST/PATH or HOST:/PATH"
# No "-" first: OpenSSH would take it for an option.
_ON_HOST = re.compile(r"(?P<to>(\w[\w.+-]*@)?[\w\[][\w.:\[\]%-]*):(?P<path>/.*)", re.ASCII)
_SSH_NETLOC = re.compile(r"(\w[\w.+-]*@)?[\w\[][\w.:\[\]%-]*", re.ASCII)


class Folder(Protocol):
    """Files that are named alike but for their number."""

    def file(self, name: str) -> ByteSource:
        """The file of that name; nothing is asked yet whether there is one."""


@dataclass(frozen=True)
class PathFolder:
    """A folder of this machine."""

    path: Path

    def file(self, name: str) -> ByteSource:
        """See Folder.file."""
        return FileSource(self.path / name)


@dataclass(frozen=True)
class HttpFolder:
    """The folder that `url`, of one of its files, is in."""

    url: str
    token: str | None = field(default=None, repr=False)

    def file(self, name: str) -> ByteSource:
        """See Folder.file."""
        return HttpSource(sibling(self.url, name), self.token)


@dataclass(frozen=True)
class S3Folder:
    """The keys of a bucket that begin with `prefix`."""

    bucket: str
    prefix: str

    def file(self, name: str) -> ByteSource:
        """See Folder.file."""
        return S3Source(self._client, self.bucket, self.prefix + name)

    @cached_property
    def _client(self) -> Any:
        return s3_client()


@dataclass(frozen=True)
class HostFolder:
    """A folder on another host, as an absolute path."""

    host: Host
    path: str

    def file(self, name: str) -> ByteSource:
        """See Folder.file."""
        return HostSource(self.host, f"{self.path}/{name}")


@contextlib.contextmanager
def opened(
    text: str | Path, token: str | None = None, connect: Callable[[str], Host] | None = None
) -> Iterator[tuple[Folder, str]]:
    """The folder that `text` leads to, and the file's name in it.

    `text` is one of FORMS; a Path, or a text whose colon is no host's, is always a path. `token`
    is for HTTP. `connect` makes a host of an SSH destination, and is then the caller's to close;
    without it OpenSSH's own configuration is used, and the connection closed at the end. Raises
    GgufError for a text of no such form.
    """
    scheme, mark, rest = str(text).partition("://")
    on_host = _ON_HOST.fullmatch(str(text))
    if isinstance(text, str) and mark:
        _require_url(scheme, text)
        if scheme in ("http", "https"):
            yield HttpFolder(text, token), _name(shown(text), unquote(urlsplit(text).path))
        elif scheme == "s3":
            bucket, _, key = rest.partition("/")
            name = _name(text, f"/{key}" if bucket else "")
            yield S3Folder(bucket, key.removesuffix(name)), name
        elif scheme == "ssh" and _SSH_NETLOC.fullmatch(netloc := rest.partition("/")[0]):
            path = unquote(rest.removeprefix(netloc))
            with _host(f"ssh://{netloc}", connect) as host:
                yield _on(host, text, path)
        else:
            raise GgufError.of(shown(text), f"expected {FORMS}")
    elif isinstance(text, str) and on_host:
        with _host(on_host["to"], connect) as host:
            yield _on(host, text, on_host["path"])
    else:
        yield PathFolder(Path(text).parent), Path(text).name


def _require_url(scheme: str, text: str) -> None:
    try:
        urlsplit(text).port  # noqa: B018 - it is what raises
    except ValueError as error:
        raise GgufError.of(f"{scheme}://", f"expected {FORMS}, got one of {error}") from None


def _on(host: Host, text: str, path: str) -> tuple[Folder, str]:
    name = _name(text, path)
    return HostFolder(host, path.rpartition("/")[0]), name


def _name(place: str, path: str) -> str:
    """The file's name, which there must be."""
    name = path.rpartition("/")[2]
    if not path.startswith("/") or not name:
        raise GgufError.of(place, "expected a file's name at its end", f"it takes {FORMS}")
    return name


@contextlib.contextmanager
def _host(destination: str, connect: Callable[[str], Host] | None) -> Iterator[Host]:
    if connect is not None:
        yield connect(destination)
        return
    with contextlib.closing(SshHost(destination.removeprefix("ssh://"), destination)) as host:
        yield host
