"""From a bare box to a served token and back, once, seen from every side."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

import pytest

from demo.parts import WEIGHTS
from freehold import lab
from freehold.custody.event import Act
from freehold.custody.ledger import read_ledger
from freehold.hosts.host import Host
from freehold.render.paths import VERIFY_TIMER, VERIFY_TIMER_PATH, VERIFY_UNIT_PATH
from freehold.weights.manifest import Kind
from freehold.weights.store import Store
from tests.infra.conftest import MakeStack
from tests.infra.on_box import UNIT, is_served, on, server_pid, tree
from tests.infra.stack import Outcome, Stack

KEY_FILE = "/etc/freehold/api-key"
UNIT_FILE = f"/etc/systemd/system/{UNIT}"
LAYOUT = "one-layout"
ALL = {
    "one",
    "one-engine",
    LAYOUT,
    "one-weights",
    f"one:{KEY_FILE}",
    f"one:{UNIT_FILE}",
    f"one:{UNIT}",
    f"one:{VERIFY_UNIT_PATH}",
    f"one:{VERIFY_TIMER_PATH}",
    f"one:{VERIFY_TIMER}",
}


@dataclass(frozen=True)
class Story:
    """What happened, in this order."""

    stack: Stack
    bare: str
    preview: Outcome
    after_preview: str
    up: Outcome
    processes: frozenset[bytes]
    """The arguments of every process of this machine, its boxes' too, during `up`; of ssh and of
    the server the environment too."""
    pid: int
    again: Outcome
    pid_then: int


@pytest.fixture(scope="module")
def story(make_stack: MakeStack, box: lab.Box) -> Story:
    stack = make_stack()
    bare = tree(box)
    preview = stack.preview("--diff").must()
    after_preview = tree(box)
    running, seen = stack.start("up", "--yes", "--skip-preview"), set[bytes]()
    while running.process.poll() is None:
        seen |= _processes()
    up = running.end().must()
    pid = server_pid(box)
    again = stack.up().must()
    return Story(
        stack, bare, preview, after_preview, up, frozenset(seen), pid, again, server_pid(box)
    )


def _processes() -> set[bytes]:
    """What anyone may read of each process, and what only its own user may of some."""
    seen = set()
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            argv = (folder / "cmdline").read_bytes()
            seen.add(argv)
            if argv.startswith(b"ssh\0") or b"/llama-server\0" in argv:
                seen.add((folder / "environ").read_bytes())
        except OSError:
            continue  # it ended meanwhile
    return seen


def test_the_preview_of_a_bare_box_names_all_that_will_be_made(story: Story) -> None:
    assert story.preview.changes == dict.fromkeys(ALL, "create")
    assert "ExecStart=" in story.preview.text or "[Unit]" in story.preview.text
    for done in ("sync llama.cpp", "sync smollm2-135m: 1 of 1 files, 98 MB", f"place {UNIT_FILE}"):
        assert done in story.preview.text


def test_the_preview_says_whether_it_fits_how_fast_and_why(story: Story) -> None:
    assert "smollm2-135m Q4_1 on one: fits, all in RAM; 1 slot of 512 tokens" in story.preview.text
    assert re.search(r"predicted: [\d.]+ \([\d.]+ to [\d.]+\) tokens/s", story.preview.text)
    assert "KV cache" in story.preview.text


def test_the_engine_is_asked_once_it_is_there_and_before_the_weights_are(story: Story) -> None:
    assert "the engine's own account" not in story.preview.text
    assert "the engine's own account, asked before the load:" in story.up.text
    host = next(
        line for line in story.up.text.splitlines() if re.match(r"\s*host +\d+ +\d+ ", line)
    )
    formula, engine = (int(number) for number in host.split()[1:3])
    assert 100 < engine < 200
    assert abs(formula - engine) <= 2


def test_a_preview_changes_nothing_on_the_box(story: Story) -> None:
    assert story.after_preview == story.bare


def test_up_does_what_the_preview_said_and_waits_for_a_token(story: Story) -> None:
    assert story.up.changes == story.preview.changes
    assert "first token after" in story.up.text


def test_the_outputs_are_what_a_client_needs(story: Story, host: Host) -> None:
    outputs = story.stack.outputs()
    assert outputs["endpoints"] == {"one": "http://127.0.0.1:8080/v1"}
    assert outputs["model"] == "smollm2-135m"
    assert is_served(host, outputs["api_key"])
    assert not is_served(host, "not-the-key")


def test_a_second_up_changes_nothing_and_restarts_nothing(story: Story) -> None:
    assert story.again.changes == {}
    assert story.pid_then == story.pid > 0


def test_the_key_is_in_its_file_alone(story: Story, box: lab.Box) -> None:
    key = story.stack.outputs()["api_key"]
    assert on(box, f"cat {KEY_FILE}; stat -c '%a %U:%G' {KEY_FILE}") == f"{key}\n600 root:root"
    elsewhere = on(box, f"grep -rlF {key} /etc /var /run /tmp /root /home 2>/dev/null || true")
    # systemd's copy for the service is in memory, and readable by the server's user alone.
    copies = [place for place in elsewhere.splitlines() if place != KEY_FILE]
    assert all(place.startswith("/run/credentials/llama-server.service/") for place in copies)
    assert on(box, f"journalctl -o export --no-pager | grep -acF {key} || true") == "0"


def test_the_key_is_in_no_state_history_log_argument_or_environment(story: Story) -> None:
    key = story.stack.outputs()["api_key"].encode()
    files = [path for path in story.stack.folder.rglob("*") if path.is_file()]
    assert any(path.suffix == ".events" for path in files)
    assert any("history" in path.parts for path in files)
    assert [path for path in [*files, story.stack.file] if key in path.read_bytes()] == []
    assert any(b"/llama-server\0" in argv for argv in story.processes)
    assert [argv for argv in story.processes if key in argv] == []


def test_destroy_leaves_the_box_as_it_was_found_and_the_store_untouched(
    story: Story, box: lab.Box, store: Store
) -> None:
    before = contents(Path(store.place))
    assert story.stack.destroy().must().changes == dict.fromkeys(ALL, "delete")
    assert tree(box) == story.bare
    assert server_pid(box) == 0
    assert story.stack.destroy().must().changes == {}
    after = contents(Path(store.place))
    assert {path: after[path] for path in before} == before
    ledger = read_ledger(store)
    # What is new is the ledger's last entry: what the copy's way was is all there.
    assert len(after) - len(before) == 1
    mine = [entry.event for entry in ledger.entries][-3:]
    assert {event.place for event in mine} == {"one"}
    assert [event.act for event in mine] == [Act.ARRIVED, Act.SERVED, Act.WIPED]
    assert {event.digest for event in mine} == {store.manifest(Kind.WEIGHTS, WEIGHTS).digest}


def contents(folder: Path) -> dict[Path, str]:
    """Of every file: its hash."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
