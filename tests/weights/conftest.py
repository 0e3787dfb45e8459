"""A store of every kind: in a folder, on a lab box by SSH, in a bucket of a real S3 server."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from freehold import lab
from freehold.hosts.ssh import SshHost
from freehold.hosts.ssh_config import SshSettings
from freehold.weights.open import create_store
from freehold.weights.s3_client import bucket_client
from freehold.weights.store import Store
from tests.bucket_server import BucketServer, bucket_server

KINDS = ("folder", "ssh", "s3")


@pytest.fixture(scope="session")
def buckets(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BucketServer]:
    """A real S3 server for the whole session."""
    with bucket_server(tmp_path_factory.mktemp("s3")) as server:
        yield server


@pytest.fixture
def bucket(buckets: BucketServer, monkeypatch: pytest.MonkeyPatch) -> str:
    """An empty bucket of that server, which the environment leads to."""
    for name, value in buckets.environment.items():
        monkeypatch.setenv(name, value)
    name = f"weights-{secrets.token_hex(4)}"
    bucket_client().create_bucket(Bucket=name)
    return name


@pytest.fixture
def server(lab_boxes: lab.Lab) -> Iterator[SshHost]:
    """The lab's first box, as the server that a store is on."""
    settings = SshSettings(lab_boxes.ssh_config)
    with closing(SshHost("nas", lab_boxes.boxes[0].name, settings)) as host:
        yield host


@pytest.fixture
def folder_store(tmp_path: Path) -> Store:
    return create_store(tmp_path / "store")


@pytest.fixture
def ssh_store(lab_boxes: lab.Lab) -> Store:
    # A space, since it is a path of the user's.
    folder = f"/home/admin/my stores/{secrets.token_hex(4)}"
    settings = SshSettings(lab_boxes.ssh_config)
    return create_store(f"ssh://{lab_boxes.boxes[0].name}{folder}", settings)


@pytest.fixture
def s3_store(bucket: str) -> Store:
    return create_store(f"s3://{bucket}/my/stores")


@pytest.fixture(params=KINDS)
def any_store(request: pytest.FixtureRequest) -> Store:
    """An empty store, of each kind in turn."""
    found: Store = request.getfixturevalue(f"{request.param}_store")
    return found
