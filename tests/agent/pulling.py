"""A pull into a folder of this machine, as it runs on a node: a process that is spoken with."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from freehold.agent.begin import begin
from freehold.agent.merkle import hash_piece, layer_root
from freehold.agent.order import Order, OrderedFile
from freehold.agent.staging import Staging
from tests.agent.range_server import SECRET, RangeServer

PIECE = 64 << 10
SIZES = {"a.gguf": 40 * PIECE + 77, "b/c.gguf": 9 * PIECE, "d": 5, "e": 0}
START = "from freehold.agent.main import main; raise SystemExit(main(['pull', {!r}]))"
ROOT = Path(__file__).parents[2]


def contents() -> dict[str, bytes]:
    return {path: os.urandom(size) for path, size in SIZES.items()}


def order_of(folder: Path, files: Mapping[str, bytes]) -> Order:
    """Of pieces shorter than any real one, so that small files have many."""
    ordered, layers = [], b""
    for path, content in files.items():
        starts = range(0, len(content), PIECE)
        layer = b"".join(hash_piece(content[i : i + PIECE], PIECE, len(content)) for i in starts)
        layers += layer
        root = layer_root(layer, PIECE, len(content)).hex()
        sha256 = hashlib.sha256(content).hexdigest()
        ordered.append(OrderedFile(path, len(content), sha256, root, executable=False))
    return Order(str(folder), "d" * 64, PIECE, tuple(ordered), layers)


@dataclass
class Node:
    """A folder that a set of `files` is on its way to."""

    folder: Path
    files: dict[str, bytes]
    order: Order = field(init=False)

    def __post_init__(self) -> None:
        self.order = order_of(self.folder / "set", self.files)
        begin(self.order, lambda _size: None).close()

    @property
    def missing_bytes(self) -> int:
        staging = Staging.open(self.order.folder)
        runs = list(staging.missing())
        staging.close()
        sizes = (
            self.order.piece_size(f, p) for f, first, n in runs for p in range(first, first + n)
        )
        return sum(sizes)

    def is_whole(self) -> bool:
        """Whether the bytes are those of the files: not asked of the journal."""
        partial = Path(f"{self.order.folder}.partial")
        return all((partial / path).read_bytes() == self.files[path] for path in self.files)


def command(node: Node) -> list[str]:
    return [sys.executable, "-c", START.format(node.order.folder)]


class Pull:
    """The process. What it says is kept; none of it may hold a URL's signature."""

    def __init__(self, node: Node, server: RangeServer, **options: object) -> None:
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(
            command(node), stdin=pipe, stdout=pipe, stderr=pipe, cwd=ROOT
        )
        self.landed: list[tuple[int, int]] = []
        self.wrong: list[tuple[int, int]] = []
        self.said: list[dict[str, Any]] = []
        self.stderr = ""
        urls = {i: server.url(file.path) for i, file in enumerate(node.order.files)}
        hasty = {"timeout_s": 0.3, "patience_s": 0}
        self.say(**{"urls": urls, **hasty, **options})

    def say(self, **line: object) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(line).encode() + b"\n")
        self.process.stdin.flush()

    def hear(self) -> str:
        """The next line, "" at the end."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline().decode()
        assert SECRET not in line
        if line.startswith("{"):
            self.said.append(json.loads(line))
        elif line:
            file, piece = (int(word) for word in line[1:].split())
            (self.landed if line[0] == "+" else self.wrong).append((file, piece))
        return line

    def end(self) -> int:
        """Hear the rest; the exit status."""
        while self.hear():
            pass
        assert self.process.stderr is not None
        self.stderr = self.process.stderr.read().decode()
        assert SECRET not in self.stderr
        assert "Traceback" not in self.stderr
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            assert stream is not None
            stream.close()
        return self.process.wait()


def pull(node: Node, server: RangeServer, **options: object) -> Pull:
    """One that came to its end."""
    done = Pull(node, server, **options)
    status = done.end()
    assert status == (0 if done.said and done.said[-1] == {"done": True} else 1)
    return done
