"""The swarm's program by itself: two of it on this machine, which speak with each other by TLS."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import random
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import libtorrent
import pytest

from freehold.agent.begin import begin
from freehold.agent.frames import HEAD, NEWS, PIECE
from freehold.agent.merkle import PIECE_BYTES_MIN, TreeBuilder, layer_root
from freehold.agent.order import Order, OrderedFile
from freehold.agent.staging import Staging
from freehold.agent.swarm_port import addresses
from freehold.agent.swarm_tool import python_tag
from freehold.agent.swarm_torrent import PieceNumbers, torrent_of
from freehold.apply.authority import Authority
from freehold.weights.tools import wheels
from tests.apply.fanning import cached_wheels

PIECE_BYTES = PIECE_BYTES_MIN
TIMEOUT_S = 60
ROOT = Path(__file__).parents[2]
FILES = {"q/a.gguf": 3 * PIECE_BYTES + 5, "q/b.gguf": 2 * PIECE_BYTES, "readme": 77}


def order_in(folder: Path, contents: dict[str, bytes]) -> Order:
    files, layers = [], b""
    for path, content in contents.items():
        tree = TreeBuilder(len(content))
        tree.update(content)
        layer = tree.finish()
        root = layer_root(layer, PIECE_BYTES, len(content)).hex()
        sha256 = hashlib.sha256(content).hexdigest()
        files.append(OrderedFile(path, len(content), sha256, root, False))
        layers += layer
    return Order(f"{folder}/weights/m-1", "0" * 64, PIECE_BYTES, tuple(files), layers)


class Node:
    """The program, begun as on a node."""

    def __init__(self, folder: Path, contents: dict[str, bytes]) -> None:
        self.contents, self.tools = contents, folder / "tools"
        self.tools.mkdir(parents=True)
        self.order = order_in(folder, contents)
        begin(self.order, lambda _size: None).close()
        self.heard: list[str] = []
        self.begin()

    def begin(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", START, "swarm", self.order.folder, str(self.tools)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=ROOT,
        )
        # What waits for a line that never comes is told so by its end.
        self.timer = threading.Timer(TIMEOUT_S, self.process.kill)
        self.timer.start()
        self.known = self.said()

    def said(self) -> dict[str, Any]:
        answer: dict[str, Any] = json.loads(self.line())
        return answer

    def line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().decode()

    def write(self, data: bytes) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(data)
        self.process.stdin.flush()

    def start(self, ca: Authority, of: Authority | None = None, wheel: bytes = b"") -> Any:
        own = (of or ca).certificate("node")
        head = {"tool": WHEEL.sha256, "tool_bytes": len(wheel), "ca": ca.pem}
        head |= {"cert": own.certificate, "key": own.key}
        self.write(json.dumps(head).encode() + b"\n" + wheel)
        return self.said()

    def send(self, file: int, piece: int, data: bytes | None = None) -> None:
        if data is None:
            content = self.contents[self.order.files[file].path]
            data = content[piece * PIECE_BYTES :][:PIECE_BYTES]
        self.write(HEAD.pack(PIECE, file, piece, len(data)) + data)

    def meet(self, port: int) -> None:
        news = json.dumps({"peers": [[[address, port] for address in addresses()]]}).encode()
        self.write(HEAD.pack(NEWS, 0, 0, len(news)) + news)

    def hear(self, is_enough: Callable[[list[str]], bool]) -> list[str]:
        """The answers to pieces until it is enough, in order."""
        while not is_enough(self.heard):
            line = self.line().strip()
            assert line, "it ended"
            if not line.startswith("{"):
                self.heard.append(line)
        return self.heard

    def end(self) -> None:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.close()
        self.process.stdout.read()
        assert self.process.wait() == 0
        self.timer.cancel()


START = "import sys; from freehold.agent.main import main; raise SystemExit(main(sys.argv[1:]))"
WHEEL = next(w for w in wheels() if w.fits(python_tag(), platform.machine()))


@pytest.fixture(scope="module")
def wheel() -> bytes:
    return (cached_wheels() / WHEEL.name).read_bytes()


@pytest.fixture
def contents() -> dict[str, bytes]:
    return {path: os.urandom(size) for path, size in FILES.items()}


@pytest.fixture
def nodes(tmp_path: Path, contents: dict[str, bytes]) -> Iterator[list[Node]]:
    if not addresses():
        pytest.skip("this machine has no address but loopback")
    two = [Node(tmp_path / name, contents) for name in ("one", "two")]
    yield two
    for node in two:
        node.timer.cancel()
        with node.process as process:
            process.kill()


def test_two_nodes_give_each_other_what_each_was_sent(nodes: list[Node], wheel: bytes) -> None:
    authority = Authority()
    assert nodes[0].known["tools"] == []
    ports = [node.start(authority, wheel=wheel)["listening"] for node in nodes]
    nodes[0].meet(ports[1])
    nodes[1].meet(ports[0])
    halves = [[(0, 0), (0, 2), (2, 0)], [(0, 1), (0, 3), (1, 0), (1, 1)]]
    for node, half in zip(nodes, halves, strict=True):
        for piece in half:
            node.send(*piece)
    for node, half in zip(nodes, halves, strict=True):
        heard = node.hear(lambda lines: len(lines) == 7)
        sent = {f"+{file} {piece}" for file, piece in half}
        assert sent == {line for line in heard if line.startswith("+")}
        assert {line[1:] for line in heard} == {f"{f} {p}" for each in halves for f, p in each}
    for node in nodes:
        node.end()
        staging = Staging.open(node.order.folder)
        assert list(staging.missing()) == []
        for file, path in enumerate(FILES):
            assert staging.path(file).read_bytes() == node.contents[path]


def test_a_certificate_of_another_authority_gets_nothing(nodes: list[Node], wheel: bytes) -> None:
    authority = Authority()
    port = nodes[0].start(authority, wheel=wheel)["listening"]
    stranger = nodes[1].start(authority, Authority(), wheel=wheel)["listening"]
    nodes[0].send(0, 0)
    nodes[0].hear(lambda lines: lines == ["+0 0"])
    nodes[0].meet(stranger)
    nodes[1].meet(port)
    # It answers in the order that it works in: what it could get it has got by then.
    for piece in (0, 1):
        nodes[1].send(1, piece)
        nodes[0].send(1, piece)
    nodes[1].hear(lambda lines: len(lines) == 2)
    for node in nodes:
        node.end()
    assert nodes[1].heard == ["+1 0", "+1 1"]
    assert (0, 0, 4) in list(Staging.open(nodes[1].order.folder).missing())


def test_a_piece_that_is_not_what_it_should_be_is_refused(nodes: list[Node], wheel: bytes) -> None:
    node = nodes[0]
    node.start(Authority(), wheel=wheel)
    node.send(0, 0, bytes(PIECE_BYTES))
    node.send(0, 3, b"short")
    node.send(0, 3)
    assert node.hear(lambda lines: len(lines) == 3) == ["-0 0", "-0 3", "+0 3"]
    node.send(0, 3)
    assert node.hear(lambda lines: len(lines) == 4)[3] == "+0 3"
    node.end()
    assert list(Staging.open(node.order.folder).missing()) == [(0, 0, 3), (1, 0, 2), (2, 0, 1)]


def test_a_piece_of_no_file_ends_it_with_an_error(nodes: list[Node], wheel: bytes) -> None:
    node = nodes[0]
    node.start(Authority(), wheel=wheel)
    node.send(9, 0, b"x")
    assert node.process.wait() == 1


def test_a_wheel_that_was_changed_on_its_way_is_not_kept(nodes: list[Node], wheel: bytes) -> None:
    wrong = wheel[:-1] + b"x"
    assert "not the one that was announced" in nodes[0].start(Authority(), wheel=wrong)["cannot"]
    assert list(nodes[0].tools.iterdir()) == []


def test_a_wheel_is_sent_to_a_node_once(nodes: list[Node], wheel: bytes, tmp_path: Path) -> None:
    nodes[0].start(Authority(), wheel=wheel)
    nodes[0].end()
    assert [path.name for path in nodes[0].tools.iterdir()] == [f"libtorrent-{WHEEL.sha256}"]
    nodes[0].begin()
    assert nodes[0].known["tools"] == [f"libtorrent-{WHEEL.sha256}"]
    assert nodes[0].start(Authority())["listening"]
    nodes[0].end()


@pytest.mark.filterwarnings("ignore:files:DeprecationWarning")
@pytest.mark.parametrize("seed", range(20))
def test_pieces_are_numbered_as_libtorrent_numbers_them(seed: int, tmp_path: Path) -> None:
    draw = random.Random(seed)  # noqa: S311 - a case, not a key
    names = [
        f"{draw.choice(['', 'a/', 'a-b/', 'A/b/', 'z/'])}{draw.choice('abzAZ_.+-019')[:1]}{i}x"
        for i in range(draw.randint(1, 12))
    ]
    paths = {name for name in names if not name.rpartition("/")[2].startswith(".")}
    sizes = (0, 1, 16384, PIECE_BYTES, PIECE_BYTES + 1)
    contents = {path: draw.randbytes(draw.choice(sizes)) for path in paths} or {"x": b"x"}
    order = order_in(tmp_path, contents)
    numbers = PieceNumbers.of(order)
    info = libtorrent.torrent_info(torrent_of(order, "PEM"))
    assert info.num_pieces() == numbers.count
    files = info.files()
    found = {}
    for index in range(files.num_files()):
        if files.file_size(index) and "/.pad/" not in files.file_path(index):
            path = files.file_path(index).removeprefix("m-1.partial/")
            found[path] = files.file_offset(index) // PIECE_BYTES
    own = [file for index, file in enumerate(order.files) if order.twin(index) == index]
    assert found == {
        file.path: numbers.first(order.files.index(file)) for file in own if file.size_bytes
    }
