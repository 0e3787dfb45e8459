"""The report of a run: all that it was, as JSON, whole or not at all."""

from __future__ import annotations

import dataclasses
import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from freehold.job.results import ResultFile
from freehold.rent.details import details_of
from freehold.rent.note import Act
from freehold.rent.record import Record
from freehold.rent.rental import cost_usd
from freehold.rent.report import RunReport
from freehold.weights.chosen import Chosen
from tests.render.cases import ENGINE, WEIGHTS
from tests.rent.leases import NOON, lease, note, rental

LEASE = lease()
ENDED_AT = NOON + timedelta(hours=1)
RECORD = Record.of(
    [
        note(LEASE, 1, Act.INTENT, **details_of(LEASE)),
        note(LEASE, 2, Act.MADE, **details_of(rental())),
    ]
)
CLOSED = RECORD.followed_by(
    note(LEASE, 3, Act.ENDED, instance_id=rental().instance_id, ended_at=ENDED_AT)
).followed_by(note(LEASE, 4, Act.CLOSED))
REPORT = RunReport(
    command='make "résumé" && echo done',
    where="node",
    model="glm-5.2",
    chosen=Chosen(ENGINE, WEIGHTS),
    began=NOON + timedelta(minutes=10),
    ended=NOON + timedelta(minutes=70),
    exit_code=3,
    results=(ResultFile("a.txt", "a" * 64), ResultFile("odd\nünï", "b" * 64)),
    record=CLOSED,
    is_torn_down=True,
)


def written(report: RunReport, folder: Path) -> Any:
    """What is read of its file."""
    report.write(folder / "report.json")
    return json.loads((folder / "report.json").read_text())


def test_it_says_all_that_the_run_was(tmp_path: Path) -> None:
    assert written(REPORT, tmp_path) == {
        "version": 1,
        "command": 'make "résumé" && echo done',
        "where": "node",
        "began": "2026-11-24T12:10:00Z",
        "ended": "2026-11-24T13:10:00Z",
        "exit_code": 3,
        "model": "glm-5.2",
        "weights": {"name": WEIGHTS.name, "digest": WEIGHTS.digest},
        "engine": {"name": ENGINE.name, "digest": ENGINE.digest},
        "lease": {
            "token": LEASE.token,
            "deadline": "2026-11-24T16:00:00Z",
            "is_closed": True,
            "cost_usd": 54.14,
            "instances": [
                {
                    "id": "i-0123456789abcdef0",
                    "type": "p5.48xlarge",
                    "zone": "us-east-1a",
                    "market": "on-demand",
                    "usd_per_hour": 55.04,
                    "launched_at": "2026-11-24T12:01:00Z",
                    "ended_at": "2026-11-24T13:00:00Z",
                }
            ],
        },
        "is_torn_down": True,
        "results": {"a.txt": "a" * 64, "odd\nünï": "b" * 64},
    }


def test_what_still_bills_has_cost_what_it_had_at_the_end() -> None:
    running = dataclasses.replace(REPORT, record=RECORD, is_torn_down=False).data()["lease"]
    assert running["cost_usd"] == round(cost_usd(rental(), REPORT.ended), 2) > 54.14
    assert running["is_closed"] is False
    assert running["instances"][0]["ended_at"] is None


def test_a_run_that_nobody_knows_the_end_of_on_a_machine_that_nobody_rented(
    tmp_path: Path,
) -> None:
    said = written(dataclasses.replace(REPORT, exit_code=None, record=None), tmp_path)
    assert (said["exit_code"], said["lease"]) == (None, None)


def test_it_takes_the_place_of_one_before_it_and_leaves_nothing_beside(tmp_path: Path) -> None:
    written(REPORT, tmp_path)
    assert written(dataclasses.replace(REPORT, exit_code=0), tmp_path)["exit_code"] == 0
    assert [path.name for path in tmp_path.iterdir()] == ["report.json"]


def test_one_that_cannot_be_written_leaves_the_one_before_it(tmp_path: Path) -> None:
    written(REPORT, tmp_path)
    before = (tmp_path / "report.json").read_text()
    without_a_zone = dataclasses.replace(REPORT, ended=datetime(2026, 11, 24, 13))
    with pytest.raises(ValueError, match="expected a time that knows its zone"):
        without_a_zone.write(tmp_path / "report.json")
    (tmp_path / ".report.json.partial").mkdir()
    with pytest.raises(IsADirectoryError):
        REPORT.write(tmp_path / "report.json")
    assert (tmp_path / "report.json").read_text() == before
