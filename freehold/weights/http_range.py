"""One ranged GET, its answer checked as far as its headers go."""

from __future__ import annotations

import contextlib
import http.client
import re
import ssl
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from email.message import Message
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from freehold.gguf.http import Redirects
from freehold.weights.retry import FailedError, asked_wait_s

_RANGE = re.compile(r"bytes (\d{1,18})-(\d{1,18})/(\d{1,18})")
_FOR_NOW = frozenset({408, 425, 429, 500, 502, 503, 504})  # RFC 9110, RFC 6585, RFC 8470
_DENIED = (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN)


@dataclass(frozen=True)
class Answer:
    """`offset` is where its body begins in a file of `total_bytes`, None where it does not say.

    `version` is the ETag, else the Last-Modified, else "".
    """

    body: http.client.HTTPResponse
    offset: int
    total_bytes: int | None
    version: str


@contextlib.contextmanager
def ranged(
    url: str,
    place: str,
    headers: Mapping[str, str],
    span: tuple[int, int],
    timeout_s: float,
    version: str = "",
) -> Iterator[Answer]:
    """The answer about the bytes from `span[0]` up to and with `span[1]`.

    TLS is verified; redirects never lead from https to http, and `headers` go along to the same
    server only. `version` is sent as If-Range where HTTP lets it: a server whose file is another
    then answers from the file's begin. Raises FailedError, FreeholdError for a redirect.
    """
    request = _request(url, headers, span, version)
    opener = urllib.request.build_opener(Redirects(place))
    try:
        response = opener.open(request, timeout=timeout_s)
    except urllib.error.HTTPError as error:
        with error:
            raise _refused(error) from None
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise _unanswered(error) from None
    with response:
        yield _answer(response)


def _request(
    url: str, headers: Mapping[str, str], span: tuple[int, int], version: str
) -> urllib.request.Request:
    try:
        request = urllib.request.Request(quote(url, safe="/%:@?&=+,;~!$'()*[]#"))  # noqa: S310
    except ValueError:
        raise FailedError("no URL", is_final=True) from None
    # No coding: a length must be the file's own.
    mine = {"Range": f"bytes={span[0]}-{span[1]}", "Accept-Encoding": "identity"}
    if version and not version.startswith("W/"):  # a weak one may not be sent: RFC 9110, 13.1.5
        mine["If-Range"] = version
    for name, value in {"User-Agent": "freehold", **mine}.items():
        request.add_header(name, value)
    for name, value in headers.items():
        request.add_unredirected_header(name.title(), value)
    return request


def _answer(response: Any) -> Answer:
    headers: Message = response.headers
    coding = headers.get("Content-Encoding", "identity")
    if coding != "identity":
        raise FailedError(f"the file in the coding {coding!a}")
    version = headers.get("ETag") or headers.get("Last-Modified") or ""
    if response.status == HTTPStatus.PARTIAL_CONTENT:
        found = _RANGE.fullmatch(headers.get("Content-Range", ""))
        if found is None:
            raise FailedError(f"Content-Range {headers.get('Content-Range')!a}")
        return Answer(response, int(found[1]), int(found[3]), version)
    if response.status != HTTPStatus.OK:
        raise FailedError(f"HTTP {response.status}")
    length = headers.get("Content-Length", "")
    return Answer(response, 0, int(length) if length.isdecimal() else None, version)


def _refused(error: urllib.error.HTTPError) -> FailedError:
    phrase = {status.value: status.phrase for status in HTTPStatus}.get(error.code, "")
    hint = None
    if error.code in _DENIED:
        hint = "it takes a token that may read the file, or the link is one that has expired"
    return FailedError(
        f"HTTP {error.code} {phrase}".strip(),
        hint,
        is_final=error.code not in _FOR_NOW,
        asked_s=asked_wait_s(error.headers) if error.code in _FOR_NOW else None,
    )


def _unanswered(error: Exception) -> FailedError:
    reason = getattr(error, "reason", error)
    if isinstance(reason, TimeoutError):
        return FailedError("no answer in time")
    is_final = isinstance(reason, ssl.SSLCertVerificationError)
    # A server's own words, which may be anything.
    return FailedError(ascii(str(reason) or type(reason).__name__)[1:-1], is_final=is_final)
