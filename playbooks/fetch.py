"""`fab weights.fetch`: from a hub or any HTTP server into the store."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from freehold.custody.event import Act
from freehold.custody.intake import take_in
from freehold.errors import FreeholdError
from freehold.weights.fetch import add_fetched, fetch_files
from freehold.weights.hub import FORM, hub_origin
from freehold.weights.origin import FetchError, Origin
from freehold.weights.retry import Patience
from freehold.weights.staging import staging_of
from freehold.weights.url_origin import url_origin
from playbooks.executor import task
from playbooks.options import about_of
from playbooks.owner import owner_of
from playbooks.progress import bar
from playbooks.sets import new_store_of

# A name that is misspelt is known in seconds; a fetch that has begun is worth minutes.
ASKING = Patience(attempts=4)
ABOUT = {
    "origin": f"{FORM}, or https://HOST/PATH.gguf: one shard stands for all beside it; "
    "or several URLs, with spaces between",
    "name": "what the set is called in the store",
    "include": "of a hub: the files' paths, such as 'UD-IQ2_M/*'; several with commas between",
    "sha256": "of URLs: what the files must be, in their order, with commas between",
    "store": "instead of the stack's",
    "staging": "where files come in, instead of the store's own folder or ~/.cache/freehold",
    "owner": "the SSH public key to sign by, instead of the stack's",
    "about": "what else the manifest says: key=value,key=value",
}


@task("fetch", about=ABOUT)
def fetch(
    _c: Any,
    origin: str,
    name: str,
    include: str = "",
    sha256: str = "",
    store: str = "",
    staging: str = "",
    about: str = "",
    owner: str = "",
) -> None:
    """Fetch weights into the store: hf:OWNER/REPO --include 'QUANT/*', or https://HOST/PATH.gguf.

    What a killed fetch had brought is kept: only the rest is asked for.
    """
    told, into, by = about_of(about), new_store_of(store), owner_of(owner, store)
    found = _found(origin, _several(include), _several(sha256))
    instead = Path(staging).expanduser() if staging else None
    with staging_of(into, name, instead) as folder:
        with bar(f"fetching {name}", found.size_bytes) as on_bytes:
            hashes = fetch_files(into, found, folder, on_bytes)
        with bar(f"adding {name}", found.size_bytes) as on_bytes:
            manifest = add_fetched(into, found, folder, name, told, hashes, on_bytes)
    take_in(into, manifest, Act.FETCHED, by, origin=origin)
    print(f"{name}: {len(manifest.files)} files, {manifest.size_bytes:,} bytes, {manifest.digest}")
    print("\n".join(f"  {key} {value}" for key, value in manifest.about.items()))


def _found(origin: str, include: list[str], sha256s: list[str]) -> Origin:
    """What there is to fetch. Nothing of it is, yet."""
    if origin.startswith("hf:"):
        if sha256s:
            raise FreeholdError.of("--sha256", "expected none: the hub declares them itself")
        return hub_origin(origin, include, ASKING, time.sleep)
    if origin.startswith(("https://", "http://")):
        if include:
            raise FreeholdError.of("--include", f"expected none but of {FORM}")
        return url_origin(origin.split(), sha256s, ASKING, time.sleep)
    hint = "fab weights.put takes what lies on a disk" if Path(origin).exists() else None
    raise FetchError.of("weights.fetch", f"expected {FORM}, or https://HOST/PATH.gguf", hint)


def _several(option: str) -> list[str]:
    return [each.strip() for each in option.split(",") if each.strip()]
