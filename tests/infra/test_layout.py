"""What the preview knows of a node's layout, and what it refuses before anything is touched."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from freehold import lab
from freehold.weights.store import Store
from tests.infra.conftest import MakeStack
from tests.infra.on_box import UNIT, on
from tests.infra.stack import ROOT, Stack

SERVER = {"context_tokens": 512, "threads": 1}
UNIT_FILE = f"/etc/systemd/system/{UNIT}"


@pytest.fixture(scope="module")
def bare(make_stack: MakeStack) -> Stack:
    """A stack that is only ever previewed, or refused."""
    return make_stack()


@pytest.mark.parametrize(
    ("config", "said"),
    [
        (
            {"server": {**SERVER, "headroom_ram_gib": 4000}},
            ["host: ", "GiB needed", "GiB short", "does not fit with 1 slot of 512 tokens"],
        ),
        (
            {"policy": {"min_tokens_per_s": 100_000}},
            ["one: freehold:policy.min_tokens_per_s: expected at least 100000, predicted "],
        ),
        (
            {"policy": {"min_context_tokens": 4096}},
            ["one: freehold:policy.min_context_tokens: expected at least 4096, each slot gets 512"],
        ),
    ],
)
def test_a_bad_plan_is_an_error_of_the_preview_and_of_the_up(
    bare: Stack, box: lab.Box, config: dict[str, Any], said: list[str]
) -> None:
    with bare.changed(**config):
        preview = bare.preview()
    assert preview.code != 0
    for words in said:
        assert words in preview.text
    assert "Traceback" not in preview.text
    assert on(box, f"ls {UNIT_FILE} /var/lib/freehold/weights 2>/dev/null || true") == ""


def test_nodes_that_cost_more_than_they_may_are_refused_before_any_is_asked(
    bare: Stack, box: lab.Box
) -> None:
    node = {**bare.config["nodes"][0], "hardware": {"usd_per_hour": 55.04}}
    with bare.changed(nodes=[node], policy={"max_usd_per_hour": 20}):
        preview = bare.preview()
    assert preview.code != 0
    assert (
        "freehold:policy.max_usd_per_hour: expected at most 20.00, the nodes cost 55.04 (one 55.04)"
        in preview.text
    )


def test_what_is_known_by_hand_is_what_is_counted_with(bare: Stack) -> None:
    node = {**bare.config["nodes"][0], "hardware": {"ram_bandwidth_gb_per_s": 10, "watts": 500}}
    with bare.changed(nodes=[node], prices={"usd_per_kwh": 0.4}):
        text = bare.preview().must().text
    assert "guessed: RAM bandwidth" not in text
    assert "electricity: 500 W at 0.40 USD/kWh: 0.20 USD/h" in text


def test_the_largest_context_is_found_and_served(make_stack: MakeStack, box: lab.Box) -> None:
    stack = make_stack(server={"context_tokens": "max", "threads": 1})
    text = stack.up().must().text
    assert "the largest context with all in RAM: 8,192 tokens" in text  # the model knows no more
    assert "--ctx-size 8192" in on(box, f"cat {UNIT_FILE}")
    state = json.loads(stack.pulumi("stack", "export"))["deployment"]["resources"]
    layout = next(r["outputs"] for r in state if r["type"] == "freehold:box:Layout")
    assert layout["mode"] == "all in RAM"
    assert layout["engine_asked"] is True
    assert layout["devices"]["host"]["weights_bytes"] == pytest.approx(97e6, rel=0.05)
    stack.destroy().must()


def test_a_server_that_does_otherwise_than_planned_is_an_error_that_names_both(
    make_stack: MakeStack, box: lab.Box
) -> None:
    stack = make_stack()
    drop_in = f"/etc/systemd/system/{UNIT}.d/10-mine.conf"
    # It would be served in silence with half of the context.
    on(
        box,
        f"mkdir -p {UNIT_FILE}.d; printf '[Service]\\nExecStart=\\nExecStart=/bin/sh -c "
        f'"exec $(ls -d /var/lib/freehold/engines/*/llama-server) --model $(ls /var/lib/freehold/'
        "weights/*/*.gguf) --port 8080 --ctx-size 256 --parallel 1 --verbosity 4 "
        f"--api-key-file ${{CREDENTIALS_DIRECTORY}}/api-key\"\\n' >{drop_in}; "
        "systemctl daemon-reload",
    )
    try:
        text = stack.up().must(1).text
        assert "one: expected a context of 512 tokens, the engine has 256" in text
    finally:
        on(box, f"rm -r {UNIT_FILE}.d; systemctl daemon-reload")
    stack.up().must()
    stack.destroy().must()


def test_a_device_that_the_engine_does_not_see_is_an_error_before_the_weights_are_moved(
    make_stack: MakeStack, box: lab.Box
) -> None:
    stack = make_stack()
    node = {**stack.config["nodes"][0], "hardware": {"gpu": "RTX 3090", "gpus": 1}}
    with stack.changed(nodes=[node]):
        text = stack.up().must(1).text
    assert "invalid device: CUDA0" in text
    assert on(box, "ls /var/lib/freehold/weights 2>/dev/null || true") == ""
    stack.destroy().must()


def test_a_placement_by_hand_is_taken_as_it_is(make_stack: MakeStack, box: lab.Box) -> None:
    server = {**SERVER, "placement": "by_hand", "flags": {"--n-gpu-layers": 0}}
    stack = make_stack(server=server)
    text = stack.up().must().text
    assert "the placement is by hand: not sized" in text
    assert "--n-gpu-layers 0" in on(box, f"cat {UNIT_FILE}")
    assert stack.preview().must().changes == {}
    stack.destroy().must()


def fab(stack: Stack, *words: str) -> str:
    """stdout of a task on the stack, which must succeed."""
    done = subprocess.run(
        ["fab", *words], cwd=ROOT, env=stack.env, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"
    return done.stdout


def test_what_a_node_was_measured_to_do_takes_the_place_of_the_guess(
    make_stack: MakeStack, store: Store, tmp_path: Path
) -> None:
    own = tmp_path / "store"
    shutil.copytree(store.place, own, copy_function=os.link)
    stack = make_stack(store=str(own))
    assert "predicted: " in stack.up().must().text
    assert "as planned: host 11" in fab(stack, "service.placement")
    measured = fab(stack, "service.measure")
    speed = float(measured.split()[1])
    assert speed > 0
    assert len(list((own / "measured").iterdir())) == 1
    said = fab(stack, "size")
    assert "measured 20" in said
    assert f"{speed:.3g}"[:3] in said
    stack.destroy().must()
