"""The guard: reads what there is, has the policy decide, does it, and says so in the journal."""

from __future__ import annotations

import json
import os
import signal
import socket
import threading
import time
from pathlib import Path
from typing import Any, Dict, List, Optional, Set, Tuple

from freehold.warden.effects import FOLDER, Effects, write_whole
from freehold.warden.nvidia_smi import ABSENT, gpus
from freehold.warden.policy import Reading, Rules, Seen, State, Supply, decide, frozen
from freehold.warden.run import AskError
from freehold.warden.sensors import judged, temperatures
from freehold.warden.ups import supply

SLOWED = 0x8 | 0x40 | 0x80
"""Hardware slowdown, for heat, by the power brake. Source: nvml.h, nvmlClocksEventReasons."""
_KINDS = {
    "cpu": ("coretemp", "k10temp", "zenpower", "cpu_thermal", "zone/x86_pkg_temp"),
    "gpu": ("amdgpu", "nouveau"),
    "disk": ("nvme", "drivetemp"),
}


def guard(settings_path: str) -> int:
    """Until SIGTERM; then what it did to the GPUs is taken back, and it is forgotten."""
    settings: Dict[str, Any] = json.loads(Path(settings_path).read_text())
    ended = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ended.set())
    loop = Loop(settings, Effects(settings["unit"]))
    _notify("READY=1")
    while not ended.is_set():
        loop.once(time.monotonic())
        _notify("WATCHDOG=1")
        ended.wait(settings["every_s"])
    loop.let_go()
    return 0


class Loop:
    """One guard's state, kept on the disk of memory (/run): a guard that was killed goes on."""

    def __init__(self, settings: Dict[str, Any], effects: Effects, folder: Path = FOLDER) -> None:
        self._settings, self._effects = settings, effects
        self._file = folder / "state.json"
        names = ("hysteresis_celsius", "dwell_s", "recover_s")
        self._rules = Rules(
            tuple(settings["rungs"]),
            settings["limits"],
            **{name: settings[name] for name in names},
        )
        self._state = _load(self._file)
        self._said: Set[str] = set()

    def once(self, now_s: float) -> None:
        """One look, and what follows from it."""
        troubles: Set[str] = set()
        readings, throttled = _read(troubles)
        found = self._supply(troubles)
        state, line = decide(self._rules, self._state, readings, throttled, found, now_s)
        self._state = state
        if line:
            print(line, flush=True)
        write_whole(self._file, state._asdict())
        told = {kind for kind, _ in state.told_s}
        if "gpu" not in told:
            troubles.discard(ABSENT)
        troubles |= {f"no sensor of kind {kind}" for kind in set(self._rules.limits) - told}
        troubles |= {f"{name} has not changed for an hour" for name in frozen(state, now_s)}
        try:
            # Also where the rung is as it was: what could not be done before is done now.
            for done in self._effects.apply(list(self._rules.rungs[: state.rung])):
                print(done, flush=True)
        except (AskError, OSError) as error:
            troubles.add(f"could not act: {error}")
        self._say(troubles)

    def let_go(self) -> None:
        """Take back what was done to the GPUs. A server that was stopped stays so."""
        try:
            rungs = ["stop"] if "stop" in self._rules.rungs[: self._state.rung] else []
            for done in self._effects.apply(rungs):
                print(done, flush=True)
        except (AskError, OSError) as error:
            print(f"could not take back: {error}", flush=True)
            return
        self._file.unlink(missing_ok=True)

    def _supply(self, troubles: Set[str]) -> Optional[Supply]:
        name = self._settings.get("ups")
        if name is None:
            return None
        try:
            return supply(name, self._settings["ups_charge_min_percent"])
        except AskError as error:
            troubles.add(str(error))
            return None

    def _say(self, troubles: Set[str]) -> None:
        """What is new and what is over: not the same line every few seconds."""
        for trouble in sorted(troubles - self._said):
            print(trouble, flush=True)
        for trouble in sorted(self._said - troubles):
            print(f"over: {trouble}", flush=True)
        self._said = troubles


def _read(troubles: Set[str]) -> Tuple[List[Reading], bool]:
    readings = []
    for each in temperatures():
        readings.append(Reading(str(each["name"]), kind_of(str(each["name"])), each["celsius"]))  # type: ignore[arg-type]
        if each["why"]:
            troubles.add(f"{each['name']}: {each['why']}")
    throttled = False
    try:
        for gpu in gpus():
            name = f"GPU {gpu['index']}"
            if isinstance(gpu["celsius"], float):
                told = judged(name, gpu["celsius"])
                readings.append(Reading(name, "gpu", told["celsius"]))  # type: ignore[arg-type]
                if told["why"]:
                    troubles.add(f"{name}: {told['why']}")
            throttled = throttled or bool(int(gpu["reasons"] or 0) & SLOWED)
    except AskError as error:
        troubles.add(str(error))
    return readings, throttled


def kind_of(name: str) -> str:
    """cpu, gpu or disk, by the chip; other is not guarded."""
    for kind, chips in _KINDS.items():
        if name.startswith(chips):
            return kind
    return "other"


def _load(file: Path) -> State:
    try:
        found = json.loads(file.read_text())
    except (FileNotFoundError, ValueError):
        return State()
    seen = tuple((name, Seen(*each)) for name, each in found.pop("seen"))
    told = tuple((kind, at_s) for kind, at_s in found.pop("told_s"))
    of_supply = found.pop("supply")
    return State(**found, seen=seen, told_s=told, supply=Supply(*of_supply) if of_supply else None)


def _notify(what: str) -> None:
    """Tell systemd, where it asked to be told (sd_notify(3))."""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as to:
        to.sendto(what.encode(), address.replace("@", "\0", 1) if address[0] == "@" else address)
