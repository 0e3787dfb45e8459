"""The other tools: installed from a lock into the user's cache, never into this checkout."""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import subprocess
import sys
import venv
from collections.abc import Callable
from pathlib import Path

from freehold.errors import FreeholdError

LOCK = Path(__file__).with_name("requirements.lock")


def install(say: Callable[[str], None]) -> Path:
    """The folder with the programs of pyinfra and ansible-core, installed once for each lock."""
    lock = hashlib.sha256(LOCK.read_bytes() + sys.version.encode()).hexdigest()[:12]
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "freehold"
    cache.mkdir(parents=True, exist_ok=True)
    place = cache / f"bench-peers-{lock}"
    # Programs name their interpreter by path, so that a folder cannot be built aside and renamed:
    # a mark says that it is whole.
    mark = place / ".whole"
    with (cache / "bench-peers.lock").open("w") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        if not mark.exists():
            say("installing pyinfra and ansible-core, to compare with (once)")
            venv.create(place, clear=True, symlinks=True)
            _install_into(place)
            mark.touch()
    return place / "bin"


def versions() -> dict[str, str]:
    """The locked version of each tool that is compared with."""
    found = re.findall(r"^(pyinfra|ansible-core)==(\S+)", LOCK.read_text(), re.MULTILINE)
    return dict(found)


def _install_into(place: Path) -> None:
    pip = [sys.executable, "-m", "pip", "--python", str(place / "bin/python"), "install", "--quiet"]
    done = subprocess.run(
        [*pip, "--disable-pip-version-check", "--require-hashes", "--requirement", str(LOCK)],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise FreeholdError.of(
            "bench/requirements.lock",
            "\n".join(["expected to install the other tools, got", *done.stderr.splitlines()[-5:]]),
            "the package index must be reachable by pip, this once",
        )
