"""Ranges of a file by HTTP, read from the socket straight into memory of the caller's."""

from __future__ import annotations

import re
import socket
import ssl
import time
from collections.abc import Callable
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from urllib.parse import urlsplit

SLICE_BYTES = 256 << 10  # what is read between two looks at the clock and at the rate
SLICE_TIMEOUTS = 3  # a slice may take so many times as long as a silence
RETRY_AFTER_MAX_S = 60
_CONTENT_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+)")
_CODE = re.compile(rb"<Code>(\w{1,64})</Code>")  # of S3's error documents


class RangeError(Exception):
    """A range that did not come. What it says holds no URL: those are secrets."""


class AgainError(RangeError):
    """It may come when it is asked for again, not before `after_s`."""

    def __init__(self, why: str, after_s: float = 0) -> None:
        super().__init__(why)
        self.after_s = after_s


class UnreachedError(AgainError):
    """There was no connection at all."""


class RefusedError(RangeError):
    """The URL is not good, or not any more."""


class ChangedError(RangeError):
    """What is there is not what the URL was given out for."""


class NoWayError(RangeError):
    """It cannot come this way, however often it is asked for."""


class RangeConnection:
    """One connection to one server, opened when it is needed. `tls` verifies the server.

    Every method raises a RangeError; after one the connection is closed. `timeout_s` is how long
    the server may be silent.
    """

    def __init__(self, origin: str, tls: ssl.SSLContext, timeout_s: float) -> None:
        self.origin = origin
        parts = urlsplit(origin)
        host = parts.hostname or ""
        if parts.scheme == "https":
            self._http: HTTPConnection = HTTPSConnection(
                host, parts.port, timeout=timeout_s, context=tls
            )
        else:
            self._http = HTTPConnection(host, parts.port, timeout=timeout_s)
        self._timeout_s = timeout_s
        self._response: HTTPResponse | None = None
        self._socket: socket.socket | None = None
        self._held = b""

    def ask(self, target: str, start: int, size_bytes: int, file_bytes: int, etag: str) -> str:
        """Ask for bytes of a file that has `file_bytes`, and the `etag` where one is known.

        Its ETag now, "" where it has none that is strong; `fill` has the bytes.
        """
        if self._response is not None:
            self._response.close()
        if self._http.sock is None:
            self._connect()
        headers = {"Range": f"bytes={start}-{start + size_bytes - 1}", "Connection": "keep-alive"}
        if etag:
            headers["If-Match"] = etag
        try:
            self._http.request("GET", target, headers=headers)
            self._response = response = self._http.getresponse()
            found = response.getheader("ETag", "")
            _require(response, start, size_bytes, file_bytes)
            if etag and found != etag:
                raise ChangedError("expected the object that was there, got another")
            self._held = response.fp.read(len(response.fp.peek()))  # what came with the head
        except (OSError, HTTPException) as error:
            self.close()
            raise AgainError(_why(error)) from None
        except RangeError:
            self.close()
            raise
        return "" if found.startswith("W/") else found

    def fill(self, view: memoryview, take: Callable[[int], None]) -> None:
        """The next bytes of what was asked for. `take` is called before each slice is read."""
        try:
            for start in range(0, len(view), SLICE_BYTES):
                part = view[start : start + SLICE_BYTES]
                take(len(part))
                self._read(part)
        except OSError as error:
            self.close()
            raise AgainError(_why(error)) from None
        except RangeError:
            self.close()
            raise

    def close(self) -> None:
        """Give the connection back; the next `ask` opens another."""
        if self._response is not None:
            self._response.close()
        self._http.close()
        self._response = self._socket = None

    def _connect(self) -> None:
        try:
            self._http.connect()
        except ssl.SSLCertVerificationError as error:
            self.close()
            raise NoWayError(f"TLS: {error.verify_message}") from None
        except (OSError, HTTPException) as error:
            self.close()
            raise UnreachedError(_why(error)) from None
        self._socket = self._http.sock

    def _read(self, part: memoryview) -> None:
        """Past the response's own file: its layers cost a quarter of the CPU time over TLS."""
        if self._socket is None:
            raise ValueError("expected to be called after `ask`")
        ends_at = time.monotonic() + SLICE_TIMEOUTS * self._timeout_s
        filled = min(len(self._held), len(part))
        part[:filled] = self._held[:filled]
        self._held = self._held[filled:]
        while filled < len(part):
            count = self._socket.recv_into(part[filled:])
            if not count:
                raise AgainError("the answer was cut short")
            filled += count
            if time.monotonic() > ends_at:
                raise AgainError(f"{filled} bytes in {SLICE_TIMEOUTS * self._timeout_s:g} s")


def _require(response: HTTPResponse, start: int, size_bytes: int, file_bytes: int) -> None:
    status = response.status
    if status != 206:
        raise _refusal(response)
    content_range = response.getheader("Content-Range", "none")
    found = _CONTENT_RANGE.fullmatch(content_range)
    first, last, total = (int(each) for each in found.groups()) if found else (-1, -1, file_bytes)
    if total != file_bytes:
        raise ChangedError(f"expected {file_bytes} bytes, found {total}")
    if (first, last) != (start, start + size_bytes - 1) or response.length != size_bytes:
        raise AgainError(f"expected {size_bytes} bytes from {start}, got {content_range[:80]}")


def _refusal(response: HTTPResponse) -> RangeError:
    status = response.status
    code = _CODE.search(b"" if status == 200 else response.read(4096))
    said = f"HTTP {status}" + (f" {code[1].decode()}" if code else "")
    if status in (408, 429) or status >= 500:
        after = response.getheader("Retry-After", "")
        return AgainError(said, min(int(after), RETRY_AFTER_MAX_S) if after.isdecimal() else 0)
    if status in (400, 401, 403):
        return RefusedError(said)
    if status in (404, 410, 412, 416):
        return ChangedError(f"expected the object that was there, got {said}")
    if status == 200:
        return NoWayError("expected a range, got the whole file: the server serves no ranges")
    return NoWayError(f"expected a range, got {said}")


def _why(error: Exception) -> str:
    """Of what http.client raises the class alone: its messages may quote the URL."""
    if isinstance(error, OSError) and (error.strerror or isinstance(error, socket.timeout)):
        return error.strerror or "nothing came for too long"
    return type(error).__name__
