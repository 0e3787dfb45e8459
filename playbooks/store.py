"""The store itself: sets removed, what nobody names any more, and a bucket kept one's own."""

from __future__ import annotations

from typing import Any

from freehold.custody.event import Act, Event
from freehold.custody.ledger import record
from freehold.errors import FreeholdError
from freehold.spec.location import InBucket, remote_location
from freehold.weights.gc import collect, garbage, remove_set
from freehold.weights.manifest import Kind
from freehold.weights.s3_client import bucket_client
from playbooks.executor import task
from playbooks.owner import owner_of
from playbooks.sets import store_of


@task("remove")
def remove(_c: Any, name: str, store: str = "", owner: str = "") -> None:
    """Take the name from a set of weights; its files stay until `fab weights.gc`."""
    _remove(Kind.WEIGHTS, name, store, owner)


@task("remove")
def remove_engine(
    _c: Any, name: str, store: str = "", owner: str = "", source: bool = False
) -> None:
    """Take the name from an engine build (--source: from a source); its files stay until
    `fab weights.gc`."""
    _remove(Kind.SOURCE if source else Kind.ENGINE, name, store, owner)


@task("gc")
def gc(_c: Any, store: str = "", dry_run: bool = False) -> None:
    """Remove the files that no set names and that are older than a day (--dry-run: list them)."""
    kept = store_of(store)
    found = garbage(kept) if dry_run else collect(kept)
    for each in found:
        print(f"{each.name}  {each.size_bytes:,} bytes")
    total, done = sum(each.size_bytes for each in found), "" if dry_run else ", removed"
    print(f"{kept.place}: {len(found)} objects that no set names, {total:,} bytes{done}")


@task("bucket")
def bucket(_c: Any, store: str = "", guard: bool = False) -> None:
    """Whether the store's bucket is closed to all but its owner (--guard: close what is not)."""
    place = store_of(store).place
    at = remote_location(place)
    if not isinstance(at, InBucket):
        raise FreeholdError.of(place, "expected a store in a bucket, s3://BUCKET/PREFIX")
    # Only now: a store in a folder needs no boto3.
    from freehold.weights import s3_guard

    client = bucket_client()
    refused = s3_guard.guard(client, at.bucket) if guard else []
    short = s3_guard.shortcomings(client, at.bucket)
    if refused or short:
        raise FreeholdError([*refused, *short])
    print(f"s3://{at.bucket}: public access blocked, TLS alone, encrypted, versioned")


def _remove(kind: Kind, name: str, store: str, owner: str) -> None:
    kept, by = store_of(store), owner_of(owner, store)
    manifest = remove_set(kept, kind, name)
    record(kept, Event.of(Act.REMOVED, manifest, kept.place, "", files="left for weights.gc"), by)
    print(f"{name}: removed; its files go with fab weights.gc, if no other set names them")
