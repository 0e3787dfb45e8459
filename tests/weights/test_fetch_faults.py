"""A hub that stalls, breaks off, lies and refuses: what comes in is right, or refused by name."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from freehold.errors import FreeholdError
from freehold.weights.fetch import add_fetched, fetch_files
from freehold.weights.http_fetch import download
from freehold.weights.manifest import Kind
from freehold.weights.open import create_store
from freehold.weights.origin import FetchError
from freehold.weights.partial import Partial
from freehold.weights.staging import staging_of
from freehold.weights.store import Store
from tests.weights.fetching import HASTY, Heard, contents, fetch, incoming, of_hub, shards
from tests.weights.hub_server import COMMIT, Fault, HubServer, serving, sha256

SECOND = "UD-Q2/m-00002-of-00003.gguf"
NAMES = [f"UD-Q2/m-0000{number}-of-00003.gguf" for number in (1, 2, 3)]
SOME = 1_500_000


@pytest.fixture
def hub() -> Iterator[HubServer]:
    with serving(HubServer(commits={COMMIT: shards(3)})) as server:
        yield server


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return create_store(tmp_path / "store")


def refusal(store: Store, hub: HubServer) -> str:
    """The error; nothing is named."""
    with pytest.raises(FreeholdError) as caught:
        fetch(store, of_hub(hub))
    assert store.set_names(Kind.WEIGHTS) == []
    return str(caught.value)


def size(hub: HubServer) -> int:
    return sum(map(len, hub.commits[COMMIT].values()))


@pytest.mark.parametrize("how", ["cut", "reset", "stall"])
def test_an_answer_that_breaks_off_goes_on_where_it_ended(
    hub: HubServer, store: Store, how: str
) -> None:
    hub.faults = {name: [Fault(how, SOME), Fault(how, SOME)] for name in NAMES}
    heard = Heard()
    manifest = fetch(store, of_hub(hub), heard=heard)
    assert sorted(contents(store, manifest).values()) == sorted(hub.commits[COMMIT].values())
    assert heard.size_bytes == size(hub)
    # What a reset overtakes on its way is sent again.
    assert hub.sent_bytes == size(hub) or how == "reset"
    assert len(hub.asked("/cdn/")) == 9


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_a_refusal_for_now_is_outwaited(hub: HubServer, store: Store, status: int) -> None:
    hub.faults = {name: [Fault(status=status)] for name in NAMES}
    fetch(store, of_hub(hub))
    assert hub.sent_bytes == size(hub)


def test_the_wait_is_the_one_that_the_server_asks_for(hub: HubServer, store: Store) -> None:
    limit = {"RateLimit": '"resolvers";r=0;t=41'}
    hub.faults[SECOND] = [
        Fault(status=429, headers={"Retry-After": "17"}),
        Fault(status=429, headers=limit),
    ]
    heard = Heard()
    fetch(store, of_hub(hub), heard=heard)
    assert heard.pauses == [17, 41]


def test_a_wait_that_is_too_long_is_the_users_to_decide(hub: HubServer, store: Store) -> None:
    hub.faults[SECOND] = [Fault(status=429, headers={"Retry-After": "86400"})]
    error = refusal(store, hub)
    assert "got HTTP 429 Too Many Requests: it asks to wait for 86400 s" in error


@pytest.mark.parametrize(
    ("fault", "got"),
    [
        (Fault("stall", 1000), "no byte in time, 3 times in a row"),
        (Fault("cut", 0), "bytes early, 3 times in a row"),
        (Fault(status=503), "HTTP 503 Service Unavailable, 3 times in a row"),
        (Fault(status=404), "HTTP 404 Not Found"),
        (Fault(status=403), "HTTP 403 Forbidden"),
    ],
    ids=["stall", "cut", "503", "404", "403"],
)
def test_what_does_not_come_is_named_and_the_rest_is_kept(
    hub: HubServer, store: Store, fault: Fault, got: str
) -> None:
    hub.faults[SECOND], hub.for_ever = [fault], True
    error = refusal(store, hub)
    assert error.startswith(f"hf:owner/model/{SECOND}: expected 3,1")
    assert got in error
    assert error.count("expected") == 1
    hub.faults, before = {}, hub.sent_bytes
    fetch(store, of_hub(hub))
    assert len(hub.commits[COMMIT][SECOND]) - 3 * 1000 <= hub.sent_bytes - before
    assert hub.sent_bytes - before <= len(hub.commits[COMMIT][SECOND])


def test_attempts_are_counted_from_the_last_that_brought_something(
    hub: HubServer, store: Store
) -> None:
    hub.commits[COMMIT] = shards(1)
    (name,) = hub.commits[COMMIT]
    nothing, enough = Fault(status=503), Fault("cut", (1 << 20) + 1)
    hub.faults[name] = [nothing, nothing, enough, nothing, nothing, enough, nothing, nothing]
    fetch(store, of_hub(hub))
    assert hub.sent_bytes == size(hub)


def test_every_file_that_did_not_come_is_named(hub: HubServer, store: Store) -> None:
    hub.faults, hub.for_ever = {name: [Fault(status=404)] for name in NAMES}, True
    error = refusal(store, hub)
    assert [name for name in NAMES if name in error] == NAMES


def test_wrong_bytes_are_refused_removed_and_fetched_anew(hub: HubServer, store: Store) -> None:
    hub.faults[SECOND] = [Fault("flip", SOME)]
    error = refusal(store, hub)
    declared = sha256(hub.commits[COMMIT][SECOND])
    assert error.startswith(
        f"hf:owner/model/{SECOND}: expected sha256 {declared}\n  found    sha256"
    )
    assert "it was removed" in error
    assert [path.suffix for path in incoming(store)] == [".partial"] * 2
    before = hub.sent_bytes
    fetch(store, of_hub(hub))
    assert hub.sent_bytes - before == len(hub.commits[COMMIT][SECOND])


def test_a_hub_that_declares_another_hash_than_it_serves_is_refused(
    hub: HubServer, store: Store
) -> None:
    hub.declared = {SECOND: "d" * 64}
    assert f"{SECOND}: expected sha256 {'d' * 64}" in refusal(store, hub)


@pytest.mark.parametrize("change", [-1, 1])
def test_a_file_of_another_size_than_declared_is_refused(
    hub: HubServer, store: Store, change: int
) -> None:
    origin = of_hub(hub)
    old = hub.commits[COMMIT][SECOND]
    # Under the same address, as a proxy with a mind of its own would.
    hub.replaced = {SECOND: old[:-1] if change < 0 else old + b"?"}
    with pytest.raises(FetchError) as caught:
        fetch(store, origin)
    assert f"got a file of {len(old) + change} bytes, not of {len(old)}, 3 times" in str(
        caught.value
    )


def test_a_partial_file_that_rotted_is_refused_at_its_end(hub: HubServer, store: Store) -> None:
    hub.faults[SECOND], hub.for_ever = [Fault("cut", SOME), Fault(status=404)], True
    refusal(store, hub)
    (partial,) = (path for path in incoming(store) if path.stat().st_size == SOME)
    with partial.open("r+b") as file:
        file.write(b"rotten")
    hub.faults = {}
    assert f"{SECOND}: expected sha256" in refusal(store, hub)
    fetch(store, of_hub(hub))


def test_a_whole_file_that_rotted_in_the_staging_folder_is_fetched_anew(
    hub: HubServer, store: Store
) -> None:
    origin = of_hub(hub)
    with staging_of(store, "m") as staging:
        fetch_files(store, origin, staging, lambda _size: None, HASTY)
        with (staging.whole / "m-00002-of-00003.gguf").open("r+b") as file:
            file.write(b"rotten")
    before = hub.sent_bytes
    fetch(store, origin)
    assert hub.sent_bytes - before == len(hub.commits[COMMIT][SECOND])


def test_a_file_that_rots_between_fetch_and_store_keeps_the_set_from_its_name(
    hub: HubServer, store: Store
) -> None:
    origin = of_hub(hub)
    with staging_of(store, "m") as staging:
        hashes = fetch_files(store, origin, staging, lambda _size: None, HASTY)
        with (staging.whole / "m-00002-of-00003.gguf").open("r+b") as file:
            file.seek(-1, 2)
            last = file.read(1)[0]
            file.seek(-1, 2)
            file.write(bytes([last ^ 1]))
        with pytest.raises(FreeholdError, match=r"m-00002-of-00003\.gguf: expected sha256"):
            add_fetched(store, origin, staging, "m", {}, hashes, lambda _size: None)
    assert store.set_names(Kind.WEIGHTS) == []
    fetch(store, origin)


def test_a_server_without_ranges_is_asked_for_all_of_it_again(hub: HubServer, store: Store) -> None:
    hub.knows_ranges = False
    hub.faults[SECOND] = [Fault("cut", SOME)]
    heard = Heard()
    fetch(store, of_hub(hub), heard=heard)
    assert hub.sent_bytes == size(hub) + SOME
    assert heard.size_bytes == size(hub)


def test_a_server_without_ranges_that_always_breaks_off_is_given_up(
    hub: HubServer, store: Store
) -> None:
    hub.knows_ranges, hub.for_ever = False, True
    hub.faults[SECOND] = [Fault("cut", SOME)]
    assert "bytes early, 3 times in a row" in refusal(store, hub)


def test_a_large_file_is_asked_for_in_several_requests(hub: HubServer, tmp_path: Path) -> None:
    (_, second, _) = of_hub(hub).files
    with Partial(tmp_path / "p", second.size_bytes, lambda _size: None) as partial:
        download(second, partial, HASTY, [].append, request_bytes=1 << 20)
        assert partial.sha256 == second.sha256
    assert hub.asked("/resolve/") == [
        "bytes=0-1048575",
        "bytes=1048576-2097151",
        "bytes=2097152-3145727",
        f"bytes=3145728-{second.size_bytes - 1}",
    ]
