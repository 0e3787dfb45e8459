"""What a rung of the guard does to the machine, and how it is taken back."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any, Dict, List

from freehold.warden.nvidia_smi import ABSENT, TIMEOUT_S, gpus
from freehold.warden.run import AskError, ask

FOLDER = Path("/run/freehold-guard")
SYSTEMCTL_S = 20.0


class Effects:
    """`folder` keeps what was found, so that a guard that was killed can take it back too."""

    def __init__(self, unit: str, folder: Path = FOLDER) -> None:
        self._unit, self._folder = unit, folder

    def apply(self, rungs: List[str]) -> List[str]:
        """Have the machine be as at the last of `rungs` (none is the ground); what was done, a line
        each. Raises AskError, and can be called again."""
        percents = [int(rung.split()[1]) for rung in rungs if rung.startswith("power")]
        done = self._power(percents[-1] if percents else 100)
        return done + (self._stop() if "stop" in rungs else self._start())

    def _power(self, percent: int) -> List[str]:
        """The GPUs' limits as a part of what was found at first; 100 gives them back."""
        file = self._folder / "limits.json"
        found: Dict[str, float] = json.loads(file.read_text()) if file.exists() else {}
        if percent == 100 and not found:
            return []
        try:
            now = gpus()
        except AskError as error:
            if str(error) == ABSENT and not found:
                return []
            raise
        for gpu in now:
            if isinstance(gpu["limit_watts"], float):
                found.setdefault(str(gpu["uuid"]), gpu["limit_watts"])
        write_whole(file, found)
        done, program = [], shutil.which("nvidia-smi") or "nvidia-smi"
        for gpu in now:
            base = found.get(str(gpu["uuid"]))
            if base is None:
                continue
            least = gpu["least_limit_watts"]
            wanted = max(base * percent / 100, least if isinstance(least, float) else 0.0)
            if abs(float(gpu["limit_watts"] or 0) - wanted) >= 1:
                ask([program, "-i", str(gpu["uuid"]), "-pl", f"{wanted:.0f}"], TIMEOUT_S)
                done.append(f"power limit of GPU {gpu['index']}: {wanted:.0f} W")
        if percent == 100:
            file.unlink()
        return done

    def _stop(self) -> List[str]:
        if not _is_active(self._unit):
            return []
        (self._folder / "stopped").touch()
        # Not waited for: an answer that is being written may take a minute to end.
        ask(["systemctl", "stop", "--no-block", self._unit], SYSTEMCTL_S)
        return [f"stopped {self._unit}"]

    def _start(self) -> List[str]:
        """Only what the guard itself stopped: the owner's stop is the owner's."""
        if not (self._folder / "stopped").exists():
            return []
        ask(["systemctl", "start", "--no-block", self._unit], SYSTEMCTL_S)
        (self._folder / "stopped").unlink()
        return [f"started {self._unit}"]


def _is_active(unit: str) -> bool:
    try:
        return ask(["systemctl", "is-active", unit], SYSTEMCTL_S) in ("active", "activating")
    except AskError as error:
        return error.output in ("activating", "reloading")


def write_whole(path: Path, content: Dict[str, Any]) -> None:
    """As JSON, so that who reads it finds it as it was before or as it is after."""
    fresh = path.with_suffix(".new")
    fresh.write_text(json.dumps(content))
    fresh.replace(path)
