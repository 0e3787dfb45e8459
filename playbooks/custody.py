"""Custody: signatures, where each copy is and was, the report on it, and torrents of the sets."""

from __future__ import annotations

import json as json_library
from pathlib import Path
from typing import Any

from freehold.custody.chain import Ledger
from freehold.custody.ledger import now, read_ledger, who
from freehold.custody.page import page
from freehold.custody.report import Report, check_report, copy_data, require_continued
from freehold.errors import FreeholdError
from freehold.weights.manifest import Kind
from freehold.weights.owner import Owner
from freehold.weights.signature import sign_manifest
from freehold.weights.torrent import torrent_of
from playbooks.executor import task
from playbooks.nodes import on_nodes
from playbooks.owner import owner_of
from playbooks.sets import store_of
from playbooks.where import comparing, copies_of_set, shown

FORMS = (".json", ".html")


@task("sign")
def sign(_c: Any, name: str, store: str = "", owner: str = "") -> None:
    """Sign a set of weights as yours, by the key of freehold:owner (or --owner KEY.pub)."""
    _sign(Kind.WEIGHTS, name, store, owner)


@task("sign")
def sign_engine(_c: Any, name: str, store: str = "", owner: str = "", source: bool = False) -> None:
    """Sign an engine build (--source: a source) as yours, by the key of freehold:owner
    (or --owner KEY.pub)."""
    _sign(Kind.SOURCE if source else Kind.ENGINE, name, store, owner)


@task("export")
def export(_c: Any, name: str, out: str, store: str = "") -> None:
    """Write a set's private .torrent (BitTorrent v2), by which any v2 client checks its files."""
    kept = store_of(store)
    manifest = kept.manifest(Kind.WEIGHTS, name)
    long = [file for file in manifest.files if file.size_bytes > manifest.piece_bytes]
    torrent = torrent_of(manifest, {file.pieces_root: kept.layer(file) for file in long})
    Path(out).expanduser().write_bytes(torrent.content)
    print(f"{out}: {len(manifest.files)} files, info-hash v2 {torrent.info_hash}")


@task("where")
def where(
    _c: Any,
    name: str = "",
    store: str = "",
    owner: str = "",
    check: bool = False,
    json: bool = False,
) -> None:
    """Where each copy is and was, by the ledger (--check: and what the stack's nodes say)."""
    if check and json:
        raise FreeholdError.of("--json", "expected it without --check, which prints lines")
    kept = store_of(store)
    ledger = read_ledger(kept, owner_of(owner, store))
    copies = copies_of_set(ledger, name)
    if json:
        print(json_library.dumps([copy_data(copy) for copy in copies], indent=2))
    elif copies:
        print("\n".join([*map(shown, copies), *_unsigned(ledger)]))
    else:
        print(f"{kept.place}: the ledger has no copy of {name or 'any set'} yet")
    if check:
        on_nodes(comparing(kept, ledger, name))


@task("report")
def report(
    _c: Any, out: str = "", check: str = "", since: str = "", store: str = "", owner: str = ""
) -> None:
    """The report on custody (--out FILE.json, or .html: both); --check or --since FILE.json."""
    if check:
        _check(check, owner_of(owner, store, is_asked_for=False))
        return
    if out and Path(out).suffix not in FORMS:
        raise FreeholdError.of("--out", f'expected FILE.json or FILE.html, got "{out}"')
    asked, kept = owner_of(owner, store), store_of(store)
    ledger = read_ledger(kept, asked)
    if since:
        earlier, _ = check_report(since, _text(since), asked)
        require_continued(since, earlier, ledger)
        more = len(ledger.entries) - len(earlier.entries)
        print(f"{since}: the ledger goes on from there, {more} entries more")
    if out or not since:
        sets = [manifest for kind in Kind for manifest in kept.manifests(kind)]
        _write(Report.of(kept.place, sets, ledger, (now(), who()), asked), out, asked)


def _sign(kind: Kind, name: str, store: str, option: str) -> None:
    owner = owner_of(option, store)
    if owner is None:
        raise FreeholdError.of(
            "freehold:owner", "expected an SSH public key to sign by, found none", "--owner KEY.pub"
        )
    sign_manifest(store_of(store), kind, name, owner)
    print(f"{name}: signed by {owner.fingerprint}")


def _check(path: str, owner: Owner | None) -> None:
    report, ledger = check_report(path, _text(path), owner)
    print(f"{path}: holds, {len(ledger.entries)} entries of the ledger, digest {report.digest}")
    if owner:
        print("\n".join([f"signed by {owner.fingerprint}", *_unsigned(ledger)]))
    else:
        print("no owner was asked for: its signature is not checked (--owner KEY.pub)")


def _write(made: Report, out: str, owner: Owner | None) -> None:
    if not out:
        print(made.to_json(), end="")
        return
    path = Path(out).expanduser()
    if path.suffix == ".html":
        path.write_text(page(made, owner), encoding="utf-8", errors="replace")
    path.with_suffix(".json").write_text(made.to_json())
    print(f"{out}: {len(made.entries)} entries of the ledger, digest {made.digest}")


def _text(path: str) -> str:
    try:
        return Path(path).expanduser().read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise FreeholdError.of(path, "expected a report on custody, got no text") from None


def _unsigned(ledger: Ledger) -> list[str]:
    if not ledger.unsigned:
        return []
    return [f"not signed by the owner: entries {', '.join(map(str, ledger.unsigned))}"]
