"""The connection of OpenSSH that a host's commands share, and its end by a signal."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from pathlib import Path

from freehold.hosts.host import Host
from tests.deadline import in_time


def end_master(host: Host, number: signal.Signals) -> None:
    """As by somebody else, such as the kernel; it is gone when this returns."""
    with host.forward(1) as socket:
        folder = socket.parent
        argv = ["ssh", "-F", f"{folder}/config", "-S", f"{folder}/master", "-O", "check", "x"]
        said = subprocess.run(argv, capture_output=True, text=True, check=True).stderr
        found = re.search(r"pid=(\d+)", said)
        assert found, said
        os.kill(int(found[1]), number)
        assert in_time(lambda: not Path(f"/proc/{found[1]}").exists())
