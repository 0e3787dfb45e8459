"""Commands that need root: as they are when we are root, through `sudo -n` otherwise."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

from freehold.errors import FreeholdError

SCRIPTS = Path(__file__).parent


def as_root(*argv: str | Path) -> list[str]:
    """The argv that runs `argv` as root, never asking for a password."""
    sudo = [] if os.geteuid() == 0 else ["sudo", "-n", "--"]
    return [*sudo, *map(str, argv)]


def run_as_root(place: str, *argv: str | Path) -> None:
    """Run `argv` as root; a failure is an error at `place` with the last lines it printed."""
    run(place, as_root(*argv))


def run(place: str, argv: Sequence[str]) -> None:
    """Run `argv`; a failure is an error at `place` with the last lines it printed."""
    # Root's tools live in sbin, which is not on every user's PATH.
    env = {**os.environ, "PATH": f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin", "LC_ALL": "C"}
    done = subprocess.run(
        argv,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        env=env,
        check=False,
    )
    if done.returncode:
        said = "\n".join(done.stdout.splitlines()[-10:])
        raise FreeholdError.of(place, f"{' '.join(argv)}: exit {done.returncode}\n{said}".rstrip())
