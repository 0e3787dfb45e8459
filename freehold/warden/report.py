"""Everything that is read of a node for a person, as one JSON object."""

from __future__ import annotations

import json

from freehold.warden.machine import machine
from freehold.warden.nvidia_smi import ABSENT, gpus
from freehold.warden.run import AskError
from freehold.warden.sensors import temperatures


def report() -> None:
    """Print it; `gpu_error` is what nvidia-smi said in place of an answer."""
    found = {**machine(), "temperatures": temperatures(), "gpus": [], "gpu_error": None}
    try:
        found["gpus"] = gpus()
    except AskError as error:
        found["gpu_error"] = None if str(error) == ABSENT else str(error)
    print(json.dumps(found))
