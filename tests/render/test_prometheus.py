"""Scrape configuration, alert rules and dashboard: checked and tried by promtool itself."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from freehold.render.alerts import alert_rules
from freehold.render.dashboard import PANELS
from freehold.render.prometheus import ALERTS, DASHBOARD, SCRAPE, telemetry_files
from freehold.warden import textfile

CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
PROMTOOL = shutil.which("promtool") or shutil.which(CACHE / "freehold/promtool/promtool")
needs_promtool = pytest.mark.skipif(PROMTOOL is None, reason="no promtool: bin/setup --lab")
FILES = telemetry_files("lab", {"ada": "10.0.0.7", "grace": "fd00::7"}, 35, with_dcgm=True)
DAY = 86_400


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    return tmp_path


def promtool(*arguments: object) -> str:
    argv = [str(PROMTOOL), *map(str, arguments)]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@needs_promtool
def test_promtool_finds_nothing_wrong(folder: Path) -> None:
    assert "SUCCESS" in promtool("check", "config", folder / SCRAPE)
    rules = len(alert_rules(35)["groups"][0]["rules"])
    assert f"{rules} rules found" in promtool("check", "rules", folder / ALERTS)


def test_every_node_is_asked_by_its_address_and_called_by_its_name() -> None:
    jobs = yaml.safe_load(FILES[SCRAPE])["scrape_configs"]
    assert [job["job_name"] for job in jobs] == ["freehold-node", "freehold-dcgm"]
    assert jobs[0]["static_configs"] == [
        {"targets": ["10.0.0.7:9100"], "labels": {"instance": "ada"}},
        {"targets": ["[fd00::7]:9100"], "labels": {"instance": "grace"}},
    ]


NODE = 'instance="ada",job="freehold-node"'
# What fires after so many minutes of these series (in promtool's notation), and what does not.
TRIALS: dict[str, tuple[str, str, str, str]] = {
    "NodeDown": (f"up{{{NODE}}}", "0x300", "1x300", "5m"),
    "ServerDown": (f"freehold_server_up{{{NODE}}}", "0x300", "0x4 1x300", "10m"),
    "TelemetryStale": (
        f"freehold_telemetry_timestamp_seconds{{{NODE}}}", "0x300", "0+60x300", "20m",
    ),
    "GpuHeldBack": (
        f'freehold_gpu_held_back{{{NODE},gpu="0",reason="thermal_hardware"}}',
        "1x300", "1x3 0x300", "10m",
    ),
    "NvidiaSmiDown": (f"freehold_nvidia_smi_up{{{NODE}}}", "0x300", "1x300", "5m"),
    "RequestsWait": (f"llamacpp:requests_deferred{{{NODE}}}", "2x300", "2x8 0 2x8", "20m"),
    "WeightsUnverified": (
        f'freehold_weights_verified_timestamp_seconds{{{NODE},set="m"}}',
        f"-{27 * DAY}x300", f"-{20 * DAY}x300", "90m",
    ),
    "WeightsDamaged": (f'freehold_weights_bad_pieces{{{NODE},set="m"}}', "1x300", "0x300", "5m"),
    "LeaseEnds": (
        f"freehold_lease_deadline_timestamp_seconds{{{NODE}}}", "3000x300", "9000x300", "5m",
    ),
    "LeaseIsOver": (
        f"freehold_lease_deadline_timestamp_seconds{{{NODE}}}", "0x300", "9000x300", "30m",
    ),
}  # fmt: skip


def trial(series: dict[str, str], alert: str, at: str) -> dict[str, Any]:
    told = [{"series": name, "values": values} for name, values in series.items()]
    asked = {"eval_time": at, "alertname": f"Freehold{alert}"}
    return {"interval": "1m", "input_series": told, "alert_rule_test": [asked]}


def outcome(folder: Path, found: dict[str, Any]) -> str:
    """What promtool says of a test that expects no alert."""
    file = folder / "trial.yml"
    file.write_text(yaml.safe_dump({"rule_files": [ALERTS], "tests": [found]}))
    argv = [str(PROMTOOL), "test", "rules", str(file)]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


@needs_promtool
@pytest.mark.parametrize("alert", TRIALS)
def test_an_alert_fires_when_it_should_and_only_then(folder: Path, alert: str) -> None:
    series, bad, good, at = TRIALS[alert]
    said = outcome(folder, trial({series: bad}, alert, at))
    assert re.search(rf"got:\[\s*0:\s*Labels:.alertname=\"Freehold{alert}\"", said), said
    assert "SUCCESS" in outcome(folder, trial({series: good}, alert, at))


@needs_promtool
def test_a_disk_is_full_and_a_server_slow_by_two_series(folder: Path) -> None:
    disk = '{instance="ada",job="freehold-node",mountpoint="/var/lib/freehold"}'
    full = {
        f"node_filesystem_avail_bytes{disk}": "4x60",
        f"node_filesystem_size_bytes{disk}": "100x60",
    }
    assert "FreeholdDiskFull" in outcome(folder, trial(full, "DiskFull", "20m"))
    roomy = {**full, f"node_filesystem_avail_bytes{disk}": "6x60"}
    assert "SUCCESS" in outcome(folder, trial(roomy, "DiskFull", "20m"))
    busy = {
        f"llamacpp:requests_processing{{{NODE}}}": "1x3000",
        f"llamacpp:predicted_tokens_seconds{{{NODE}}}": "10x2000 4x900",
    }
    assert "FreeholdSlow" in outcome(folder, trial(busy, "Slow", "2050m"))
    assert "SUCCESS" in outcome(folder, trial(busy, "Slow", "1990m"))


def test_every_alert_has_its_trial() -> None:
    names = {rule["alert"] for rule in alert_rules(35)["groups"][0]["rules"]}
    assert names == {f"Freehold{name}" for name in (*TRIALS, "DiskFull", "Slow")}


def test_what_is_asked_for_of_a_node_is_what_a_node_writes() -> None:
    source = Path(textfile.__file__).read_text()
    written = set(re.findall(r"freehold_[a-z_]+", source))
    written |= {f"freehold_gpu_{name}" for name in textfile._OF_A_GPU}
    asked = set(re.findall(r"freehold_[a-z_]+", FILES[ALERTS] + FILES[DASHBOARD]))
    assert asked <= written


@needs_promtool
def test_each_query_of_the_dashboard_is_one(tmp_path: Path) -> None:
    queries = [query for _, _, found in PANELS for query, _ in found]
    rules = [{"record": f"q:{n}", "expr": query} for n, query in enumerate(queries)]
    file = tmp_path / "queries.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "q", "rules": rules}]}))
    promtool("check", "rules", file)


def test_the_dashboard_lays_its_panels_side_by_side() -> None:
    panels = json.loads(FILES[DASHBOARD])["panels"]
    places = {(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in panels}
    assert len(places) == len(panels) == len({panel["id"] for panel in panels})
