"""The lab: real Debian or Ubuntu boxes with systemd and sshd, as containers on this machine."""

from freehold.lab.box import Box
from freehold.lab.lab import default_state_dir, down, list_labs, temporary, up
from freehold.lab.state import Lab
from freehold.lab.support import unsupported

__all__ = [
    "Box",
    "Lab",
    "default_state_dir",
    "down",
    "list_labs",
    "temporary",
    "unsupported",
    "up",
]
