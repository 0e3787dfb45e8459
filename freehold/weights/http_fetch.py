"""A file by ranged GETs into a partial file, from where that ends."""

from __future__ import annotations

from collections.abc import Callable
from http.client import HTTPException

from freehold.weights.http_range import Answer, ranged
from freehold.weights.origin import RemoteFile
from freehold.weights.partial import Partial
from freehold.weights.retry import FailedError, Patience, persist

# Of one request: far below the 50 GB that the hub gives out in one answer (MAX_HTTP_DOWNLOAD_SIZE
# in huggingface_hub/constants.py), and a link that expires is asked for again each time.
REQUEST_BYTES = 4 << 30
READ_BYTES = 1 << 20


def download(
    remote: RemoteFile,
    partial: Partial,
    patience: Patience,
    pause: Callable[[float], object],
    request_bytes: int = REQUEST_BYTES,
) -> None:
    """Append what `partial` lacks; its hash is for the caller to compare.

    A file of which two answers cannot be told to be of one version is begun anew after each that
    broke off. Raises FailedError when patience ends, or at once where the server's file is not
    the one that was pinned; FetchError where the disk refuses.
    """

    furthest = partial.size_bytes

    def attempt() -> None:
        nonlocal furthest
        if partial.size_bytes and not remote.is_pinned:
            partial.begin_anew()
        try:
            while partial.size_bytes < remote.size_bytes:
                _take(remote, partial, patience.timeout_s, request_bytes)
        except FailedError as failed:
            failed.brought_bytes = max(partial.size_bytes - furthest, 0)
            furthest = max(partial.size_bytes, furthest)
            raise

    persist(attempt, patience, pause)


def _take(remote: RemoteFile, partial: Partial, timeout_s: float, request_bytes: int) -> None:
    """What one request brings."""
    begin = partial.size_bytes
    end = min(begin + request_bytes, remote.size_bytes) if remote.is_pinned else remote.size_bytes
    span = (begin, end - 1)
    version = remote.version
    with ranged(
        remote.url, remote.place, remote.headers, span, timeout_s, version if begin else ""
    ) as answer:
        _require_same(remote, answer)
        if answer.offset != begin:
            if answer.offset:
                raise FailedError(f"a range from byte {answer.offset}, not from {begin}")
            partial.begin_anew()  # the server knows no ranges
            begin, end = 0, remote.size_bytes
        _append(answer, partial, end - begin)


def _require_same(remote: RemoteFile, answer: Answer) -> None:
    if remote.version and answer.version != remote.version:
        words = "another version of the file: it changed on the server meanwhile"
        raise FailedError(words, "fetch it again, all of the new version", is_final=True)
    if answer.total_bytes not in (None, remote.size_bytes):
        raise FailedError(f"a file of {answer.total_bytes} bytes, not of {remote.size_bytes}")


def _append(answer: Answer, partial: Partial, wanted_bytes: int) -> None:
    left = wanted_bytes
    while left:
        try:
            data = answer.body.read1(min(READ_BYTES, left))
        except TimeoutError:
            raise FailedError("no byte in time") from None
        except (OSError, HTTPException) as error:
            raise FailedError(ascii(str(error) or type(error).__name__)[1:-1]) from None
        if not data:
            raise FailedError(f"an answer that ended {left} bytes early")
        partial.append(data)
        left -= len(data)
