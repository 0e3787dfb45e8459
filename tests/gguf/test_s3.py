"""A header in a bucket, of a server that speaks S3."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

from freehold.gguf.error import GgufError
from freehold.gguf.read import read_model
from freehold.gguf.s3 import S3Source
from freehold.gguf.shard import read_shard
from tests.gguf.files import F32, header, large_header, shard, tensor, with_data


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    yield "http://{}:{}".format(*server.get_host_and_port())
    server.stop()


@pytest.fixture
def bucket(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """An empty bucket "models", which the environment leads to."""
    settings = {"AWS_ENDPOINT_URL": endpoint, "AWS_REGION": "us-east-1"}
    settings |= {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing"}
    settings |= {"AWS_CONFIG_FILE": "/nowhere", "AWS_SHARED_CREDENTIALS_FILE": "/nowhere"}
    settings |= {"AWS_DEFAULT_REGION": "us-east-1", "AWS_EC2_METADATA_DISABLED": "true"}
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    made = boto3.resource("s3").create_bucket(Bucket="models")
    yield made
    made.objects.all().delete()
    made.delete()


class Counting(S3Source):
    """Notes how many bytes are asked for."""

    def __init__(self, client: Any, bucket: str, key: str) -> None:
        super().__init__(client, bucket, key)
        self.reads: list[int] = []

    def read(self, offset: int, count: int) -> bytes:
        self.reads.append(count)
        return super().read(offset, count)


def test_a_model_of_several_shards_is_read(bucket: Any) -> None:
    for number in (1, 2, 3):
        key = f"Q4 K/m-{number:05d}-of-00003.gguf"
        bucket.put_object(Key=key, Body=shard(number, 3))
    header = read_model("s3://models/Q4 K/m-00001-of-00003.gguf")
    assert len(header.tensors) == 4
    assert [shard.place for shard in header.shards] == [
        f"s3://models/Q4 K/m-0000{n}-of-00003.gguf" for n in (1, 2, 3)
    ]


def test_a_header_as_long_as_glms_is_read_by_ranges(bucket: Any) -> None:
    data = with_data(large_header(), bytes(32 << 20))
    bucket.put_object(Key="m.gguf", Body=data)
    source = Counting(boto3.client("s3"), "models", "m.gguf")
    found = read_shard(source)
    assert len(found.tensors) == 1809
    assert len(source.reads) <= 5
    assert found.size_bytes == len(data)


def test_a_file_that_is_cut_short_is_refused(bucket: Any) -> None:
    whole = with_data(header([], [tensor("t", (1024,), F32, 0)]), bytes(4096))
    for size in (0, 40, len(whole) - 1):
        bucket.put_object(Key="m.gguf", Body=whole[:size])
        with pytest.raises(GgufError, match=r"^s3://models/m\.gguf: "):
            read_model("s3://models/m.gguf")


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("s3://models/nothing.gguf", "expected the file, got NoSuchKey"),
        ("s3://nobodys/m.gguf", "expected the file, got NoSuchBucket"),
        ("s3://no_bucket!/m.gguf", "Invalid bucket name"),
    ],
)
def test_what_is_not_there_is_named(bucket: Any, url: str, words: str) -> None:
    with pytest.raises(GgufError) as caught:
        read_model(url)
    assert words in str(caught.value)
    assert str(caught.value).startswith(f"{url}: ")


def test_every_shard_that_is_missing_is_named(bucket: Any) -> None:
    bucket.put_object(Key="m-00002-of-00003.gguf", Body=shard(2, 3))
    with pytest.raises(GgufError) as caught:
        read_model("s3://models/m-00001-of-00003.gguf")
    assert [problem.place for problem in caught.value.problems] == [
        f"s3://models/m-0000{n}-of-00003.gguf" for n in (1, 3)
    ]


def test_without_credentials_the_error_says_where_they_come_from(
    bucket: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(GgufError) as caught:
        read_model("s3://models/m.gguf")
    assert "Unable to locate credentials" in str(caught.value)
    assert "come from the environment and ~/.aws" in str(caught.value)


def test_a_profile_that_is_not_configured_is_an_error(
    bucket: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    with pytest.raises(GgufError, match="expected AWS's configuration"):
        read_model("s3://models/m.gguf")


def test_without_boto3_the_error_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "boto3", None)
    with pytest.raises(GgufError, match="expected the Python package boto3, found none") as caught:
        read_model("s3://models/m.gguf")
    assert "pip install boto3" in str(caught.value)


def test_boto3_is_imported_by_nobody_who_does_not_ask_for_a_bucket() -> None:
    script = "import sys, freehold.gguf.read; sys.exit('boto3' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
