"""Wipe sets on a box, and bring back the record of what was done there and what was checked."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from freehold.apply.agent import talk_with_agent
from freehold.apply.script import PRELUDE
from freehold.hosts.host import Host
from freehold.hosts.talk import CutOffError
from freehold.plan.steps import WipeFileSet, WipeSets
from freehold.render.paths import VERIFY_UNIT
from freehold.weights.manifest import Kind

OnBytes = Callable[[int], None]
_DIGEST = "[0-9a-f]" * 12  # the end of every set's folder, as a pattern
_FOLDER = f"/var/lib/freehold/{Kind.WEIGHTS}"


@dataclass(frozen=True)
class WipeRecord:
    """What became of the set of one `folder`. `wiped` is "overwritten", "discarded" or "removed";
    `claims` says in sentences what was done and checked, and what is not covered.

    `known` is all that the node said: medium, counts, checks, times in seconds.
    """

    folder: str
    wiped: str
    claims: str
    size_bytes: int
    known: Mapping[str, Any]

    @property
    def set_name(self) -> str:
        """The name of the set, without the part of its digest."""
        return PurePosixPath(self.folder).name.rpartition("-")[0]

    @property
    def details(self) -> dict[str, str | int]:
        """The record as words and whole numbers, for a ledger."""
        medium = self.known["medium"]
        told = {
            "wiped": self.wiped,
            "claims": self.claims,
            "bytes": self.size_bytes,
            "seconds": round(self.known["seconds"]),
            "filesystem": medium["filesystem"],
            "device": medium["device"],
            "swap": " ".join(self.known["swap"]),
        }
        counts = ("files", "shared_files", "places_checked", "places_readable", "trimmed_bytes")
        return told | {name: int(self.known[name] or 0) for name in counts}


def wipe(
    host: Host, step: WipeFileSet | WipeSets, on_bytes: OnBytes = lambda _size_bytes: None
) -> tuple[WipeRecord, ...]:
    """A record of each set that `step` names and that was there; `on_bytes` hears of what is
    written. Raises HostError where a process has files of one open, which is named."""
    if isinstance(step, WipeFileSet):
        folders, about = [step.manifest.node_folder], f"wiping {step.manifest.name}"
    elif step.name:
        folder = f"{_FOLDER}/{step.name}-{_DIGEST}"
        folders, about = [folder, f"{folder}.partial"], f"wiping {step.name}"
    else:
        folders, about = [f"{_FOLDER}/*"], "wiping what is left of weights"
    # The timer's own reading would be a process that has them open.
    prelude = (
        f'{PRELUDE}\n[ -n "$(ls -A {_FOLDER} 2>/dev/null)" ] || exit 0\n'
        f"systemctl stop {VERIFY_UNIT} 2>/dev/null || true"
    )
    records = []
    try:
        with talk_with_agent(
            host, "wipe", step.how, *folders, description=about, prelude=prelude
        ) as talk:
            talk.end()
            while (line := talk.stdout.readline()).endswith(b"\n"):
                said = json.loads(line)
                if "wiped" in said:
                    records.append(_record(said["wiped"]))
                else:
                    on_bytes(said["written"])
    except CutOffError:
        return ()  # there is nothing at all
    return tuple(records)


def _record(said: Mapping[str, Any]) -> WipeRecord:
    return WipeRecord(said["folder"], said["wiped"], said["claims"], said["bytes"], said)
