"""A store in a bucket of a real S3 server, over a network that breaks."""

from __future__ import annotations

import os
import subprocess
import sys
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from freehold.weights import s3_upload
from freehold.weights.objects import StoreError
from freehold.weights.open import create_store, open_store
from freehold.weights.s3_client import bucket_client
from freehold.weights.store import Store, blob_name
from tests.bucket_server import BucketServer
from tests.deadline import in_time
from tests.weights.breaking import Breaking, breaking
from tests.weights.sets import add, silent

MIB = 1 << 20
PART = s3_upload.PART_BYTES_MIN

KILLED = """
import sys
from pathlib import Path
from freehold.weights.open import open_store

heard = 0
def killed(size_bytes):
    global heard
    heard += size_bytes
    if heard > 30 << 20:  # of 40 MiB, of which the first half is for hashing
        print("sent a part", flush=True)
        sys.stdin.read()

open_store(sys.argv[1]).add(Path(sys.argv[2]), "f", killed)
"""


@pytest.fixture
def relay(buckets: BucketServer) -> Iterator[Breaking]:
    port = urllib.parse.urlsplit(buckets.endpoint).port
    assert port is not None
    with breaking(port) as found:
        yield found


@pytest.fixture
def shaky(s3_store: Store, relay: Breaking, monkeypatch: pytest.MonkeyPatch) -> Store:
    """The same store through the relay."""
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", relay.endpoint)
    return open_store(s3_store.place)


def get(url: str, first: int = 0, last: int | None = None) -> bytes:
    part = {"Range": f"bytes={first}-{'' if last is None else last}"}
    with urllib.request.urlopen(urllib.request.Request(url, headers=part), timeout=10) as answer:  # noqa: S310
        return bytes(answer.read())


def parts_left(bucket: str) -> int:
    return len(bucket_client().list_multipart_uploads(Bucket=bucket).get("Uploads", ()))


@pytest.mark.parametrize("size", [PART - 1, PART, 2 * PART + 5])
def test_a_file_of_several_parts_arrives_whole(s3_store: Store, tmp_path: Path, size: int) -> None:
    entry = add(s3_store, tmp_path, "f", os.urandom(size))
    assert sum(map(len, s3_store.read(entry))) == size


