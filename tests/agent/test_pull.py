"""A node fetches a set by URLs: what is there afterwards, whatever went wrong on the way."""

from __future__ import annotations

import random
import select
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from os import pidfd_open
from pathlib import Path

import pytest

from freehold.agent.landing import Landing
from tests.agent.pulling import PIECE, ROOT, SIZES, Node, Pull, command, contents, pull
from tests.agent.range_server import (
    CLOSE,
    RESET,
    STALL,
    Answer,
    Asked,
    Fault,
    RangeServer,
    cut,
    flip,
    headed,
    ranges,
    status,
)
from tests.gguf.http_server import FileServer, serving_tls

TOTAL = sum(SIZES.values())
EXPIRED = b"<Error><Code>ExpiredToken</Code><Message>of AKIA5ec3e7</Message></Error>"


@pytest.fixture
def files() -> dict[str, bytes]:
    return contents()


@pytest.fixture
def server(files: dict[str, bytes]) -> Iterator[RangeServer]:
    with ranges(files) as found:
        yield found


@pytest.fixture
def node(tmp_path: Path, files: dict[str, bytes]) -> Node:
    return Node(tmp_path, files)


def shorter(answer: Answer) -> None:
    answer.body = answer.body[:-1]


def at_first(fault: Fault) -> Callable[[Asked], Fault | None]:
    return lambda asked: fault if asked.number == 0 else None


def test_all_that_lacks_lands_and_is_asked_for_once(node: Node, server: RangeServer) -> None:
    done = pull(node, server)
    assert node.is_whole()
    assert node.missing_bytes == 0
    assert server.sent_bytes == TOTAL
    wanted = [(f, p) for f in range(len(SIZES)) for p in range(node.order.pieces(f))]
    assert sorted(done.landed) == wanted


def test_a_second_pull_asks_for_nothing(node: Node, server: RangeServer) -> None:
    pull(node, server)
    asked = len(server.asked)
    assert pull(node, server).said == [{"done": True}]
    assert len(server.asked) == asked


