"""`fab` in a shell: which nodes and in which order, pipes, terminals, Ctrl-C, wrong options."""

from __future__ import annotations

import os
import pty
import re
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from freehold import lab
from tests.deadline import in_time
from tests.gguf.files import write_model
from tests.infra.conftest import MakeStack
from tests.infra.on_box import on, slowed
from tests.infra.stack import ROOT, Stack
from tests.playbooks.conftest import Fab

FAB = str(ROOT / ".venv/bin/fab")
WEIGHTS = "/var/lib/freehold/weights"
COLOUR = re.compile(r"\x1b\[[\d;]*[349]\d[\d;]*m")


@pytest.fixture(scope="module")
def stack(make_stack: MakeStack, lab_boxes: lab.Lab) -> Stack:
    """Of two nodes on bare boxes, which are not declared in the alphabet's order."""
    west, east = lab_boxes.boxes
    return make_stack(
        nodes=[{"name": "west", "ssh": west.name}, {"name": "east", "ssh": east.name}]
    )


def first_words(lines: list[str]) -> list[str]:
    return [line.split()[0] for line in lines]


def test_all_nodes_are_told_in_the_stacks_order_and_one_of_them_alone(
    fab: Fab, stack: Stack
) -> None:
    assert first_words(fab("node.facts", "--json", stack=stack).must().lines) == ['{"node":'] * 2
    assert first_words(fab("service.status", stack=stack).must(1).lines) == ["west", "east"]
    assert first_words(fab("-H", "east", "service.status", stack=stack).must(1).lines) == ["east"]
    said = fab("-H", "east,west", "service.status", stack=stack).must(1)
    assert said.lines == [
        f"{name}  FAILED  not there: `pulumi up` places it" for name in ("east", "west")
    ]
    assert said.err == "failed on 2 of 2: east, west\n"


def test_a_node_that_cannot_be_asked_does_not_keep_the_others_from_it(
    fab: Fab, stack: Stack
) -> None:
    said = fab("-H", "nobody.invalid,west", "node.facts", "--json", stack=stack).must(1)
    assert said.json()["node"] == "west"
    assert "nobody.invalid  FAILED  connecting: ssh nobody.invalid: expected a host" in said.err
    said = fab("service.ask", "Hello?", stack=stack).must(1)
    assert first_words(said.lines)[0] == "west:"
    assert "failed on 2 of 2: west, east" in said.err


@pytest.mark.parametrize("line", ["fab -l", "fab node.facts", "fab weights.list --json"])
@pytest.mark.parametrize("reader", ["true", "head -n 1"])
def test_a_pipe_that_is_closed_early_ends_a_task_without_a_word(
    stack: Stack, line: str, reader: str
) -> None:
    argv = ["bash", "-c", f"{line} | {reader}; exit ${{PIPESTATUS[0]}}"]
    done = subprocess.run(
        argv, cwd=ROOT, env=stack.env, capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.returncode, done.stderr) == (0, "")


