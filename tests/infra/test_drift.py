"""Changes made by hand on a box: the preview shows each, `up` repairs it and nothing else."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from freehold import lab
from tests.infra.on_box import UNIT, on, server_pid, tree
from tests.infra.stack import Stack

UNIT_PATH = f"/etc/systemd/system/{UNIT}"
KEY_PATH = "/etc/freehold/api-key"
UNIT_FILE, KEY_FILE, SERVICE = f"one:{UNIT_PATH}", f"one:{KEY_PATH}", f"one:{UNIT}"
WEIGHTS_FILE = "/var/lib/freehold/weights/*/*.gguf"


@dataclass(frozen=True)
class Drift:
    """What is done by hand, what the preview says of it, and whether the server must restart."""

    hand: str
    changes: dict[str, str]
    shown: str
    restarts: bool
    heals: bool = False
    """Whether systemd itself mends it after a while, which on a slow machine is before `up`."""


DRIFTS = {
    "the unit's file is edited": Drift(
        f"sed -i 's/--ctx-size 512/--ctx-size 99/' {UNIT_PATH}",
        {UNIT_FILE: "update", SERVICE: "update"},
        "--ctx-size 99",
        restarts=True,
    ),
    "the unit's file is edited and the server restarted with it": Drift(
        f"sed -i 's/--ctx-size 512/--ctx-size 99/' {UNIT_PATH}; "
        f"systemctl daemon-reload; systemctl restart {UNIT}",
        {UNIT_FILE: "update", SERVICE: "update"},
        "--ctx-size 99",
        restarts=True,
    ),
    "the unit's file is deleted": Drift(
        f"rm {UNIT_PATH}; systemctl daemon-reload",
        {UNIT_FILE: "create", SERVICE: "update"},
        "[Unit]",
        restarts=True,
    ),
    "the key's file is readable for all": Drift(
        f"chmod 644 {KEY_PATH}", {KEY_FILE: "update"}, '"0644" => "0600"', restarts=False
    ),
    "the server is stopped and disabled": Drift(
        f"systemctl disable -q --now {UNIT}", {SERVICE: "update"}, "not enabled", restarts=True
    ),
    "the server is killed": Drift(
        f"systemctl kill -s KILL {UNIT}; while systemctl is-active -q {UNIT}; do :; done",
        {SERVICE: "update"},
        "crashed, to be started again",
        restarts=True,
        heals=True,
    ),
    "the weights are damaged": Drift(
        f"f=$(echo {WEIGHTS_FILE}); chmod u+w $f; dd if=/dev/urandom of=$f bs=1M seek=40 count=1 "
        "conv=notrunc status=none",
        {"one-weights": "update", SERVICE: "update"},
        ".gguf",
        restarts=True,
    ),
    "a library of the engine is deleted": Drift(
        "rm /var/lib/freehold/engines/*/libllama.so.0",
        {"one-engine": "update", SERVICE: "update"},
        "libllama.so.0",
        restarts=True,
    ),
}


@pytest.fixture(scope="module")
def declared(stack: Stack, box: lab.Box) -> str:
    """The box's files as `up` left them."""
    return tree(box)


@pytest.mark.parametrize("what", DRIFTS)
def test_drift_is_shown_and_repaired(stack: Stack, box: lab.Box, declared: str, what: str) -> None:
    drift, pid = DRIFTS[what], server_pid(box)
    on(box, drift.hand)
    shown = stack.preview("--diff").must()
    # Exactly this drift: the one before was repaired whole.
    assert shown.changes == drift.changes, shown.text
    assert drift.shown in shown.text
    done = stack.up().must().changes
    assert done == drift.changes or (drift.heals and not done)
    assert tree(box) == declared
    assert (server_pid(box) != pid) == drift.restarts
    assert on(box, f"systemctl is-active {UNIT}; systemctl is-enabled {UNIT}") == "active\nenabled"


def test_after_all_the_repairs_nothing_is_left_to_do(stack: Stack) -> None:
    assert stack.preview("--expect-no-changes").must().changes == {}
