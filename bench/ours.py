"""A process that converges boxes: `python -m bench.ours FILES SSH_CONFIG BOX...`."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from bench.items import wanted
from freehold.apply.converge import converge
from freehold.errors import FreeholdError
from freehold.hosts.ssh import SshHost
from freehold.hosts.ssh_config import SshSettings
from freehold.weights.open import open_store


def main(files: Path, ssh_config: Path, boxes: list[str]) -> None:
    """All boxes at once, a thread each; the first error ends with its own words."""
    items = wanted(files)
    store = open_store(files)  # nothing here is synced from it

    def one(box: str) -> None:
        host = SshHost(box, box, SshSettings(ssh_config))
        try:
            converge(host, items, store)
        finally:
            host.close()

    with ThreadPoolExecutor(len(boxes)) as pool:
        list(pool.map(one, boxes))


if __name__ == "__main__":
    try:
        main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:])
    except FreeholdError as error:
        sys.exit(str(error))
