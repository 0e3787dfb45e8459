"""The owner's signature of a manifest, beside it in the store: `weights/NAME.json.sig`."""

from __future__ import annotations

from freehold.weights.manifest import Kind, Manifest
from freehold.weights.owner import Owner, SignatureError, Signer
from freehold.weights.store import Store, set_name

SUFFIX = ".sig"
SIGNATURE_BYTES_MAX = 10_000  # of an Ed25519 key it is 300


def sign_manifest(store: Store, kind: Kind, name: str, owner: Owner) -> None:
    """Sign the manifest as the store holds it.

    Raises StoreError where there is none, SignatureError where the key cannot be used.
    """
    store.manifest(kind, name)
    named = set_name(kind, name)
    content = b"".join(store.objects.stream(named))
    store.objects.put(named + SUFFIX, owner.sign(content).encode())


def require_signed(store: Store, manifest: Manifest, owner: Owner) -> None:
    """Raises SignatureError unless the store's manifest is this one and the owner signed it."""
    named = set_name(manifest.kind, manifest.name)
    place, hint = f"{store.place}/{named}", _hint(manifest)
    content = b"".join(store.objects.stream(named))
    if store.objects.size_bytes(named + SUFFIX) is None:
        raise SignatureError.of(place, f"expected {_words(owner)}, found none", hint)
    signature = b"".join(store.objects.stream(named + SUFFIX, 0, SIGNATURE_BYTES_MAX))
    signer = owner.signer_of(content, signature.decode("utf-8", "replace"))
    if signer is not Signer.OWNER:
        found = {
            Signer.ANOTHER: "that of another key",
            Signer.NOBODY: "one that does not fit what the manifest says now",
        }[signer]
        raise SignatureError.of(place, f"expected {_words(owner)}, found {found}", hint)
    if Manifest.of_json(content) != manifest:
        raise SignatureError.of(place, "it changed while it was read", "run the same again")


def _words(owner: Owner) -> str:
    return f"the signature of {owner.key} ({owner.fingerprint})"


def _hint(manifest: Manifest) -> str:
    return f"if it is as you mean it: fab {manifest.kind.sign_task} {manifest.name}"
