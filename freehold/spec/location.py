"""Where a store is: a folder here, a folder of a server by SSH, or a bucket."""

from __future__ import annotations

import re
from dataclasses import dataclass

FORMS = "a folder, ssh://HOST/FOLDER or s3://BUCKET/PREFIX"

# OpenSSH refuses shell metacharacters in users and hosts, and a leading "-" would be an option.
_ON_SERVER = re.compile(
    r"ssh://(?P<host>(?:[A-Za-z0-9_][\w.+-]*@)?(?:[A-Za-z0-9_][\w.-]*|\[[0-9A-Fa-f:.]+\]))"
    r"(?P<port>:[1-9][0-9]{0,4})?(?P<path>/[^\x00-\x1f\x7f]*[^/\x00-\x1f\x7f])/*",
    re.ASCII,
)
# The rules of AWS for general purpose buckets (S3 User Guide, "bucket naming rules").
_IN_BUCKET = re.compile(
    r"s3://(?P<bucket>[a-z0-9][a-z0-9.-]{1,61}[a-z0-9])/?(?P<prefix>[\w-][\w.-]*(/[\w-][\w.-]*)*)?/?",
    re.ASCII,
)


@dataclass(frozen=True)
class OnServer:
    """`destination` is as OpenSSH takes it; `path` is absolute there."""

    destination: str
    path: str


@dataclass(frozen=True)
class InBucket:
    """`prefix` is "" for all of the bucket; it neither begins nor ends with a slash."""

    bucket: str
    prefix: str


def remote_location(text: str) -> OnServer | InBucket | None:
    """What a URL means; None for what is none, a path that is. Raises ValueError for another's."""
    if "://" not in text:
        return None
    if (found := _ON_SERVER.fullmatch(text)) and ".." not in found["path"].split("/"):
        return OnServer(f"ssh://{found['host']}{found['port'] or ''}", found["path"])
    if found := _IN_BUCKET.fullmatch(text):
        return InBucket(found["bucket"], found["prefix"] or "")
    raise ValueError(FORMS)
