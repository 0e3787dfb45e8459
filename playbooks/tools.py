"""`fab weights.tools`: libtorrent for the nodes, so that several of them share what one is sent."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from freehold.weights.tools import PREFIX, download_wheels, put_wheels
from freehold.weights.tools import wheels as known_wheels
from playbooks.executor import task
from playbooks.progress import bar
from playbooks.sets import store_of

ABOUT = {
    "wheels": "a folder with the wheels, where there is no network",
    "store": "instead of the stack's",
}


@task("tools", about=ABOUT)
def tools(_c: Any, wheels: str = "", store: str = "") -> None:
    """Put libtorrent into the store: a sync to several nodes then sends each byte to one of them.

    Wheels for every Python that a node may have come from PyPI, each by the hash that is pinned.
    """
    into = store_of(store).objects
    lacking = tuple(w for w in known_wheels() if into.size_bytes(PREFIX + w.name) is None)
    if not lacking and not wheels:
        print(f"{into.place}: libtorrent {known_wheels()[0].version} is there")
        return
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(wheels).expanduser() if wheels else Path(temporary)
        if not wheels:
            download_wheels(folder, lacking)
        size = sum(path.stat().st_size for path in folder.glob("libtorrent-*.whl"))
        with bar("putting libtorrent", size) as on_bytes:
            put = put_wheels(into, folder, on_bytes)
    for wheel in put:
        print(wheel.name)
