"""Wiping weights on a real box: what is told of it, and what stands in its way."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from freehold.apply.converge import converge, remove
from freehold.apply.wipe import WipeRecord, wipe
from freehold.hosts.command import Command
from freehold.hosts.host import HostError, run_or_raise
from freehold.plan.box import Box
from freehold.plan.fileset import FileSet
from freehold.plan.steps import WipeSets
from freehold.weights.manifest import Kind, Manifest
from freehold.weights.store import Store
from tests.apply.counted import CountedHost

SETS = "/var/lib/freehold/weights"


def out(box: CountedHost, script: str) -> str:
    return run_or_raise(box, Command(script, "a test")).strip()


def put(store: Store, folder: Path, name: str) -> Manifest:
    source = folder / f"{name}.gguf"
    source.write_bytes(os.urandom(3_000_000))
    entry = store.add(source, source.name, lambda _size: None)
    manifest = Manifest(Kind.WEIGHTS, name, entry.path, (entry,))
    store.declare(manifest)
    return manifest


@pytest.fixture
def manifest(empty_store: Store, tmp_path: Path) -> Manifest:
    return put(empty_store, tmp_path, "m")


def test_removing_weights_tells_what_was_done(
    box: CountedHost, empty_store: Store, manifest: Manifest
) -> None:
    converge(box, [FileSet(manifest)], empty_store)
    records: list[WipeRecord] = []
    remove(box, [FileSet(manifest)], records.append)
    (record,) = records
    assert (record.folder, record.set_name) == (manifest.node_folder, "m")
    # The lab's boxes lie on overlayfs, which does not write in place.
    assert record.wiped == "removed"
    assert "overlay does not write over what was there" in record.claims
    assert record.size_bytes > 3_000_000
    assert all(isinstance(value, str | int) for value in record.details.values())
    assert out(box, "ls -d /var/lib/freehold 2>/dev/null || true") == ""
    remove(box, [FileSet(manifest)], records.append)
    assert records == [record]


def test_leaving_a_box_wipes_what_no_state_knows_of(
    box: CountedHost, empty_store: Store, manifest: Manifest, tmp_path: Path
) -> None:
    converge(box, [FileSet(manifest), FileSet(put(empty_store, tmp_path, "m-2"))], empty_store)
    out(box, f"mkdir {SETS}/half-1.partial; echo x >{SETS}/half-1.partial/x; echo x >{SETS}/stray")
    records: list[WipeRecord] = []
    remove(box, [Box(out(box, "uname -m"))], records.append)
    names = [Path(record.folder).name.partition("-")[0] for record in records]
    assert names == ["half", "m", "m", "stray"]
    assert out(box, "ls -d /var/lib/freehold 2>/dev/null || true") == ""


def test_one_name_is_wiped_and_another_that_begins_like_it_stays(
    box: CountedHost, empty_store: Store, manifest: Manifest, tmp_path: Path
) -> None:
    other = put(empty_store, tmp_path, "m-2")
    converge(box, [FileSet(manifest), FileSet(other)], empty_store)
    out(box, f"mkdir {SETS}/m-0123456789ab.partial")
    folders = [record.folder for record in wipe(box, WipeSets("auto", "m"))]
    assert folders == sorted([f"{SETS}/m-0123456789ab", manifest.node_folder])
    assert out(box, f"ls {SETS}") == Path(other.node_folder).name


def test_weights_that_a_process_has_mapped_stay_and_it_is_named(
    box: CountedHost, empty_store: Store, manifest: Manifest
) -> None:
    converge(box, [FileSet(manifest)], empty_store)
    script = (
        f"import mmap, time; f = open('{manifest.node_entry}', 'rb'); "
        "m = mmap.mmap(f.fileno(), 0, prot=1); f.close(); "
        "open('/run/fh-mapped', 'w'); time.sleep(600)"
    )
    out(box, f'systemd-run -q --collect --unit=fh-test-map python3 -c "{script}"')
    out(box, "until [ -e /run/fh-mapped ]; do :; done; rm /run/fh-mapped")
    with pytest.raises(HostError, match=r"expected nobody to have it open, found python3 \(pid"):
        remove(box, [FileSet(manifest)])
    assert converge(box, [FileSet(manifest)], empty_store) == ()
    out(box, "systemctl stop fh-test-map")
    remove(box, [FileSet(manifest)])
    assert out(box, "ls -d /var/lib/freehold 2>/dev/null || true") == ""
