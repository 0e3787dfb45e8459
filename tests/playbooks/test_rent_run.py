"""`fab rent.run` all the way, its instances booted from their user data; and its bad luck."""

from __future__ import annotations

import hashlib
import json
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from demo.parts import WEIGHTS
from freehold import lab
from freehold.custody.ledger import read_ledger
from freehold.hosts.command import Command
from freehold.hosts.host import run_or_raise
from freehold.hosts.ssh import SshHost
from freehold.hosts.ssh_config import SshSettings
from freehold.rent.guard import LEASE_PATH
from freehold.rent.lease import TAG_DEADLINE, time_text
from freehold.rent.rights import user_policy
from freehold.rent.task import TASK, TASK_FOLDER
from freehold.rent.way import pinned_of, way_to
from freehold.weights.store import Store
from tests.aws.boot import Boots, boots
from tests.aws.world import World
from tests.deadline import in_time
from tests.infra.rented import Rented, rent_key, rented_stack
from tests.playbooks.conftest import Fab
from tests.playbooks.running import RunningFab

ASK = """\
import json, os, pathlib, urllib.request
asked = {
    "model": os.environ["FREEHOLD_MODEL"],
    "messages": [{"role": "user", "content": "What is the capital of France?"}],
    "max_tokens": 8,
}
request = urllib.request.Request(
    os.environ["OPENAI_BASE_URL"] + "/chat/completions",
    json.dumps(asked).encode(),
    {
        "Authorization": "Bearer " + os.environ["OPENAI_API_KEY"],
        "Content-Type": "application/json",
    },
)
with urllib.request.urlopen(request, timeout=60) as answer:
    said = json.load(answer)["choices"][0]["message"]["content"]
pathlib.Path(os.environ["FREEHOLD_RESULTS"], "answer.txt").write_text(said)
print("answered:", said)
"""
WAIT = "echo begun; echo half >results/half.txt; until [ -e results/go ]; do sleep 0.1; done"
CANARY = "sk-canary-5d1f0c7a9b3e4826"
INSTANCES = 5


@dataclass
class Renting:
    """A stack that rents, whose instances are boxes that boot; `key` is its user's private one."""

    rented: Rented
    booting: Boots
    key: Path
    folder: Path
    runs: ExitStack = field(default_factory=ExitStack)

    @property
    def world(self) -> World:
        return self.rented.world

    @property
    def out(self) -> Path:
        """Where results come."""
        return self.folder / "results"

    def run(self, *arguments: str) -> RunningFab:
        """Begin `fab rent.run ARGUMENTS`."""
        log = self.folder / f"run-{len(list(self.folder.glob('run-*')))}.log"
        words = ["rent.run", "--out", str(self.out), *arguments]
        return self.runs.enter_context(RunningFab(self.rented.stack.env, log, *words))

    def home(self) -> Path:
        """What came of the last run."""
        return sorted(path for path in self.out.iterdir() if path.is_dir())[-1]

    def report(self) -> dict[str, Any]:
        """Of the last run."""
        found: dict[str, Any] = json.loads((self.home() / "report.json").read_text())
        return found

    def instance(self) -> str:
        """The one that bills."""
        (machine,) = self.world.billing()
        return machine.id

    def box(self) -> lab.Box:
        """What that is."""
        return self.booting.box(self.instance())

    def on_node(self, script: str) -> str:
        """stdout of a script that root runs on the node."""
        reach = self.rented.record().reach
        assert reach is not None
        way = way_to(reach, "direct", self.key)
        settings = SshSettings(pinned=pinned_of(way.rented))
        with closing(SshHost("node", way.destination, settings)) as host:
            return run_or_raise(host, Command(script, "by hand"))

    def is_torn_down(self) -> bool:
        """Whether nothing is left in the account, and the ledger has the lease as closed."""
        return self.world.left() == () and self.rented.record().is_closed


