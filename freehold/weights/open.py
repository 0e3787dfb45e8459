"""The store at a location: a folder's path, ssh://host/folder, or s3://bucket/prefix."""

from __future__ import annotations

import atexit
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from freehold.hosts.ssh import SshHost
from freehold.hosts.ssh_config import SshSettings
from freehold.spec.location import InBucket, OnServer, remote_location
from freehold.weights.folder import FolderObjects
from freehold.weights.objects import Objects, StoreError
from freehold.weights.s3_client import bucket_client
from freehold.weights.ssh_store import SshObjects
from freehold.weights.store import Store

if TYPE_CHECKING:  # it takes longer to load than a store to open
    from freehold.spec.model import Spec

_BEGIN_ONE = "set freehold:store to it, or begin one: fab weights.put FILE --name NAME"


def stack_store(spec: Spec) -> Store:
    """The store that a stack declares. Raises StoreError where there is none."""
    return open_store(spec.store, SshSettings(spec.ssh.config, spec.ssh.connect_timeout_s))


def open_store(location: str | Path, ssh: SshSettings | None = None) -> Store:
    """The store that is there, over `ssh` where it is a server's. Raises StoreError for none."""
    return _store(location, ssh, is_made=False)


def create_store(location: str | Path, ssh: SshSettings | None = None) -> Store:
    """The store that is there, made if it is not; a bucket is not made. Raises StoreError."""
    return _store(location, ssh, is_made=True)


def _store(location: str | Path, ssh: SshSettings | None, *, is_made: bool) -> Store:
    try:
        remote = remote_location(str(location))
        folder = Path(location).expanduser()
    except (ValueError, RuntimeError) as error:
        raise StoreError.of(str(location), f"expected a store: {error}") from None
    if isinstance(remote, OnServer):
        return Store(_on_server(remote, str(location), ssh or SshSettings(), is_made=is_made))
    if isinstance(remote, InBucket):
        return Store(_in_bucket(remote))
    return Store(_folder(folder, is_made=is_made))


def _in_bucket(at: InBucket) -> Objects:
    client = bucket_client()
    # Only now: it takes a quarter of a second, and boto3, to import.
    from freehold.weights.s3_store import S3Objects

    objects = S3Objects(client, at.bucket, at.prefix)
    objects.require_bucket()
    return objects


def _on_server(at: OnServer, place: str, ssh: SshSettings, *, is_made: bool) -> SshObjects:
    objects = SshObjects(_connection(at.destination, ssh), at.path, place.rstrip("/"))
    if not objects.is_there(is_made=is_made):
        raise StoreError.of(objects.place, "expected the store's folder, found nothing", _BEGIN_ONE)
    return objects


@cache  # a store may be opened for each file of each node
def _connection(destination: str, ssh: SshSettings) -> SshHost:
    host = SshHost(destination.removeprefix("ssh://"), destination, ssh)
    atexit.register(host.close)
    return host


def _folder(folder: Path, *, is_made: bool) -> FolderObjects:
    if is_made:
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError.of(
                str(folder), f"expected to make the store's folder, got: {error.strerror}"
            ) from None
    if not folder.is_dir():
        found = "a file" if folder.exists() else "nothing"
        raise StoreError.of(str(folder), f"expected the store's folder, found {found}", _BEGIN_ONE)
    return FolderObjects(folder)