def test_parts_are_as_long_as_their_greatest_number_wants() -> None:
    for size in (0, 1, PART * s3_upload.PARTS_MAX, PART * s3_upload.PARTS_MAX + 1, 5 << 40):
        part = s3_upload.part_bytes_of(size)
        assert part % MIB == 0
        assert -(-size // part) <= s3_upload.PARTS_MAX
    assert s3_upload.part_bytes_of(40 << 30) == PART


def test_what_is_there_whole_is_not_sent_again(
    s3_store: Store, relay: Breaking, shaky: Store, tmp_path: Path
) -> None:
    (tmp_path / "f").write_bytes(os.urandom(PART))
    s3_store.add(tmp_path / "f", "f", silent)
    relay.flips = 1
    shaky.add(tmp_path / "f", "f", silent)
    assert relay.flips == 1  # nothing long went up


def test_a_connection_that_is_cut_is_gone_on_with_from_there(
    s3_store: Store, shaky: Store, relay: Breaking, tmp_path: Path
) -> None:
    content = os.urandom(9 * MIB)
    entry = add(s3_store, tmp_path, "f", content)
    relay.cuts, relay.cut_after_bytes = 3, 2 * MIB
    assert b"".join(shaky.stream(entry, 5, 8 * MIB)) == content[5 : 8 * MIB + 5]
    assert relay.cuts == 0


def test_a_network_that_is_always_cut_is_an_error_in_the_end(
    s3_store: Store, shaky: Store, relay: Breaking, tmp_path: Path
) -> None:
    entry = add(s3_store, tmp_path, "f", os.urandom(MIB))
    relay.cuts, relay.cut_after_bytes = 1000, 0
    with pytest.raises(StoreError, match="the bucket cannot be reached"):
        list(shaky.stream(entry))


def test_an_object_that_is_replaced_while_it_is_read_is_an_error(
    s3_store: Store, shaky: Store, relay: Breaking, tmp_path: Path
) -> None:
    entry = add(s3_store, tmp_path, "f", os.urandom(9 * MIB))
    relay.cuts, relay.cut_after_bytes = 1, 5 * MIB
    stream = shaky.stream(entry)
    next(stream)
    s3_store.objects.put(blob_name(entry.sha256), os.urandom(9 * MIB))
    with pytest.raises(StoreError, match="it was replaced while it was read"):
        list(stream)


def test_a_byte_that_flips_on_the_way_up_never_arrives(
    s3_store: Store, shaky: Store, relay: Breaking, bucket: str, tmp_path: Path
) -> None:
    (tmp_path / "f").write_bytes(os.urandom(PART + 5))
    relay.flips = 1000
    with pytest.raises(StoreError):
        shaky.add(tmp_path / "f", "f", silent)
    assert relay.flips < 1000
    assert s3_store.objects.names("blobs/") == []
    relay.flips = 0
    assert parts_left(bucket) == 0
    entry = shaky.add(tmp_path / "f", "f", silent)
    assert b"".join(s3_store.read(entry)) == (tmp_path / "f").read_bytes()


def test_a_put_that_is_killed_leaves_nothing_under_the_name(
    s3_store: Store, bucket: str, tmp_path: Path
) -> None:
    (tmp_path / "f").write_bytes(os.urandom(40 * MIB))
    argv = [sys.executable, "-c", KILLED, s3_store.place, str(tmp_path / "f")]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"sent a part\n"
        process.kill()
    assert in_time(lambda: process.poll() is not None)
    assert s3_store.objects.names("blobs/") == []
    assert parts_left(bucket) == 1  # another put may be under way
    entry = s3_store.add(tmp_path / "f", "f", silent)
    assert sum(map(len, s3_store.read(entry))) == 40 * MIB


def test_what_a_killed_put_had_sent_is_removed_by_a_later_one(
    s3_store: Store, bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "f").write_bytes(b"content")
    entry = s3_store.add(tmp_path / "f", "f", silent)
    s3_store.objects.delete(blob_name(entry.sha256))
    key = f"my/stores/{blob_name(entry.sha256)}"
    bucket_client().create_multipart_upload(Bucket=bucket, Key=key)
    s3_store.add(tmp_path / "f", "f", silent)
    assert parts_left(bucket) == 1
    monkeypatch.setattr(s3_upload, "ABANDONED_AFTER_S", -60)
    s3_store.objects.delete(blob_name(entry.sha256))
    s3_store.add(tmp_path / "f", "f", silent)
    assert parts_left(bucket) == 0


def test_a_url_gives_any_range_to_whoever_has_it(s3_store: Store, tmp_path: Path) -> None:
    content = os.urandom(MIB)
    url = s3_store.url(add(s3_store, tmp_path, "f", content), 60)
    assert url is not None
    assert get(url, 1000, 1999) == content[1000:2000]
    with pytest.raises(urllib.error.HTTPError, match="403"):
        get(url.replace("my/stores/blobs", "my/stores/layers"))


def test_a_url_is_of_the_version_that_was_there_when_it_was_made(
    s3_store: Store, bucket: str, tmp_path: Path
) -> None:
    bucket_client().put_bucket_versioning(
        Bucket=bucket, VersioningConfiguration={"Status": "Enabled"}
    )
    entry = add(s3_store, tmp_path, "f", b"content")
    url = s3_store.url(entry, 60)
    assert url is not None
    s3_store.objects.put(blob_name(entry.sha256), b"CONTENT")
    assert get(url) == b"content"
    assert b"".join(s3_store.stream(entry)) == b"CONTENT"


def test_there_is_no_url_of_what_is_not_there(s3_store: Store, tmp_path: Path) -> None:
    entry = add(s3_store, tmp_path, "f", b"content")
    s3_store.objects.delete(blob_name(entry.sha256))
    with pytest.raises(StoreError, match="expected it in the store, found nothing"):
        s3_store.url(entry, 60)


@pytest.mark.parametrize("place", ["s3://nobodys-bucket/x", "s3://nobodys-bucket"])
def test_a_bucket_that_is_not_there_is_named(bucket: str, place: str) -> None:
    with pytest.raises(StoreError, match=f"{place}: .*404") as caught:
        create_store(place)
    assert "~/.aws" in str(caught.value)


def test_a_key_that_is_not_the_owners_is_refused(
    s3_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "another")
    with pytest.raises(StoreError, match="403"):
        open_store(s3_store.place)


def test_a_server_that_does_not_answer_is_an_error(
    s3_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:1")
    with pytest.raises(StoreError, match="the bucket cannot be reached"):
        open_store(s3_store.place)


def test_without_boto3_the_error_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "boto3", None)
    with pytest.raises(StoreError, match="expected the Python package boto3") as caught:
        open_store("s3://bucket/x")
    assert "pip install" in str(caught.value)


def test_boto3_is_imported_by_nobody_who_has_no_bucket() -> None:
    script = "import sys, freehold.weights.open; sys.exit('boto3' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
