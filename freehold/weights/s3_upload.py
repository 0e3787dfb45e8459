"""One file into a bucket: in parts, each checked by the server, and all of it when it is there."""

from __future__ import annotations

import base64
import contextlib
import hashlib
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import IO, Any

from botocore.exceptions import BotoCoreError, ClientError

from freehold.weights.folder import ABANDONED_AFTER_S
from freehold.weights.objects import StoreError

SHA256 = "sha256"  # the metadata that a file is put with: of parts S3 keeps no hash of the whole
PART_BYTES_MIN = 16 << 20
PARTS_MAX = 10_000  # S3 User Guide, "multipart upload limits"
AT_ONCE = 4  # times the length of a part is what it takes in memory

Part = dict[str, str | int]


def part_bytes_of(size_bytes: int) -> int:
    """How long the parts are that a file of this size goes in: a multiple of 1 MiB."""
    return max(PART_BYTES_MIN, -(-size_bytes // (PARTS_MAX << 20)) << 20)


def upload(
    client: Any, key: dict[str, str], source: Path, sha256: str, on_bytes: Callable[[int], None]
) -> None:
    """Put `source` under `key` if it is of this SHA-256. Raises StoreError, OSError and botocore's.

    Nothing has the name until every part was checked; what a failed upload had sent is removed.
    """
    _sweep(client, key)
    part_bytes = part_bytes_of(source.stat().st_size)
    made = client.create_multipart_upload(
        **key, ChecksumAlgorithm="SHA256", Metadata={SHA256: sha256}
    )
    target = {**key, "UploadId": made["UploadId"]}
    try:
        with source.open("rb") as file:
            parts, found = _send(client, target, file, part_bytes, on_bytes)
        if found != sha256:
            raise StoreError.of(
                str(source),
                f"it changed while it was sent\nexpected sha256 {sha256}\nfound    sha256 {found}",
            )
        client.complete_multipart_upload(**target, MultipartUpload={"Parts": parts})
    except BaseException:
        with contextlib.suppress(BotoCoreError, ClientError):
            client.abort_multipart_upload(**target)
        raise
    _require_whole(client, key, source.stat().st_size, parts, sha256)


def _send(
    client: Any,
    target: dict[str, str],
    file: IO[bytes],
    part_bytes: int,
    on_bytes: Callable[[int], None],
) -> tuple[list[Part], str]:
    """Send all of `file`, some parts at once; what they were, and the SHA-256 of all."""
    whole, parts = hashlib.sha256(), list[Part]()
    under_way: deque[tuple[Future[Part], int]] = deque()

    def end_one() -> None:
        part, size_bytes = under_way.popleft()
        parts.append(part.result())
        on_bytes(size_bytes)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        number = 1
        while (data := file.read(part_bytes)) or number == 1:
            under_way.append((pool.submit(_send_part, client, target, number, data), len(data)))
            whole.update(data)
            number += 1
            if len(under_way) == AT_ONCE:
                end_one()
        while under_way:
            end_one()
    return parts, whole.hexdigest()


def _send_part(client: Any, target: dict[str, str], number: int, data: bytes) -> Part:
    digest = base64.b64encode(hashlib.sha256(data).digest()).decode()
    sent = client.upload_part(**target, PartNumber=number, Body=data, ChecksumSHA256=digest)
    return {"PartNumber": number, "ETag": sent["ETag"], "ChecksumSHA256": digest}


def _require_whole(
    client: Any, key: dict[str, str], size_bytes: int, parts: list[Part], sha256: str
) -> None:
    """What the bucket has now is what was sent, by its own hash over the hashes of the parts.

    A server that keeps none is made to send all of it back.
    """
    head = client.head_object(**key, ChecksumMode="ENABLED")
    digests = b"".join(base64.b64decode(str(part["ChecksumSHA256"])) for part in parts)
    wanted = base64.b64encode(hashlib.sha256(digests).digest()).decode()
    found = head.get("ChecksumSHA256", "").partition("-")[0]
    if head["ContentLength"] == size_bytes and (found or _hash(client, key)) in (wanted, sha256):
        return
    client.delete_object(**key)
    raise StoreError.of(
        f"s3://{key['Bucket']}/{key['Key']}",
        f"what arrived is not what was sent\nexpected {size_bytes} bytes, sha256 of parts {wanted}"
        f"\nfound    {head['ContentLength']} bytes, sha256 of parts {found}",
    )


def _hash(client: Any, key: dict[str, str]) -> str:
    digest = hashlib.sha256()
    for chunk in client.get_object(**key)["Body"].iter_chunks(1 << 20):
        digest.update(chunk)
    return digest.hexdigest()


def _sweep(client: Any, key: dict[str, str]) -> None:
    """Remove what uploads of this object that were killed long ago had sent: it costs rent."""
    listed = client.list_multipart_uploads(Bucket=key["Bucket"], Prefix=key["Key"])
    now = parsedate_to_datetime(listed["ResponseMetadata"]["HTTPHeaders"]["date"])
    for each in listed.get("Uploads", ()):
        if now - each["Initiated"] > timedelta(seconds=ABANDONED_AFTER_S):
            client.abort_multipart_upload(**key | {"Key": each["Key"]}, UploadId=each["UploadId"])
