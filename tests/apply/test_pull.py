"""A node fetches a set from a bucket by itself; the bucket is a real S3 server's."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from freehold import lab
from freehold.apply import pull as leg
from freehold.apply.converge import converge
from freehold.apply.pull import NoWayError, pull, pull_or_push
from freehold.apply.push import push
from freehold.apply.sync import Leg, Moved, sync
from freehold.apply.syncing import Syncing
from freehold.apply.throttle import Throttle
from freehold.hosts.command import Command
from freehold.hosts.host import HostError, run_or_raise
from freehold.plan.fileset import FileSet
from freehold.weights.manifest import Kind, Manifest
from freehold.weights.objects import StoreError
from freehold.weights.open import create_store, open_store
from freehold.weights.s3_client import bucket_client
from freehold.weights.store import Store, blob_name
from tests.apply.counted import CountedHost
from tests.apply.test_sync_faults import At, final, kill_agents, require_whole
from tests.bucket_server import BucketServer, bucket_server
from tests.gguf.http_server import certificate

MIB = 1 << 20
SIZES = (33 * MIB + 77, 5 * MIB)
SPOKEN_BYTES_MAX = MIB  # the agent, the order, the URLs
SLOW = 4 * MIB  # a second: time for what is done on the way


@dataclass(frozen=True)
class AllDay:
    """A limit."""

    bytes_per_s: float
    start: int = 0
    end: int = 24 * 60


@pytest.fixture(scope="module")
def server(lab_boxes: lab.Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[BucketServer]:
    """Where the boxes reach it, with a certificate of its own."""
    folder = tmp_path_factory.mktemp("s3")
    pem = certificate(folder, lab_boxes.gateway)
    with bucket_server(folder / "server", tls=(pem, pem), address=lab_boxes.gateway) as found:
        yield found


@pytest.fixture(autouse=True)
def _environment(server: BucketServer, monkeypatch: pytest.MonkeyPatch) -> None:
    pem = server.folder.parent / "certificate.pem"
    for name, value in {**server.environment, "AWS_CA_BUNDLE": str(pem)}.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def stored(server: BucketServer, tmp_path: Path) -> tuple[Store, Manifest]:
    bucket = f"weights-{os.urandom(4).hex()}"
    bucket_client().create_bucket(Bucket=bucket)
    store = create_store(f"s3://{bucket}/ours")
    entries = []
    for number, size in enumerate(SIZES):
        source = tmp_path / f"part-{number}.gguf"
        source.write_bytes(os.urandom(size))
        entries.append(store.add(source, source.name, lambda _size: None))
    manifest = Manifest(Kind.WEIGHTS, "pulled", entries[0].path, tuple(entries))
    store.declare(manifest)
    return open_store(store.place), manifest


def bring(
    box: CountedHost,
    stored: tuple[Store, Manifest],
    at: At,
    leg: Leg = pull,
    throttle: Throttle | None = None,
) -> Moved:
    store, manifest = stored
    return sync(box, manifest, store, at, throttle or Throttle(), leg)


def test_a_set_comes_over_tls_and_not_through_this_machine(
    box: CountedHost, stored: tuple[Store, Manifest]
) -> None:
    store, manifest = stored
    at = At()
    converge(box, [FileSet(manifest)], store, Syncing(lambda _step: at))
    require_whole(box, manifest)
    assert at.sent_bytes == sum(SIZES)
    assert at.said == []
    assert box.streamed_bytes < SPOKEN_BYTES_MAX


def test_urls_that_expire_on_the_way_are_renewed(
    box: CountedHost, stored: tuple[Store, Manifest], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leg, "EXPIRES_S", 1)
    given: list[str] = []
    store = stored[0]
    url = store.url
    monkeypatch.setattr(store, "url", lambda *asked: given.append(url(*asked)) or given[-1])
    one = partial(pull, options={"workers": 1})
    moved = bring(box, stored, At(), one, Throttle([AllDay(12 * MIB)]))
    assert (moved.way, moved.size_bytes) == ("bucket", sum(SIZES))
    require_whole(box, stored[1])
    assert len(set(given)) > len(SIZES)


def test_where_a_node_cannot_reach_the_bucket_this_machine_carries_the_set_and_says_so(
    box: CountedHost,
    stored: tuple[Store, Manifest],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with bucket_server(tmp_path / "near") as near:
        for name, value in near.environment.items():
            monkeypatch.setenv(name, value)
        bucket_client().create_bucket(Bucket="near")
        store = create_store("s3://near")
        for number, file in enumerate(stored[1].files):
            store.add(tmp_path / f"part-{number}.gguf", file.path, lambda _size: None)
        with pytest.raises(
            NoWayError, match=f"cannot fetch from {near.endpoint}: Connection refused"
        ):
            bring(box, (store, stored[1]), At())
        at = At()
        bring(box, (store, stored[1]), at, pull_or_push)
    require_whole(box, stored[1])
    assert at.sent_bytes == sum(SIZES)
    [told] = at.said
    assert "goes through this machine" in told


def test_a_server_that_is_not_the_one_is_told_nothing(
    box: CountedHost, stored: tuple[Store, Manifest], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leg, "_ca", lambda: None)  # the node knows the public authorities alone
    with pytest.raises(NoWayError, match=r"TLS: self.signed certificate"):
        bring(box, stored, At())
    assert final(box, stored[1]) == ""


def test_a_store_without_urls_is_no_way_to_fetch(
    box: CountedHost, stored: tuple[Store, Manifest], tmp_path: Path
) -> None:
    folder = create_store(tmp_path / "folder")
    for number, file in enumerate(stored[1].files):
        folder.add(tmp_path / f"part-{number}.gguf", file.path, lambda _size: None)
    with pytest.raises(NoWayError, match="a store that gives out URLs"):
        bring(box, (folder, stored[1]), At())


def damage(server: BucketServer, store: Store, manifest: Manifest) -> None:
    """Another byte in the server's own file, of which it knows nothing."""
    bucket = store.place.removeprefix("s3://")
    path = server.folder / "buckets" / bucket / blob_name(manifest.files[0].sha256)
    with path.open("r+b") as file:
        file.seek(9 * MIB)
        byte = file.read(1)[0]
        file.seek(9 * MIB)
        file.write(bytes([byte ^ 1]))


