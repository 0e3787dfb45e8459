"""A file behind a URL, read by ranged GETs."""

from __future__ import annotations

import re
import urllib.error
import urllib.request
from email.message import Message
from http import HTTPStatus
from http.client import HTTPException, HTTPMessage
from typing import IO, Any
from urllib.parse import quote, urlsplit

from freehold.gguf.error import GgufError

TIMEOUT_S = 30  # without a byte
_ATTEMPTS = 3  # at what a connection that ended early left out
_PIECE_BYTES = 256 << 10
_RANGE = re.compile(r"bytes (?:(\d+)-\d+|\*)/(\d+|\*)")


class HttpSource:
    """`token` is sent as a bearer token to the URL's own server, and to no other.

    Proxies are the environment's (https_proxy, no_proxy). A server that does not know ranges
    sends the file from its begin each time; only as much of it is taken as is needed.
    """

    def __init__(self, url: str, token: str | None = None) -> None:
        self.place = shown(url)
        self._url = quote(url, safe="/%:@?&=+,;~!$'()*[]#")
        self._opener = urllib.request.build_opener(Redirects(self.place))
        self._token, self._origin = token, _origin(url)
        self._size: int | None = None

    def size_bytes(self) -> int | None:
        """See ByteSource.size_bytes."""
        return self._size

    def read(self, offset: int, count: int) -> bytes:
        """See ByteSource.read."""
        data = bytearray()
        for _ in range(_ATTEMPTS):
            piece = self._get(offset + len(data), count - len(data))
            data += piece
            wanted = count if self._size is None else max(0, min(count, self._size - offset))
            if len(data) >= wanted or (self._size is None and not piece):
                return bytes(data)
        raise self._wrong(f"{wanted} bytes from byte {offset}", f"{len(data)}: cut off each time")

    def _get(self, offset: int, count: int) -> bytes:
        headers = {"Range": f"bytes={offset}-{offset + count - 1}", "User-Agent": "freehold"}
        try:
            request = urllib.request.Request(self._url, headers=headers)  # noqa: S310 - see folder
            if self._token is not None and _origin(self._url) == self._origin:
                request.add_unredirected_header("Authorization", f"Bearer {self._token}")
            with self._opener.open(request, timeout=TIMEOUT_S) as response:
                self._url = response.url  # the redirects are followed once
                skip = offset if response.status == HTTPStatus.OK else 0
                self._note_size(response.status, response.headers, offset)
                return _body(response, skip + count)[skip:]
        except urllib.error.HTTPError as error:
            with error:
                return self._refused(error, offset)
        except (OSError, HTTPException, ValueError) as error:
            why = f"{getattr(error, 'reason', None) or error}"
            # A server's own words, which may be anything.
            raise self._wrong("an answer", ascii(why)[1:-1]) from None

    def _refused(self, error: urllib.error.HTTPError, offset: int) -> bytes:
        if error.code == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            self._note_size(error.code, error.headers, offset)
            return b""
        phrase = {status.value: status.phrase for status in HTTPStatus}.get(error.code, "")
        hint = None
        if error.code in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
            hint = "it takes a token that may read the file, or the link is one that has expired"
        raise self._wrong("the file", f"HTTP {error.code} {phrase}".strip(), hint)

    def _note_size(self, status: int, headers: Message, offset: int) -> None:
        """Remember what the answer says of the file's whole size."""
        if status == HTTPStatus.OK:
            size = headers.get("Content-Length", "*")
        else:
            found = _RANGE.fullmatch(headers.get("Content-Range", ""))
            begin, size = found.groups() if found else (None, "*")
            if status == HTTPStatus.PARTIAL_CONTENT and begin != str(offset):
                raise self._wrong(f"a range from byte {offset}", f"one from {begin}")
        if not size.isdecimal():
            return
        if self._size not in (None, int(size)):
            raise self._wrong(f"a file of {self._size} bytes", f"{size}: it changed meanwhile")
        self._size = int(size)

    def _wrong(self, expected: str, found: str, hint: str | None = None) -> GgufError:
        return GgufError.of(self.place, f"expected {expected}, got {found}", hint)


class Redirects(urllib.request.HTTPRedirectHandler):
    """Follows redirects over HTTP(S), never from https to what anyone may listen to."""

    def __init__(self, place: str) -> None:
        self._place = place

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: HTTPMessage,
        newurl: str,
    ) -> urllib.request.Request | None:
        """Its own, but an `Authorization` goes along to the same server, and only there."""
        allowed = {"https"} if urlsplit(req.full_url).scheme == "https" else {"http", "https"}
        if urlsplit(newurl).scheme not in allowed:
            words = f"expected a redirect to https, got one to {shown(newurl)}"
            raise GgufError.of(self._place, words)
        request = super().redirect_request(req, fp, code, msg, headers, newurl)
        token = req.unredirected_hdrs.get("Authorization")
        if request is not None and token and _origin(newurl) == _origin(req.full_url):
            request.add_unredirected_header("Authorization", token)
        return request


def shown(url: str) -> str:
    """The URL without its user, password, query and fragment, which may hold secrets."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def sibling(url: str, name: str) -> str:
    """The URL of another file in the same folder, with the same query."""
    parts = urlsplit(url)
    folder = parts.path.rpartition("/")[0]
    return parts._replace(path=f"{folder}/{quote(name)}").geturl()


def _origin(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return parts.scheme, parts.netloc


def _body(response: Any, count: int) -> bytes:
    """Up to `count` bytes; what came before a connection broke is kept."""
    data = bytearray()
    try:
        while len(data) < count:
            piece = response.read(min(_PIECE_BYTES, count - len(data)))
            if not piece:
                break
            data += piece
    except (OSError, HTTPException):
        return bytes(data)
    return bytes(data)
