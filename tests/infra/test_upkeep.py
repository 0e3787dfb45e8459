"""A stack that tunes, guards and watches its machine: up, drift, changed, destroyed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from freehold import lab
from tests.deadline import in_time
from tests.infra.conftest import MakeStack
from tests.infra.on_box import on, tree
from tests.infra.stack import Stack
from tests.playbooks.conftest import Fab, fab  # noqa: F401  # a fixture
from tests.warden.stand_in import KNOBS, knobs_of, knobs_on

FOLDER = "/var/lib/stand-in-textfile"
KEYS = {
    "tuning": {"read_ahead_kib": 4096},
    "guard": {"disk_celsius_max": 70},
    "telemetry": {"textfile_folder": FOLDER, "every_s": 5},
}


@pytest.fixture
def kept(make_stack: MakeStack, box: lab.Box) -> Stack:
    return make_stack(**KEYS)


def test_a_machine_is_kept_from_up_to_destroy(
    kept: Stack,
    box: lab.Box,
    fab: Fab,  # noqa: F811
    tmp_path: Path,
) -> None:
    with knobs_on(box):
        before = tree(box)
        on(box, f"mkdir -p {FOLDER}")
        made = kept.up().must().changes
        assert {"one:tuning", "one:freehold-guard.service", "one:freehold-telemetry.timer"} <= set(
            made
        )
        assert knobs_of(box) == ["performance", "performance", "4096"]
        assert on(box, "systemctl is-active freehold-guard freehold-telemetry.timer").split() == [
            "active",
            "active",
        ]
        assert kept.preview().must().changes == {}
        assert fab("node.drift", stack=kept).must().lines == ["one  as declared"]

        # What it writes for node_exporter.
        file = f"{FOLDER}/freehold.prom"
        assert in_time(lambda: "freehold_server_up 1" in on(box, f"cat {file} || true"), 40)
        text = on(box, f"cat {file}")
        assert "llamacpp:requests_processing 0" in text
        assert 'freehold_weights_bad_pieces{set="' in text
        verified = [line for line in text.splitlines() if "verified_timestamp" in line]
        assert float(verified[0].split()[-1]) > 1.7e9
        assert on(box, f"stat -c %a {file}; ls -A {FOLDER}").split() == ["644", "freehold.prom"]

        # A switch moved by hand shows, and is repaired.
        on(box, f"echo powersave >{KNOBS}/cpu/cpufreq/policy0/scaling_governor")
        assert kept.preview().must().changes == {"one:tuning": "update"}
        assert "governor of policy0 is powersave" in fab("node.drift", stack=kept).must(1).out
        kept.up().must()
        assert knobs_of(box) == ["performance", "performance", "4096"]

        # Another limit restarts the guard alone.
        with kept.changed(guard={"disk_celsius_max": 60}):
            changed = kept.up().must().changes
            assert set(changed) == {"one:/etc/freehold/guard.json", "one:freehold-guard.service"}
        # A part that is taken out goes, and what it set is put back.
        without = {key: value for key, value in kept.config.items() if key != "tuning"}
        whole = dict(kept.config)
        kept.config.clear()
        kept.config.update(without)
        kept.write()
        kept.up().must()
        assert knobs_of(box) == ["schedutil", "powersave", "128"]
        assert on(box, "systemctl is-active freehold-guard") == "active"
        kept.config.update(whole)
        kept.write()

        out = tmp_path / "telemetry"
        said = fab("node.telemetry", "--out", str(out), stack=kept).must()
        assert len(said.lines) == 3
        assert json.loads((out / "freehold-dashboard.json").read_text())["title"].endswith(
            kept.name
        )
        assert f"{box.address}:9100" in (out / "prometheus.yml").read_text()

        kept.destroy().must()
        on(box, f"rm -r {FOLDER}")
        assert tree(box) == before
        assert knobs_of(box) == ["schedutil", "powersave", "128"]


def test_a_folder_that_is_none_is_refused(kept: Stack, fab: Fab) -> None:  # noqa: F811
    said = fab("node.telemetry", stack=kept).must(1)
    assert "--out: expected a folder, got nothing" in said.err
    said = fab("node.telemetry", "--out", "/dev/null/x", stack=kept).must(1)
    assert "/dev/null" in said.err
