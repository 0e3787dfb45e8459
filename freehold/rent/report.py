"""What a run was: which command, on which weights, engine and machine, with which results."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from freehold.job.results import ResultFile
from freehold.rent.lease import time_text
from freehold.rent.record import Record
from freehold.weights.chosen import Chosen

VERSION = 1


@dataclass(frozen=True)
class RunReport:
    """`exit_code` is the command's; None where nobody knows it. `cost_usd` is the lease's until it
    was closed, or until `ended`; `record` is None of a machine that nobody rented."""

    command: str
    where: str
    model: str
    chosen: Chosen
    began: datetime
    ended: datetime
    exit_code: int | None
    results: Sequence[ResultFile]
    record: Record | None
    is_torn_down: bool

    def data(self) -> dict[str, Any]:
        """As JSON has it; no secret is in it."""
        return {
            "version": VERSION,
            "command": self.command,
            "where": self.where,
            "began": time_text(self.began),
            "ended": time_text(self.ended),
            "exit_code": self.exit_code,
            "model": self.model,
            "weights": {"name": self.chosen.weights.name, "digest": self.chosen.weights.digest},
            "engine": {"name": self.chosen.engine.name, "digest": self.chosen.engine.digest},
            "lease": self._lease(),
            "is_torn_down": self.is_torn_down,
            "results": {each.path: each.sha256 for each in self.results},
        }

    def write(self, path: Path) -> None:
        """Whole or not at all."""
        partial = path.with_name(f".{path.name}.partial")
        partial.write_text(json.dumps(self.data(), indent=2) + "\n")
        partial.replace(path)

    def _lease(self) -> dict[str, Any] | None:
        if self.record is None:
            return None
        return {
            "token": self.record.lease.token,
            "deadline": time_text(self.record.deadline),
            "is_closed": self.record.is_closed,
            "cost_usd": round(self.record.cost_usd(self.ended), 2),
            "instances": [
                {
                    "id": rental.instance_id,
                    "type": rental.type,
                    "zone": rental.zone,
                    "market": str(rental.market),
                    "usd_per_hour": rental.usd_per_hour,
                    "launched_at": time_text(rental.launched_at),
                    "ended_at": time_text(rental.ended_at) if rental.ended_at else None,
                }
                for rental in self.record.instances
            ],
        }