def in_a_terminal(env: dict[str, str], *arguments: str) -> str:
    """All that a terminal is sent."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [FAB, *arguments], cwd=ROOT, env=env, stdin=theirs, stdout=theirs, stderr=theirs
    )
    os.close(theirs)
    sent = b""
    try:
        while piece := os.read(ours, 4096):
            sent += piece
    except OSError:  # EIO: nobody has the other end
        os.close(ours)
    assert process.wait(30) == 0, sent
    return sent.decode()


def test_colours_are_for_terminals_that_want_them(fab: Fab, stack: Stack, tmp_path: Path) -> None:
    model = str(write_model(tmp_path / "m.gguf"))
    put = ["weights.put", model, "--name", "m", "--store", str(tmp_path / "store")]
    env = {name: value for name, value in stack.env.items() if name != "NO_COLOR"}
    env |= {"TERM": "xterm-256color"}
    assert COLOUR.search(in_a_terminal(env, *put))
    assert not COLOUR.search(in_a_terminal({**env, "NO_COLOR": "1"}, *put))
    assert "\x1b" not in (said := fab(*put).must()).out + said.err


WRONG = {
    "a number that is none": (
        ("service.logs", "--lines", "ten"),
        '--lines: expected a whole number of at least 1, got "ten"',
    ),
    "a number below one": (
        ("service.ask", "Hi", "--max-tokens", "0"),
        '--max-tokens: expected a whole number of at least 1, got "0"',
    ),
    "a name with a blank": (
        ("weights.put", __file__, "--name", "My model"),
        '--name: expected a name of a-z, 0-9, ".", "_" and "-"',
    ),
    "a name that leads elsewhere": (("weights.put", __file__, "--name", "../up"), 'got "../up"'),
    "a word about it without a value": (
        ("weights.put", __file__, "--name", "m", "--about", "MIT"),
        "--about: expected key=value,key=value, got MIT",
    ),
    "a file that is not there": (
        ("weights.put", "/no/such.gguf", "--name", "m"),
        "/no/such.gguf: expected a file or a folder, found nothing",
    ),
    "a store that cannot be": (
        ("weights.put", __file__, "--name", "m", "--store", "/proc/none"),
        "/proc/none: expected to make the store's folder, got: ",
    ),
    "an engine that is not there": (
        ("engine.help", "--name", "mine"),
        "expected engine named mine, found llama.cpp-",
    ),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_is_refused_is_named(fab: Fab, stack: Stack, what: str) -> None:
    arguments, told = WRONG[what]
    assert told in fab(*arguments, stack=stack).must(1).err


def test_an_engine_that_does_not_run_is_refused_with_its_last_words(
    fab: Fab, tmp_path: Path
) -> None:
    engine = tmp_path / "build/llama-server"
    engine.parent.mkdir()
    engine.write_text("#!/bin/sh\necho libcuda.so.1 is missing >&2\nexit 127\n")
    to = ("--store", str(tmp_path / "store"))
    refused = fab("engine.put", str(engine.parent), "--name", "mine", *to).must(1)
    assert f"{engine}: expected its --help, got exit 127\n  libcuda.so.1 is missing" in refused.err
    assert "no engines yet" in fab("engine.list", *to).must().out


def test_a_store_that_takes_no_more_says_so_and_keeps_nothing(tmp_path: Path) -> None:
    store = tmp_path / "store"
    (store / "blobs").mkdir(parents=True)
    model = write_model(tmp_path / "m.gguf")
    # A limit of the process, which the kernel refuses as it does a full disk.
    limited = f"ulimit -f 0; trap '' XFSZ; exec {FAB} weights.put {model} --name m --store {store}"
    done = subprocess.run(
        ["bash", "-c", limited], cwd=ROOT, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    assert last.startswith(f"{store}: adding m.gguf: ")
    assert last.endswith(": File too large")
    assert list(store.rglob("*")) == [store / "blobs"]


@contextmanager
def syncing(stack: Stack, boxes: Sequence[lab.Box]) -> Iterator[subprocess.Popen[str]]:
    """A sync to all nodes that has begun, over cables that make it last."""
    with ExitStack() as cables:
        for box in boxes:
            cables.enter_context(slowed(box, "40mbit"))
        process = subprocess.Popen(
            [FAB, "weights.sync"],
            cwd=ROOT,
            env={**stack.env, "FREEHOLD_TEST_RUN": stack.name},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        arriving = [box.folder / "upper" / WEIGHTS[1:] for box in boxes]
        assert in_time(lambda: all(map(has_begun, arriving)))
        yield process


def has_begun(sets: Path) -> bool:
    """Whether a set's first file is on its way there."""
    try:
        return bool(list(sets.glob("*.partial/*.gguf")))
    except FileNotFoundError:  # a folder that went while it was listed
        return False


def started_by(run: str) -> dict[int, list[str]]:
    """The arguments of each process that has this run's mark in its environment."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if f"FREEHOLD_TEST_RUN={run}\0".encode() in (folder / "environ").read_bytes():
                found[int(folder.name)] = (folder / "cmdline").read_text().split("\0")
        except OSError:
            continue
    return found


def test_ctrl_c_ends_a_sync_on_all_nodes_and_leaves_nothing_behind(
    fab: Fab, stack: Stack, lab_boxes: lab.Lab
) -> None:
    with syncing(stack, lab_boxes.boxes) as running:
        ssh = [argv for argv in started_by(stack.name).values() if argv[0].startswith("ssh")]
        folders = set(re.findall(r"/tmp/fh-[\w-]+", str(ssh)))
        assert len(folders) >= 2  # a connection a box, and those of a fan-out
        os.killpg(running.pid, signal.SIGINT)
        said, _ = running.communicate(timeout=10)
    assert running.returncode == 130
    assert said.splitlines()[-1] == "stopped: what was done until now stays"
    assert "Traceback" not in said
    assert in_time(lambda: not started_by(stack.name)), started_by(stack.name)
    assert [folder for folder in folders if Path(folder).exists()] == []
    west, east = fab("weights.sync", stack=stack).must().lines
    assert west.startswith("west  smollm2-135m synced: ")
    assert east.startswith("east  smollm2-135m synced: ")
    for box in lab_boxes.boxes:
        on(box, "rm -r /var/lib/freehold")
