"""A store's objects in an S3 bucket: AWS's, or of any server that speaks its protocol."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from freehold.weights.objects import CHUNK_BYTES, Listed, StoreError, TakenError, require_name
from freehold.weights.s3_upload import SHA256, upload

ATTEMPTS = 5  # in a row that bring no byte; botocore has tried each request three times then
_ABSENT = {"404", "NoSuchKey", "NotFound"}
_TAKEN = {"PreconditionFailed", "ConditionalRequestConflict", "412", "409"}
_HINT = "credentials, region and endpoint come from the environment and ~/.aws, as for aws"


class S3Objects:
    """`client` is of `bucket_client`; `prefix` is "" or has no slash at either end."""

    def __init__(self, client: Any, bucket: str, prefix: str) -> None:
        self._client, self._bucket = client, bucket
        self._prefix = f"{prefix}/" if prefix else ""
        self.place = f"s3://{bucket}/{prefix}".rstrip("/")

    def require_bucket(self) -> None:
        """Raises StoreError where there is none, or none for us."""
        with self._told(""):
            self._client.head_bucket(Bucket=self._bucket)

    def names(self, prefix: str) -> list[str]:
        """See Objects.names."""
        return [each.name for each in self.listed(prefix)]

    def listed(self, prefix: str) -> list[Listed]:
        """See Objects.listed."""
        found = []
        with self._told(prefix):
            pages = self._client.get_paginator("list_objects_v2").paginate(
                Bucket=self._bucket, Prefix=self._prefix + prefix
            )
            for page in pages:
                now = parsedate_to_datetime(page["ResponseMetadata"]["HTTPHeaders"]["date"])
                for each in page.get("Contents", ()):
                    name = each["Key"].removeprefix(self._prefix)
                    age_s = (now - each["LastModified"]).total_seconds()
                    found.append(Listed(name, each["Size"], age_s))
        return sorted(found, key=lambda each: each.name)

    def size_bytes(self, name: str) -> int | None:
        """See Objects.size_bytes."""
        head = self._head(name)
        return None if head is None else int(head["ContentLength"])

    def stream(self, name: str, offset: int = 0, size_bytes: int | None = None) -> Iterator[bytes]:
        """See Objects.stream. A connection that breaks is followed by one that goes on, with the
        same object: one that was replaced meanwhile is an error."""
        at, end = offset, None if size_bytes is None else offset + size_bytes
        pinned: dict[str, str] = {}
        failures = 0
        while at != end:
            with self._told(name):
                answer = self._get(name, at, end, pinned)
                if answer is None:
                    return
                pinned = {"IfMatch": answer["ETag"]}
                try:
                    for chunk in answer["Body"].iter_chunks(CHUNK_BYTES):
                        at, failures = at + len(chunk), 0
                        yield chunk
                    return
                except BotoCoreError:
                    failures += 1
                    if failures == ATTEMPTS:
                        raise
                finally:
                    answer["Body"].close()

    def put(self, name: str, content: bytes, *, is_new: bool = False) -> None:
        """See Objects.put."""
        only_new = {"IfNoneMatch": "*"} if is_new else {}
        with self._told(name):
            try:
                self._client.put_object(
                    **self._key(name), Body=content, ChecksumAlgorithm="SHA256", **only_new
                )
            except ClientError as error:
                if not is_new or _code(error) not in _TAKEN:
                    raise
                # Where the answer to the first try was lost, the second finds what that one put.
                was_tried_again = error.response["ResponseMetadata"].get("RetryAttempts", 0) > 0
                if not was_tried_again or b"".join(self.stream(name)) != content:
                    raise TakenError.of(
                        f"{self.place}/{name}", "expected a new name, it is taken"
                    ) from None

    def put_file(
        self,
        name: str,
        source: Path,
        sha256: str,
        on_bytes: Callable[[int], None],
        *,
        is_mine: bool = False,  # noqa: ARG002 - it cannot be moved into a bucket
    ) -> None:
        """See Objects.put_file. What is there is whole if it says that it was put with this hash:
        the server had checked each of its parts."""
        head = self._head(name)
        with self._told(name):
            if (
                head is not None
                and head["Metadata"].get(SHA256) == sha256
                and head["ContentLength"] == source.stat().st_size
            ):
                return
            upload(self._client, self._key(name), source, sha256, on_bytes)

    def delete(self, name: str) -> None:
        """See Objects.delete."""
        with self._told(name):
            self._client.delete_object(**self._key(name))

    def url(self, name: str, expires_s: int) -> str | None:
        """See Objects.url: presigned by AWS's Signature Version 4."""
        head = self._head(name)
        if head is None:
            raise self._missing(name)
        version = head.get("VersionId", "null")  # "null" where versioning was never switched on
        pinned = {} if version == "null" else {"VersionId": version}
        with self._told(name):
            url: str = self._client.generate_presigned_url(
                "get_object", Params={**self._key(name), **pinned}, ExpiresIn=expires_s
            )
        return url

    def local_path(self, name: str) -> None:  # noqa: ARG002 - of the protocol
        """See Objects.local_path: none."""
        return

    def _key(self, name: str) -> dict[str, str]:
        return {"Bucket": self._bucket, "Key": self._prefix + require_name(self.place, name)}

    def _head(self, name: str) -> dict[str, Any] | None:
        with self._told(name):
            try:
                head: dict[str, Any] = self._client.head_object(**self._key(name))
            except ClientError as error:
                if _code(error) in _ABSENT:
                    return None
                raise
        return head

    def _get(
        self, name: str, at: int, end: int | None, pinned: dict[str, str]
    ) -> dict[str, Any] | None:
        """The answer with the bytes from `at`; None where there are none any more."""
        last = "" if end is None else end - 1
        part = {} if (at, end) == (0, None) else {"Range": f"bytes={at}-{last}"}
        try:
            answer: dict[str, Any] = self._client.get_object(**self._key(name), **part, **pinned)
        except ClientError as error:
            code = _code(error)
            if code == "InvalidRange":
                return None
            if code in _ABSENT:
                raise self._missing(name) from None
            if pinned and code in _TAKEN:
                raise StoreError.of(
                    f"{self.place}/{name}", "it was replaced while it was read", "run again"
                ) from None
            raise
        return answer

    def _missing(self, name: str) -> StoreError:
        return StoreError.of(f"{self.place}/{name}", "expected it in the store, found nothing")

    @contextlib.contextmanager
    def _told(self, name: str) -> Iterator[None]:
        """What the server or the network refuses, as the store's error about this object."""
        place = f"{self.place}/{name}".rstrip("/")
        try:
            yield
        except ClientError as error:
            said = f"{_code(error)}: {error.response['Error'].get('Message', '')}"
            raise StoreError.of(
                place, f"{error.operation_name}: the server refused it, {said}", _HINT
            ) from None
        except BotoCoreError as error:
            raise StoreError.of(place, f"the bucket cannot be reached: {error}", _HINT) from None
        except OSError as error:
            raise StoreError.of(str(error.filename or place), f"{error.strerror}") from None


def _code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))
