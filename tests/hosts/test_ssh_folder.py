"""The folders of connections."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from freehold.hosts.ssh_folder import connection_folder

KILLED = """
import os, signal
from freehold.hosts.ssh_folder import connection_folder
folder = connection_folder()
print(folder.name, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_the_folder_of_a_killed_controller_goes_and_that_of_a_living_one_stays() -> None:
    with connection_folder() as living:
        root = Path(__file__).parents[2]
        done = subprocess.run(
            [sys.executable, "-c", KILLED],
            cwd=root,
            env={**os.environ, "PYTHONPATH": str(root)},
            capture_output=True,
            text=True,
        )
        left = Path(done.stdout.strip())
        assert left.is_dir()
        with connection_folder():
            assert not left.exists()
            assert Path(living).is_dir()


def test_a_folder_is_its_owners_alone() -> None:
    with connection_folder() as folder:
        assert Path(folder).stat().st_mode & 0o777 == 0o700
