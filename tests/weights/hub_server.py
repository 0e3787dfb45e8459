"""A server that speaks enough of the hub's protocol, keeps account, and fails where it is told to.

A repository's files lie behind `resolve`, which redirects to `/cdn/SHA256`; `files` are plain ones
beside it, with an ETag.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

COMMIT, NEXT_COMMIT = "a1" * 20, "b2" * 20
RESET_AT_CLOSE = struct.pack("ii", 1, 0)  # SO_LINGER: no orderly end


@dataclass(frozen=True)
class Fault:
    """What goes wrong with one answer: at its very begin by `status`, else after `after_bytes`.

    `how` is cut (an orderly end), reset, stall (until the other side goes), flip (one bit).
    """

    how: str = "status"
    after_bytes: int = 0
    status: int = 503
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class HubServer:
    """`commits` are the files of each, `branch` is where `main` is. `faults` are used up by the
    next answers about a path of `resolve`, of `files`, or "api"; the last one stays if `for_ever`.
    """

    repo: str = "owner/model"
    commits: dict[str, dict[str, bytes]] = field(default_factory=dict)
    branch: str = COMMIT
    card: dict[str, str] = field(default_factory=lambda: {"license": "mit"})
    declared: dict[str, str | None] = field(default_factory=dict)  # another SHA-256 of a path
    files: dict[str, bytes] = field(default_factory=dict)
    etags: dict[str, str | None] = field(default_factory=dict)
    replaced: dict[str, bytes] = field(default_factory=dict)  # what a path's URL gives instead
    token: str | None = None
    location: str | None = None  # of the CDN, where it is another server
    knows_ranges: bool = True
    faults: dict[str, list[Fault]] = field(default_factory=dict)
    for_ever: bool = False
    on_request: Callable[[str], None] = lambda _path: None
    requests: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)
    sent: dict[str, int] = field(default_factory=dict)
    stalled: threading.Event = field(default_factory=threading.Event)
    port: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def sent_bytes(self) -> int:
        """Of all bodies of files."""
        return sum(self.sent.values())

    def asked(self, part: str) -> list[str]:
        """The Range of each GET of a path that has this part."""
        return [
            h.get("Range", "") for verb, path, h in self.requests if verb == "GET" and part in path
        ]


@contextmanager
def serving(server: HubServer) -> Iterator[HubServer]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            _Answer(server, self).give()

        def do_HEAD(self) -> None:
            _Answer(server, self).give()

        def log_message(self, *_: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        http.daemon_threads = True
        server.port = http.server_address[1]
        thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            http.shutdown()
            thread.join()


class _Answer:
    def __init__(self, server: HubServer, request: BaseHTTPRequestHandler) -> None:
        self.server, self.request = server, request
        self.path = unquote(urlsplit(request.path).path)

    def give(self) -> None:
        headers = dict(self.request.headers)
        self.server.requests.append((self.request.command, self.request.path, headers))
        self.server.on_request(self.path)
        base = f"/{self.server.repo}/resolve/"
        if self.path.startswith(("/api/", base)) and not self._is_allowed(headers):
            self._refuse(401, {"X-Error-Code": "RepoNotFound"})
        elif self.path.startswith("/api/models/"):
            self._describe(self.path.removeprefix("/api/models/"))
        elif self.path.startswith(base):
            self._redirect(*self.path.removeprefix(base).split("/", 1))
        elif found := re.fullmatch("/cdn/([0-9a-f]{64})/(.*)", self.path):
            self._send(found[2], self._content(*found.groups()), None)
        elif self.path in self.server.files:
            content = self.server.files[self.path]
            self._send(self.path, content, self.server.etags.get(self.path, f'"{sha256(content)}"'))
        else:
            self._refuse(404)

    def _content(self, wanted: str, path: str) -> bytes:
        there = [files[path] for files in self.server.commits.values() if path in files]
        (content,) = {file for file in there if sha256(file) == wanted}
        return self.server.replaced.get(path, content)

    def _is_allowed(self, headers: dict[str, str]) -> bool:
        lower = {name.lower(): value for name, value in headers.items()}
        token = self.server.token
        return token is None or lower.get("authorization") == f"Bearer {token}"

    def _commit(self, revision: str) -> str | None:
        commit = self.server.branch if revision == "main" else revision
        return commit if commit in self.server.commits else None

    def _describe(self, rest: str) -> None:
        if fault := self._fault("api"):
            return self._refuse(fault.status, fault.headers)
        repo, _, revision = rest.partition("/revision/")
        commit = self._commit(revision or "main")
        if repo != self.server.repo:
            return self._refuse(404, {"X-Error-Code": "RepoNotFound"})
        if commit is None:
            return self._refuse(404, {"X-Error-Code": "RevisionNotFound"})
        siblings = []
        for path, content in self.server.commits[commit].items():
            known = self.server.declared.get(path, sha256(content))
            lfs = {"size": len(content), "sha256": known, "pointerSize": 135}
            about = {"rfilename": path, "size": len(content), "blobId": "c" * 40}
            siblings.append({**about, "lfs": lfs} if known else about)
        said = {"id": repo, "sha": commit, "cardData": self.server.card, "siblings": siblings}
        body = json.dumps(said).encode()
        self._begin(200, {"Content-Type": "application/json", "Content-Length": str(len(body))})
        self.request.wfile.write(body)
        return None

    def _redirect(self, revision: str, path: str) -> None:
        commit = self._commit(revision)
        content = self.server.commits.get(commit or "", {}).get(path)
        if content is None:
            return self._refuse(404, {"X-Error-Code": "EntryNotFound"})
        sha = sha256(content)
        headers = {"X-Repo-Commit": str(commit), "X-Linked-Etag": f'"{sha}"', "ETag": f'"{sha}"'}
        headers |= {"X-Linked-Size": str(len(content)), "Content-Length": "0"}
        location = f"{self.server.location or self.server.url}/cdn/{sha}/{path}?signed=1"
        self._begin(302, {**headers, "Location": location})
        return None

    def _fault(self, name: str) -> Fault | None:
        waiting = self.server.faults.get(name, [])
        if not waiting:
            return None
        return waiting[0] if self.server.for_ever and len(waiting) == 1 else waiting.pop(0)

    def _send(self, name: str, content: bytes, etag: str | None) -> None:
        fault = self._fault(name) if self.request.command == "GET" else None
        if fault and fault.how == "status":
            return self._refuse(fault.status, fault.headers)
        first, last = 0, len(content) - 1
        headers = {"ETag": etag} if etag else {}
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.request.headers.get("Range", ""))
        same = self.request.headers.get("If-Range", etag) == etag
        status = 200
        if asked and self.server.knows_ranges and same:
            first, last = int(asked[1]), min(int(asked[2] or last), last)
            if first > last:
                return self._refuse(416, {"Content-Range": f"bytes */{len(content)}"})
            status, headers["Content-Range"] = 206, f"bytes {first}-{last}/{len(content)}"
        body = bytearray(content[first : last + 1])
        self._begin(status, {**headers, "Content-Length": str(len(body))})
        if self.request.command == "GET":
            self._body(name, body, fault)
        return None

    def _body(self, name: str, body: bytearray, fault: Fault | None) -> None:
        if fault and fault.how == "flip":
            body[fault.after_bytes] ^= 1
            fault = None
        sent = bytes(body[: fault.after_bytes] if fault else body)
        try:
            self.request.wfile.write(sent)
        except OSError:  # whoever asked is gone
            return
        self.server.sent[name] = self.server.sent.get(name, 0) + len(sent)
        if fault and fault.how == "stall":
            self.server.stalled.set()
            self.request.rfile.read(1)
        elif fault and fault.how == "reset":
            connection = self.request.connection
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_AT_CLOSE)
            os.close(connection.detach())

    def _begin(self, status: int, headers: dict[str, str]) -> None:
        self.request.send_response(status)
        for name, value in headers.items():
            self.request.send_header(name, value)
        self.request.end_headers()

    def _refuse(self, status: int, headers: dict[str, str] | None = None) -> None:
        self._begin(status, {**(headers or {}), "Content-Length": "0"})


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