TRANSIENT = {
    "a reset": cut(RESET, 3 * PIECE // 2),
    "an end": cut(CLOSE, PIECE // 2),
    "silence": cut(STALL, PIECE // 2),
    "a shorter body than asked for": shorter,
    "503": status(503, b"<Error><Code>SlowDown</Code></Error>"),
    "500": status(500),
    "429": status(429, Retry_After="0"),
    "another range": headed(Content_Range=f"bytes 1-2/{SIZES['a.gguf']}"),
    "no range": headed(Content_Range="none"),
    "a flipped bit": flip(PIECE // 2),
}


@pytest.mark.parametrize("fault", TRANSIENT.values(), ids=TRANSIENT)
def test_it_goes_on_after(node: Node, server: RangeServer, fault: Fault) -> None:
    server.fault = at_first(fault)
    pull(node, server, workers=1)
    assert node.is_whole()
    assert node.missing_bytes == 0


def test_of_a_wrong_piece_that_piece_alone_comes_again(node: Node, server: RangeServer) -> None:
    server.fault = at_first(flip(PIECE + 1))
    done = pull(node, server, workers=1)
    assert len(done.wrong) == 1
    assert len(server.asked) == len({(a.path, a.first) for a in server.asked})  # not its forerunner
    assert node.is_whole()


def test_half_of_all_answers_may_be_bad(node: Node, server: RangeServer) -> None:
    dice, kinds = random.Random(7), list(TRANSIENT.values())  # noqa: S311
    server.fault = lambda _asked: dice.choice([dice.choice(kinds), None])
    pull(node, server, patience_s=60)
    assert node.is_whole()


def test_it_waits_as_long_as_it_is_told_to(node: Node, server: RangeServer) -> None:
    server.fault = at_first(status(503, Retry_After="1"))
    begun = time.monotonic()
    pull(node, server, workers=1)
    assert time.monotonic() - begun > 1


def test_a_piece_that_is_always_wrong_is_named_and_never_lands(
    node: Node, server: RangeServer
) -> None:
    damaged = bytearray(server.files["b/c.gguf"])
    damaged[3 * PIECE + 1] ^= 1
    server.files = {**server.files, "b/c.gguf": bytes(damaged)}
    done = pull(node, server)
    failed = done.said[-1]
    assert failed["failed"] == "damaged"
    assert (failed["file"], failed["piece"]) == (1, 3)
    assert failed["expected"] == node.order.piece_hash(1, 3).hex() != failed["found"]
    assert done.wrong == [(1, 3)] * 3
    assert (1, 3) not in done.landed


FINAL = {
    "503 for ever": (status(503), "way", "HTTP 503"),
    "silence for ever": (cut(STALL, 0), "way", "nothing came"),
    "the whole file": (status(200, b"x" * TOTAL), "way", "no ranges"),
    "elsewhere": (status(307, Location="http://127.0.0.1:1/"), "way", "HTTP 307"),
    "refused for ever": (status(403, EXPIRED), "way", "HTTP 403 ExpiredToken"),
    "gone": (status(404), "changed", "HTTP 404"),
    "replaced": (status(412), "changed", "HTTP 412"),
    "of another size": (headed(Content_Range="bytes 0-1/12345"), "changed", "found 12345"),
}


@pytest.mark.parametrize(("fault", "kind", "why"), FINAL.values(), ids=FINAL)
def test_it_ends_and_says_why_where_the_answer_is(
    node: Node, server: RangeServer, fault: Fault, kind: str, why: str
) -> None:
    server.fault = lambda _asked: fault
    run = Pull(node, server, workers=1)
    while run.hear():
        if run.said and "renew" in run.said[-1]:
            run.say(urls={file: server.url(path, "second") for file, path in enumerate(SIZES)})
    assert run.end() == 1
    assert run.said[-1]["failed"] == kind
    assert why in run.said[-1]["why"]
    assert run.landed == []


def test_an_object_that_is_replaced_on_the_way_is_no_longer_read(
    node: Node, server: RangeServer
) -> None:
    # A server that knows no If-Match: the ETag of the answer tells.
    server.fault = lambda asked: headed(ETag='"two"') if asked.has_etag else None
    assert pull(node, server, workers=1).said[-1]["failed"] == "changed"


def test_what_is_refused_comes_by_the_next_url(node: Node, server: RangeServer) -> None:
    late = SIZES["a.gguf"] // 2

    def expires(asked: Asked) -> Fault | None:
        old = asked.url == "first" and asked.first > late
        return status(403, EXPIRED) if old else None

    server.fault = expires
    run = Pull(node, server, workers=2)
    while run.hear():
        if run.said and (file := run.said[-1].get("renew")) is not None:
            run.say(urls={file: server.url(node.order.files[file].path, "second")})
    assert run.end() == 0
    assert node.is_whole()
    assert {"first", "second"} == {asked.url for asked in server.asked}


def test_a_server_that_nobody_listens_for_is_given_up_soon(node: Node, server: RangeServer) -> None:
    server.port = 1
    done = pull(node, server, patience_s=3600)
    assert done.said[-1]["failed"] == "way"
    assert done.said[-1]["why"] == "Connection refused"


def test_over_tls_only_a_server_with_a_certificate_of_the_authority_is_believed(
    node: Node, server: RangeServer, tmp_path: Path
) -> None:
    secure = FileServer({f"/{path}": content for path, content in node.files.items()})
    with serving_tls(secure, tmp_path) as certificate:
        urls = {file: secure.url(f"/{path}") for file, path in enumerate(SIZES)}
        stranger = pull(node, server, urls=urls, patience_s=3600)
        assert stranger.said[-1]["failed"] == "way"
        assert stranger.said[-1]["why"].startswith("TLS: ")
        assert secure.sent_bytes == 0
        pull(node, server, urls=urls, ca=certificate.read_text())
    assert node.is_whole()


def test_after_a_kill_only_what_lacked_comes(node: Node, server: RangeServer) -> None:
    dice = random.Random(11)  # noqa: S311
    kills, workers = 4, 2
    for _ in range(kills):
        run = Pull(node, server, workers=workers, rate=TOTAL / 8)
        for _ in range(dice.randrange(1, 6)):
            assert run.hear()
        children = Path(f"/proc/{run.process.pid}/task/{run.process.pid}/children").read_text()
        watched = [pidfd_open(int(child)) for child in children.split()]
        run.process.send_signal(signal.SIGKILL)
        run.process.wait()
        for child in watched:  # those that it started end too, none lands anything later
            assert select.select([child], [], [], 20)[0]
        run.end()
    lacked, before = node.missing_bytes, server.sent_bytes
    assert 0 < lacked < TOTAL
    pull(node, server, workers=workers)
    assert node.is_whole()
    assert server.sent_bytes - before == lacked


def test_it_ends_when_nobody_speaks_with_it_any_more(node: Node, server: RangeServer) -> None:
    server.fault = lambda _asked: cut(STALL, 0)
    run = Pull(node, server, timeout_s=3600)
    assert run.process.stdin is not None
    run.process.stdin.close()
    assert run.end() == 1


def test_it_is_no_faster_than_allowed_until_it_may_be(node: Node, server: RangeServer) -> None:
    run = Pull(node, server, rate=TOTAL / 20)
    begun = time.monotonic()
    while len(run.landed) < 8:
        assert run.hear()
    # Half a second's worth comes at once, as does the first beyond it; one of them is tiny.
    assert time.monotonic() - begun > 20 * 6 * PIECE / TOTAL - 0.6
    run.say(rate=None)
    assert run.end() == 0
    assert time.monotonic() - begun < 15


def test_a_full_disk_is_named_and_what_landed_stays(ext4: Path, server: RangeServer) -> None:
    node = Node(ext4, server.files)
    partial = Path(f"{node.order.folder}.partial")
    with (partial / "a.gguf").open("r+b") as file:  # room that another takes before it is used
        file.truncate(8 * PIECE)
        file.truncate(SIZES["a.gguf"])
    ballast = ext4 / "ballast"
    with ballast.open("wb", buffering=0) as taken, suppress(OSError):
        while True:
            taken.write(bytes(64 << 10))
    done = pull(node, server)
    assert f"{partial}: No space left on device" in done.stderr
    ballast.unlink()
    pull(node, server)
    assert node.is_whole()


@pytest.mark.parametrize("start", [b"", b"[]\n", b"no JSON\n", b'{"ca": "no PEM"}\n'], ids=repr)
def test_a_start_that_is_none_is_one_line_of_error(node: Node, start: bytes) -> None:
    done = subprocess.run(command(node), input=start, capture_output=True, cwd=ROOT)
    assert done.returncode == 1
    assert done.stderr.decode().count("\n") == 1
    assert b"expected" in done.stderr


def test_a_piece_lands_where_the_disk_takes_nothing_past_the_page_cache(node: Node) -> None:
    content = node.files["a.gguf"]
    odd = memoryview(b"-" + content[:PIECE])[1:]  # begins at no page, as if the disk refused it
    landing = Landing.open(node.order.folder, is_direct=True)
    assert landing.land(0, 0, odd)
    landing.close()
    assert Path(f"{node.order.folder}.partial/a.gguf").read_bytes()[:PIECE] == content[:PIECE]