def test_a_copy_that_rotted_in_the_bucket_never_gets_its_name(
    box: CountedHost, stored: tuple[Store, Manifest], server: BucketServer
) -> None:
    damage(server, *stored)
    message = r"part-0\.gguf is damaged in the store\n +expected its bytes 8,388,608 to 12,582,912"
    with pytest.raises(StoreError, match=message):
        bring(box, stored, At(), pull_or_push)
    assert final(box, stored[1]) == ""


def test_a_file_that_was_put_again_meanwhile_is_refused(
    box: CountedHost, stored: tuple[Store, Manifest], tmp_path: Path
) -> None:
    store, manifest = stored
    name = blob_name(manifest.files[0].sha256)

    def put_again() -> None:
        other = tmp_path / "other"
        other.write_bytes(os.urandom(SIZES[0]))
        bucket, prefix = store.place.removeprefix("s3://").split("/")
        with other.open("rb") as body:
            bucket_client().put_object(Bucket=bucket, Key=f"{prefix}/{name}", Body=body)

    slow = Throttle([AllDay(SLOW)])
    with pytest.raises(StoreError, match=r"part-0\.gguf"):
        bring(box, stored, At(8 * MIB, put_again), partial(pull, options={"workers": 1}), slow)
    assert final(box, manifest) == ""


@pytest.mark.parametrize("seen_bytes", [4 * MIB, 12 * MIB])
def test_after_a_kill_on_the_node_only_the_rest_comes(
    box: CountedHost, stored: tuple[Store, Manifest], seen_bytes: int
) -> None:
    at = At(seen_bytes, kill_agents(box, "pull"))
    with pytest.raises(HostError, match="pulling pulled: exit"):
        bring(box, stored, at, throttle=Throttle([AllDay(SLOW)]))
    assert final(box, stored[1]) == ""
    again = At()
    bring(box, stored, again)
    require_whole(box, stored[1])
    assert again.sent_bytes <= sum(SIZES) - seen_bytes


def test_what_one_way_brought_the_other_does_not_bring_again(
    box: CountedHost, stored: tuple[Store, Manifest]
) -> None:
    at = At(12 * MIB, kill_agents(box, "pull"))
    with pytest.raises(HostError, match="pulling pulled: exit"):
        bring(box, stored, at, throttle=Throttle([AllDay(SLOW)]))
    again = At()
    moved = bring(box, (open_store(stored[0].place), stored[1]), again, push)
    assert moved.way == "ssh"
    require_whole(box, stored[1])
    assert 0 < again.sent_bytes <= sum(SIZES) - 12 * MIB


def test_the_urls_are_in_no_argument_of_a_process(
    box: CountedHost, stored: tuple[Store, Manifest]
) -> None:
    seen: list[str] = []
    look: Callable[[], None] = lambda: seen.append(processes(box))  # noqa: E731
    bring(box, stored, At(4 * MIB, look), throttle=Throttle([AllDay(SLOW)]))
    assert "pull" in seen[0]
    assert "Signature" not in seen[0]


def processes(box: CountedHost) -> str:
    """Every process's arguments and environment."""
    with box.another() as other:
        script = "cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ 2>/dev/null | tr '\\0' ' '; true"
        return run_or_raise(other, Command(script, "a test"))