@pytest.fixture(scope="module")
def booting(
    store: Store, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Rented, Boots, Path]]:
    """A stack, what its instances are, and the key that they let in."""
    if reason := lab.unsupported():
        pytest.skip(reason)
    world, folder = World(), tmp_path_factory.mktemp("rent-run")
    key = rent_key(folder)
    rented = rented_stack(folder, store, world, key)
    rented.stack.set_api_key(CANARY)
    # Nothing but what the policy allows that `fab rent.policy` prints.
    world.allow_only(user_policy())
    with boots(world, INSTANCES, lab.default_state_dir().with_name("lab-tests")) as found:
        yield rented, found, key.with_suffix("")
    rented.stack.forget()
    world.close()


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What comes of all tests of this file."""
    return tmp_path_factory.mktemp("rent-run-results")


@pytest.fixture
def renting(
    booting: tuple[Rented, Boots, Path], results: Path, request: pytest.FixtureRequest
) -> Iterator[Renting]:
    """With results of its own for each test."""
    folder = results / request.node.name
    folder.mkdir()
    found = Renting(*booting, folder)
    with found.runs:
        yield found


WEIGHTS_BYTES = 64 << 20


def with_canary(folder: Path) -> list[Path]:
    """The files in a folder that have the key in them as it is; large ones are weights."""
    files = [p for p in folder.rglob("*") if p.is_file() and p.stat().st_size < WEIGHTS_BYTES]
    assert files
    return [path for path in files if CANARY.encode() in path.read_bytes()]


def test_it_goes_from_a_quote_to_a_report_and_leaves_nothing(
    fab: Fab, renting: Renting, store: Store
) -> None:
    rented = renting.rented
    quoted = fab("rent.quote", "--json", stack=rented.stack).must().json()
    script = renting.folder / "ask.py"
    script.write_text(ASK)
    said = renting.run("--with", str(script), "--", "python3", "ask.py").end(0)

    home = renting.home()
    answer = (home / "results/answer.txt").read_text()
    assert len(answer) > 8
    assert (home / "output.txt").read_text() == f"answered: {answer}\n"
    assert f"answered: {answer}\n" in said
    subprocess.run(["sha256sum", "-c", home / "SHA256SUMS"], cwd=home / "results", check=True)

    record = rented.record()
    assert renting.is_torn_down()
    assert f"lease {record.lease.token}: clean, of what was looked at" in said.splitlines()
    (rental,) = record.instances
    assert rental.type == quoted["tries"][0]["instance_type"]
    (copy,) = (
        copy
        for copy in read_ledger(store).copies()
        if copy.arrived and copy.arrived.event.details.get("instance") == rental.instance_id
    )
    assert copy.gone is not None
    assert copy.gone.event.details["claims"]

    report = renting.report()
    assert report["command"] == "python3 ask.py"
    assert (report["exit_code"], report["is_torn_down"]) == (0, True)
    assert report["results"] == {"answer.txt": hashlib.sha256(answer.encode()).hexdigest()}
    assert report["weights"]["name"] == WEIGHTS
    lease = report["lease"]
    assert (lease["token"], lease["is_closed"]) == (record.lease.token, True)
    assert lease["cost_usd"] == round(record.cost_usd(record.noted_until), 2) > 0
    assert [each["id"] for each in lease["instances"]] == [rental.instance_id]
    assert lease["instances"][0]["ended_at"] is not None


def test_the_key_was_seen_nowhere(renting: Renting, results: Path, store: Store) -> None:
    """After a run that has used it: in no state, store, ledger, user data, tag or call."""
    rented, world = renting.rented, renting.world
    assert with_canary(rented.stack.folder) == []
    assert with_canary(Path(store.place)) == []
    assert with_canary(results) == []
    (machine,) = world.machines()
    assert "freehold-lease" in machine.user_data
    assert CANARY not in f"{machine.user_data} {machine.tags}"
    assert [call for call in world.calls if CANARY in str(call.parameters)] == []


def test_a_task_that_fails_gives_its_exit_code_and_an_instance_may_be_kept(
    renting: Renting,
) -> None:
    said = renting.run("--keep", "--", "echo no luck >&2; exit 7").end(7)
    assert "no luck\n" in said
    assert "when its switches end it; pulumi destroy ends it now" in said
    assert renting.report()["exit_code"] == 7
    assert renting.report()["is_torn_down"] is False
    assert renting.on_node(f"ls -d {TASK_FOLDER} 2>/dev/null || true") == ""
    assert renting.instance()


def test_a_kill_of_fab_tears_nothing_down_and_every_switch_is_armed(renting: Renting) -> None:
    instance, record = renting.instance(), renting.rented.record()
    running = renting.run("--keep", "--", WAIT)
    running.until("\nbegun\n")
    running.kill()
    assert renting.instance() == instance
    assert renting.on_node("systemctl is-active freehold-task.service").strip() == "active"
    assert renting.on_node("systemctl is-active freehold-lease.timer").strip() == "active"
    assert any(each.startswith("schedule ") for each in renting.world.left())
    (machine,) = renting.world.billing()
    assert machine.tags[TAG_DEADLINE] == time_text(record.deadline)


def test_another_task_is_refused_while_one_runs_and_ends_nothing(renting: Renting) -> None:
    said = renting.run("--", "echo", "another").end(1)
    assert f"expected no other task on the node, found one that is running: {WAIT}" in said
    assert renting.instance()


def test_the_same_again_takes_up_what_the_killed_one_began(renting: Renting) -> None:
    running = renting.run("--keep", "--", WAIT)
    running.until("the task is there, running: taking it up")
    renting.on_node(f"touch {TASK.results}/go")
    running.end(0)
    assert (renting.home() / "output.txt").read_text() == "begun\n"
    assert sorted(renting.report()["results"]) == ["go", "half.txt"]


def test_what_is_kept_is_ended_by_its_own_switch_and_closed_by_a_destroy(
    fab: Fab, renting: Renting
) -> None:
    token = renting.rented.record().lease.token
    renting.on_node(
        f"sed -i '1s/^[0-9]*/1/' {LEASE_PATH}; systemctl --no-block start freehold-lease.service"
    )
    assert in_time(lambda: not renting.world.billing(), 60)
    left = fab("lease.audit", "--token", token, stack=renting.rented.stack).must(1)
    assert left.lines[0].endswith(" left, 0 of them billing")
    said = renting.rented.stack.destroy().must().text
    assert f"lease {token} is closed" in said
    assert renting.is_torn_down()


def test_ctrl_c_ends_the_task_brings_what_it_has_and_tears_down(renting: Renting) -> None:
    running = renting.run("--", WAIT)
    running.until("\nbegun\n")
    running.interrupt()
    said = running.end(130)
    assert "SIGINT: ending it and tearing down; again to leave at once" in said
    assert (renting.home() / "results/half.txt").read_text() == "half\n"
    assert renting.report()["is_torn_down"] is True
    assert renting.is_torn_down()


def test_a_node_that_is_unreachable_before_its_destroy_is_ended_at_aws(renting: Renting) -> None:
    script = renting.folder / "ask.py"
    script.write_text(ASK)
    running = renting.run(
        "--local", "--", f"python3 {script} && touch $FREEHOLD_RESULTS/asked; "
        f"until [ -e {renting.folder}/unplugged ]; do sleep 0.1; done",
    )  # fmt: skip
    running.until_true(lambda: list(renting.out.glob("*/results/asked")))
    box = renting.box()
    box.unplug()
    (renting.folder / "unplugged").touch()
    said = running.end(0)
    assert "answered: " in said
    assert "pulumi destroy failed: what bills is ended first, then it is asked again" in said
    assert sorted(renting.report()["results"]) == ["answer.txt", "asked"]
    assert renting.is_torn_down()


def test_a_node_that_is_lost_is_looked_for_until_a_switch_has_ended_it(renting: Renting) -> None:
    running = renting.run("--", WAIT)
    running.until("\nbegun\n")
    renting.box().unplug()
    instance = renting.instance()
    running.until("connection lost (")
    renting.world.clock.set(renting.rented.record().deadline)
    (fired,) = [each for each in renting.world.fire_schedules() if each.ended]
    assert fired.denied == ()
    said = running.end(1)
    assert renting.report()["exit_code"] is None
    assert renting.is_torn_down()
    assert f"AWS says that {instance} has ended" in said.splitlines()
