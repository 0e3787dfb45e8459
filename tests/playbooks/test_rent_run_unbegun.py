"""What ends `fab rent.run` before its task has begun: refused, locked, no capacity, Ctrl-C."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.deadline import in_time
from tests.infra.conftest import rent  # noqa: F401  # a fixture
from tests.infra.rented import Rented
from tests.playbooks.conftest import Fab
from tests.playbooks.running import RunningFab


@pytest.fixture
def rented(rent: Callable[..., Rented]) -> Rented:  # noqa: F811
    return rent()


@pytest.fixture
def run(rented: Rented, tmp_path: Path) -> Iterator[Callable[..., RunningFab]]:
    """Begins `fab rent.run` with these arguments."""
    with ExitStack() as runs:

        def begin(*arguments: str) -> RunningFab:
            words = ["rent.run", "--out", str(tmp_path / "results"), *arguments]
            running = RunningFab(rented.stack.env, tmp_path / "run.log", *words)
            return runs.enter_context(running)

        yield begin


def test_its_options_are_described(fab: Fab) -> None:
    said = fab("--help", "rent.run").must().out
    options = ("--with=STRING", "--out=STRING", "--keep", "--local")
    assert [option for option in options if option not in said] == []


WRONG = {
    "no command": (
        (),
        "rent.run: expected a command, found none\nHint: fab rent.run -- COMMAND\n",
    ),
    "nothing after the dashes": (
        ("--",),
        "rent.run: expected a command, found none\nHint: fab rent.run -- COMMAND\n",
    ),
    "files for a command that runs here": (
        ("--local", "--with", "fabfile.py", "--", "true"),
        "--with: expected no files for a command that runs here\n",
    ),
    "a file that is not there": (
        ("--with", "/no/such.py", "--", "true"),
        "/no/such.py: No such file or directory\n",
    ),
    "a folder for the results that cannot be": (
        ("--out", "/proc/none", "--", "true"),
        "/proc/none: No such file or directory\n",
    ),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_is_refused_is_named_and_nothing_is_rented(
    fab: Fab, rented: Rented, what: str
) -> None:
    arguments, told = WRONG[what]
    said = fab("rent.run", *arguments, stack=rented.stack).must(1)
    assert (said.out, said.err) == ("", told)
    assert rented.world.calls == []


def test_a_stack_that_rents_nothing_runs_no_task(fab: Fab, rented: Rented) -> None:
    del rented.stack.config["rented"]
    with rented.stack.changed(nodes=[{"name": "one"}]):
        said = fab("rent.run", "--", "true", stack=rented.stack).must(1)
    assert said.err == (
        "freehold:rented: expected what is to be rented, found nothing\n"
        "Hint: stacks/reference.yaml shows the keys\n"
    )


def test_no_capacity_runs_no_task_and_leaves_nothing(
    rented: Rented, run: Callable[..., RunningFab]
) -> None:
    rented.world.faults.add("RunInstances", "InsufficientInstanceCapacity", times=None)
    said = run("--", "echo", "begun").end(1)
    assert "what else can be tried" in said
    assert "pulumi up failed: no task was run" in said.splitlines()
    assert f"lease {rented.record().lease.token}: clean, of what was looked at" in said
    assert rented.world.left() == ()
    assert rented.record().is_closed


def test_ctrl_c_while_it_is_made_ends_what_there_is(
    rented: Rented, run: Callable[..., RunningFab]
) -> None:
    rented.world.calls_until_console = 1_000_000
    running = run("--", "echo", "begun")
    running.until_true(lambda: rented.called("GetConsoleOutput"))
    running.interrupt()
    said = running.end(130)
    assert "SIGINT: ending it and tearing down; again to leave at once" in said
    assert rented.called("RunInstances") == 1
    assert rented.world.left() == ()
    assert rented.record().is_closed


def test_a_second_ctrl_c_leaves_at_once_and_says_what_bills_until_when(
    rented: Rented, run: Callable[..., RunningFab]
) -> None:
    rented.world.calls_until_console = 1_000_000
    running = run("--", "echo", "begun")
    running.until_true(lambda: rented.called("GetConsoleOutput"))
    held = rented.world.faults.hold("TerminateInstances", when="before")
    running.interrupt()
    running.until_true(held.reached.is_set)
    running.interrupt()
    said = running.end(130).splitlines()
    assert "Hint: pulumi destroy ends it now" in said
    assert [line for line in said if "goes on billing until its switches end it, at " in line]
    # The engine, which has a session of its own, goes on.
    held.release()
    assert in_time(lambda: rented.record().is_closed, 30)
    assert rented.world.left() == ()


def test_a_stack_that_another_is_at_work_on_is_left_to_it(
    rented: Rented, run: Callable[..., RunningFab]
) -> None:
    with rented.killed_at("RunInstances"):
        pass
    (orphan,) = rented.world.billing()
    said = run("--", "echo", "begun").end(1)
    assert f"{rented.stack.name}: expected no other engine at work on it" in said
    assert said.splitlines()[-1] == "Hint: where there is none: pulumi cancel, then the same again"
    assert [machine.id for machine in rented.world.billing()] == [orphan.id]
