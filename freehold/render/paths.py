"""Where Freehold's files lie on a node."""

from __future__ import annotations

UNIT = "llama-server.service"
VERIFY_UNIT = "freehold-verify.service"
VERIFY_TIMER = "freehold-verify.timer"
UNIT_FOLDER = "/etc/systemd/system/"
UNIT_PATH = f"{UNIT_FOLDER}{UNIT}"
VERIFY_UNIT_PATH = f"{UNIT_FOLDER}{VERIFY_UNIT}"
VERIFY_TIMER_PATH = f"{UNIT_FOLDER}{VERIFY_TIMER}"
KEY_PATH = "/etc/freehold/api-key"
WARDEN_PATH = "/usr/local/lib/freehold/warden.py"
TUNING_UNIT = "freehold-tuning.service"
TUNING_UNIT_PATH = f"{UNIT_FOLDER}{TUNING_UNIT}"
TUNING_PATH = "/etc/freehold/tuning.json"
GUARD_UNIT = "freehold-guard.service"
GUARD_UNIT_PATH = f"{UNIT_FOLDER}{GUARD_UNIT}"
GUARD_PATH = "/etc/freehold/guard.json"
