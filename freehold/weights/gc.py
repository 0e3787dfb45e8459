"""What a store holds that no set names any more: found, and removed."""

from __future__ import annotations

from freehold.weights.manifest import Kind, Manifest, is_name
from freehold.weights.objects import Listed, StoreError
from freehold.weights.signature import SUFFIX
from freehold.weights.store import Store, blob_name, layer_name, set_name

SAFE_AGE_S = 86_400.0  # files come before their set has its name, and 240 GB take their time


def remove_set(store: Store, kind: Kind, name: str) -> Manifest:
    """Take the name from a set, and say what it was: its files stay until they are collected.

    Raises StoreError where there is none of that name.
    """
    manifest = store.manifest(kind, name)
    store.objects.delete(set_name(kind, name))
    store.objects.delete(set_name(kind, name) + SUFFIX)
    return manifest


def garbage(store: Store, safe_age_s: float = SAFE_AGE_S) -> list[Listed]:
    """The files, and hashes of pieces, that no set names and that are older than `safe_age_s`.

    Raises StoreError where any set cannot be read: what it names is not known then.
    """
    # Before the sets are read: one that gets its name meanwhile has its files among these.
    there = [*store.objects.listed("blobs/"), *store.objects.listed("layers/")]
    named = {
        name
        for kind in Kind
        for manifest in _all_sets(store, kind)
        for file in manifest.files
        for name in (blob_name(file.sha256), layer_name(file.pieces_root))
    }
    return [each for each in there if each.name not in named and each.age_s > safe_age_s]


def collect(store: Store, safe_age_s: float = SAFE_AGE_S) -> list[Listed]:
    """Remove the garbage, and say what it was.

    A set that is put at this very moment, of files that nobody had named for a day, may have to be
    put again: `Store.declare` says so.
    """
    found = garbage(store, safe_age_s)
    for each in found:
        store.objects.delete(each.name)
    return found


def _all_sets(store: Store, kind: Kind) -> list[Manifest]:
    strange = [
        name
        for name in store.objects.names(f"{kind}/")
        if not is_name(name.removeprefix(f"{kind}/").removesuffix(SUFFIX))
        or not name.removesuffix(SUFFIX).endswith(".json")
    ]
    if strange:
        raise StoreError.of(
            store.place,
            f"expected nothing but sets among {kind}, found {', '.join(strange)}",
            "what is no set is not looked into, so nothing was removed",
        )
    return store.manifests(kind)
