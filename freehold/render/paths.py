"""Where Freehold's files lie on a node."""

from __future__ import annotations

UNIT = "llama-server.service"
UNIT_FOLDER = "/etc/systemd/system/"
UNIT_PATH = f"{UNIT_FOLDER}{UNIT}"
KEY_PATH = "/etc/freehold/api-key"
