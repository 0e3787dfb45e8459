"""`fab rent.*` and `fab lease.*` but for rent.run: what they say and refuse."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from freehold import lab
from freehold.rent.guard import GUARD_START, LEASE_PATH, guard_files
from freehold.rent.lease import TAG_DEADLINE, time_text
from freehold.rent.reach import Reach
from freehold.rent.rights import as_json, reap_policy, user_policy
from freehold.rent.thing import Kind
from freehold.weights.open import create_store
from freehold.weights.store import Store
from tests.aws.world import World
from tests.infra.on_box import on
from tests.infra.rented import Rented, rent_key, rented_stack
from tests.playbooks.conftest import Fab, Said
from tests.rent.conftest import world  # noqa: F401  # a fixture
from tests.rent.leftovers import TOKEN, Leftovers, lease, of_lease, reserve
from tests.rent.stage import Stage, staged

NOWHERE = {
    "AWS_CONFIG_FILE": "/nowhere",
    "AWS_SHARED_CREDENTIALS_FILE": "/nowhere",
    "AWS_EC2_METADATA_DISABLED": "true",
}
MakeRented = Callable[..., Rented]


@pytest.fixture
def make_rented(world: World, tmp_path: Path) -> Iterator[MakeRented]:  # noqa: F811
    """A maker of one stack that rents in `world`; it has a ledger of its own."""
    made: list[Rented] = []

    def make(key: Path | None = None, **keys: object) -> Rented:
        store = create_store(tmp_path / "store")
        made.append(rented_stack(tmp_path, store, world, key or rent_key(tmp_path), **keys))
        return made[-1]

    yield make
    for each in made:
        each.stack.forget()


@pytest.fixture
def rented(make_rented: MakeRented) -> Rented:
    """A stack for which nothing is rented yet."""
    return make_rented()


@pytest.fixture
def stage(rented: Rented) -> Stage:
    """A lease of that stack of 4 hours, with an instance, as an `up` makes it."""
    found = staged(rented.world, rented.book, stack=rented.id)
    found.launch()
    return found


@dataclass
class Call:
    """`fab` on a stack."""

    fab: Fab
    rented: Rented

    def __call__(self, *arguments: str) -> Said:
        return self.fab(*arguments, stack=self.rented.stack)


@pytest.fixture
def call(fab: Fab, rented: Rented) -> Call:
    return Call(fab, rented)


def test_the_tasks_are_listed(fab: Fab) -> None:
    listed = {line.split()[0] for line in fab("-l").must().lines if line.startswith("  ")}
    tasks = {f"lease.{verb}" for verb in ("list", "show", "renew", "end", "audit", "reap")}
    tasks |= {f"rent.{verb}" for verb in ("quote", "run", "policy")}
    assert tasks <= listed


def test_the_policy_is_json_for_aws_and_needs_no_stack(fab: Fab) -> None:
    assert fab("rent.policy").must().out == as_json(user_policy())
    assert fab("rent.policy", "--reap").must().out == as_json(reap_policy())


class TestQuote:
    """What could be rented, with prices and quotas that AWS has said."""

    @pytest.fixture
    def rented(self, world: World, store: Store, tmp_path: Path) -> Iterator[Rented]:  # noqa: F811
        found = rented_stack(tmp_path, store, world, rent_key(tmp_path))
        yield found
        found.stack.forget()

    def test_it_is_a_table_sorted_by_cost_and_the_order_of_the_tries(self, call: Call) -> None:
        said = call("rent.quote").must()
        heading, asked = said.lines[:2]
        assert heading.endswith("cost of the whole lease of 2 h")
        assert asked.startswith("AWS was asked at ")
        rows = [line.split()[0] for line in said.lines if line[:3] in ("p4d", "p5.")]
        assert rows == ["p4d.24xlarge", "p5.48xlarge"]
        assert "pulumi up would try, in this order:" in said.lines
        read_only = ("Describe", "Get", "List")
        assert all(each.action.startswith(read_only) for each in call.rented.world.calls)

    def test_its_json_has_the_same(self, call: Call) -> None:
        found = call("rent.quote", "--json", "--hours", "1.5").must().json()
        assert (found["task"]["hours"], found["is_offline"]) == (1.5, False)
        assert {row["type"] for row in found["rows"]} == {"p4d.24xlarge", "p5.48xlarge"}
        tried = dict.fromkeys(each["instance_type"] for each in found["tries"])
        assert list(tried) == ["p5.48xlarge", "p4d.24xlarge"]  # the stack's order, not the cost's

    def test_offline_nobody_is_asked_and_the_prices_say_of_when_they_are(self, call: Call) -> None:
        said = call("rent.quote", "--offline").must()
        assert said.lines[1].startswith("offline: prices are the catalogue's (on demand in ")
        assert call.rented.world.calls == []

    def test_all_is_of_the_whole_catalogue_bought_in_every_way(self, call: Call) -> None:
        found = call("rent.quote", "--all", "--json").must().json()
        assert len({row["type"] for row in found["rows"]}) > 2
        assert {"spot", "on-demand"} <= {row["market"] for row in found["rows"]}

    def test_where_nothing_can_be_rented_it_says_so_and_why(self, call: Call) -> None:
        call.rented.shop.quotas.clear()
        said = call("rent.quote").must(1)
        assert "nothing of this can be rented now" in said.lines
        assert ": 0 vCPUs" in said.out
        assert "; 192 are needed: p5.48xlarge" in said.out

    def test_numbers_that_are_none_are_named_all_at_once(self, call: Call) -> None:
        said = call("rent.quote", "--hours", "ten", "--tokens=-5", "--sync-mbit", "inf").must(1)
        assert said.err.splitlines() == [
            '--hours: expected a number above 0, got "ten"',
            '--tokens: expected a number above 0, got "-5"',
            '--sync-mbit: expected a number above 0, got "inf"',
        ]
        said = call("rent.quote", "--hours", "2", "--tokens", "5e6").must(1)
        assert said.err == "--tokens: expected it or --hours, got both\n"


def test_a_stack_that_rents_nothing_has_no_quote(fab: Fab, rented: Rented) -> None:
    box = {"nodes": [{"name": "one"}]}
    rented.stack.config.pop("rented")
    with rented.stack.changed(**box):
        said = fab("rent.quote", stack=rented.stack).must(1)
    assert said.err == (
        "freehold:rented: expected what may be rented, found nothing\n"
        "Hint: stacks/reference.yaml has its keys\n"
    )


def test_a_ledger_without_leases_is_a_table_without_rows(call: Call) -> None:
    assert call("lease.list").must().lines == [
        "TOKEN  STACK  STATE  UNTIL (UTC)  INSTANCES  USD  OF"
    ]
    assert call("lease.list", "--json").must().json() == []
    for task in ("lease.show", "lease.end"):
        assert call(task).must(1).err == (
            "leases: expected a lease of the stack, found none\nHint: pulumi up\n"
        )
    assert "nothing is rented now" in call("lease.renew", "1").must(1).err


def test_a_lease_is_shown_with_its_instance_its_cost_and_what_was_done(
    call: Call, stage: Stage
) -> None:
    (instance,) = stage.billing
    token = stage.lease.token
    headings, row = call("lease.list").must().lines
    assert headings.split()[:3] == ["TOKEN", "STACK", "STATE"]
    assert row.split()[:3] == [token, call.rented.id, "running"]
    assert instance in row
    shown = call("lease.show").must()
    assert shown.lines[0].startswith(f"{token}  {call.rented.id}  running, by ")
    assert [line.split()[1] for line in shown.lines[-3:]] == ["intent", "tried", "made"]
    assert call("lease.show", "--token", token).must().lines[0] == shown.lines[0]
    (listed,) = call("lease.list", "--json").must().json()
    found = call("lease.show", "--json").must().json()
    assert listed["token"] == found["token"] == token
    assert [each["instance_id"] for each in found["instances"]] == [instance]


@pytest.mark.parametrize("task", ["lease.show", "lease.end", "lease.audit"])
def test_a_token_that_is_none_is_refused(call: Call, task: str) -> None:
    said = call(task, "--token", "../../etc").must(1)
    assert said.err == '--token: expected a lease\'s 16 digits, got "../../etc"\n'


def test_a_token_that_no_lease_has_is_named(call: Call) -> None:
    assert TOKEN in call("lease.show", "--token", TOKEN).must(1).err
    assert TOKEN in call("lease.end", "--token", TOKEN).must(1).err


def test_the_end_of_a_lease_ends_all_that_bears_its_token(call: Call, stage: Stage) -> None:
    stage.world.calls_until_terminated = 0
    said = call("lease.end").must()
    assert stage.billing == ()
    assert [rental.is_live for rental in stage.record.instances] == [False]
    assert said.lines[-1] == "Hint: pulumi destroy closes it"
    assert said.lines[-2].startswith(f"lease {stage.lease.token}: ")
    assert said.lines[-2].endswith(" gone, 0 left")
    again = call("lease.end").must()
    assert again.lines[-2] == f"lease {stage.lease.token}: 0 gone, 0 left"


def test_an_end_that_aws_refuses_says_what_is_left(call: Call, stage: Stage) -> None:
    stage.world.faults.add("TerminateInstances", "OperationNotPermitted", times=None)
    said = call("lease.end").must(1)
    assert f"instance {stage.billing[0]} in us-east-1: left: OperationNotPermitted" in said.out
    assert re.fullmatch(rf"lease {stage.lease.token}: \d+ gone, \d+ left", said.lines[-1])


@pytest.fixture
def ours(world: World) -> Leftovers:  # noqa: F811
    """What a lease that ended an hour ago left, as it is made."""
    reserve(world)
    return of_lease(world, lease(world.clock() - timedelta(hours=1)))


def test_an_audit_says_what_is_left_and_what_it_looked_at(fab: Fab, ours: Leftovers) -> None:
    clean = fab("lease.audit").must()
    assert clean.lines[0] == "leases: clean, of what was looked at"
    assert any(line.startswith("looked at, in ") for line in clean.lines)
    instance = ours.make(Kind.INSTANCE)
    for arguments in ((), ("--token", TOKEN)):
        said = fab("lease.audit", *arguments).must(1)
        whose = "leases" if not arguments else f"lease {TOKEN}"
        assert said.lines[0] == f"{whose}: 2 left, 2 of them billing"  # its volume too
        assert f"terminate-instances --region us-east-1 --instance-ids {instance}" in said.out
    found = fab("lease.audit", "--json").must(1).json()
    assert instance in {thing["id"] for thing in found["found"]}


def test_an_audit_that_could_not_look_everywhere_is_no_success(fab: Fab, ours: Leftovers) -> None:
    fault = {"region": "us-west-2", "times": None}
    ours.world.faults.add("DescribeInstances", "UnauthorizedOperation", **fault)
    said = fab("lease.audit").must(2)
    assert "NOT looked at: instances in us-west-2: UnauthorizedOperation" in said.out
    assert fab("lease.audit", "--json").must(2).json()["may_hide_bills"] is True


def test_without_credentials_nobody_is_told_that_nothing_is_left(
    fab: Fab, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    for task in ("lease.audit", "lease.reap"):
        said = fab(task, **NOWHERE).must(1)
        assert said.out == ""
        assert said.err.endswith("Hint: aws configure, or set AWS_PROFILE\n")


def test_reap_ends_what_is_over_and_a_dry_run_only_says_it(fab: Fab, ours: Leftovers) -> None:
    before = ours.world.left()
    ours.world.calls_until_terminated = 0
    instance, _key = ours.make(Kind.INSTANCE), ours.make(Kind.KEY)
    dry = fab("lease.reap", "--dry-run").must(1)
    assert dry.lines[0].endswith(" over; nothing was ended, as this was a dry run")
    assert instance in dry.out
    assert [machine.id for machine in ours.world.billing()] == [instance]
    done = fab("lease.reap", "--json").must().json()
    assert (done["is_done"], done["left"]) == (True, [])
    assert instance in {thing["id"] for thing in done["gone"]}
    assert ours.world.left() == before
    assert fab("lease.reap").must().lines == [
        "0 over: 0 gone, 0 left",
        f"NOT looked at: anything in {', '.join(ours.world.regions_off)}: off in this account",
    ]


def test_reap_leaves_what_still_has_time(call: Call, stage: Stage) -> None:
    said = call("lease.reap").must()
    assert said.lines[0] == "0 over: 0 gone, 0 left"
    assert stage.billing[0] in said.out
    assert len(stage.billing) == 1


@pytest.fixture
def on_box(box: lab.Box, make_rented: MakeRented) -> Rented:
    """A stack that the box's user may log in for."""
    return make_rented(box.lab_folder / "client_key.pub", user="admin")


@pytest.fixture
def guarded(box: lab.Box, on_box: Rented) -> Iterator[Stage]:
    """A lease of 4 hours whose instance is a box with its own switch, as user data places it."""
    rented = on_box
    stage = staged(rented.world, rented.book, stack=rented.id)
    launched = stage.launch()
    key = (box.folder / "seed/etc/ssh/ssh_host_ed25519_key.pub").read_text().strip()
    reach = Reach(launched.instance_id, launched.region, box.address, "admin", (key,))
    rented.book.reached(stage.lease.token, reach)
    script = ""
    for file in guard_files(stage.lease.deadline, stage.lease.made_at):
        script += (
            f"mkdir -p $(dirname {file.path})\n"
            f"install -m {file.mode:o} /dev/stdin {file.path} <<'FREEHOLD'\n"
            f"{file.content}FREEHOLD\n"
        )
    on(box, script + "\n".join(map(shlex.join, GUARD_START)))
    yield stage
    on(
        box,
        # Its look of now too: a lease that it finds gone would have it power the box off.
        "systemctl disable --now freehold-lease.timer; systemctl stop freehold-lease.service; "
        "rm -rf /etc/freehold /run/freehold-lease "
        "/etc/systemd/system/freehold-lease.* /usr/local/sbin/freehold-lease; "
        "systemctl daemon-reload",
    )


def test_a_renewal_moves_every_switch_and_the_ledger(
    fab: Fab, on_box: Rented, guarded: Stage, box: lab.Box
) -> None:
    later = guarded.lease.deadline + timedelta(hours=1.5)
    said = fab("lease.renew", "1.5", stack=on_box.stack).must()
    assert said.lines[-1] == f"renewed until {time_text(later)}"
    assert guarded.record.deadline == later
    (machine,) = on_box.world.billing()
    assert machine.tags[TAG_DEADLINE] == time_text(later)
    (moved,) = guarded.calls("UpdateSchedule")
    assert moved.parameters["ScheduleExpression"] == f"at({later:%Y-%m-%dT%H:%M:%S})"
    assert on(box, f"cat {LEASE_PATH}").split()[0] == f"{later.timestamp():.0f}"


def test_a_renewal_that_a_switch_cannot_follow_is_not_done_and_is_gone_on_with(
    fab: Fab, on_box: Rented, guarded: Stage, box: lab.Box
) -> None:
    on(box, "systemctl stop freehold-lease.timer")
    said = fab("lease.renew", "1", stack=on_box.stack).must(1)
    assert "expected freehold-lease.timer to be active: it is not" in said.err
    assert guarded.record.deadline == guarded.lease.deadline
    (row,) = (
        line for line in fab("lease.list", stack=on_box.stack).must().lines if "begun" in line
    )
    assert row.endswith("was begun and not finished: fab lease.renew goes on")
    on(box, "systemctl start freehold-lease.timer")
    fab("lease.renew", "1", stack=on_box.stack).must()
    assert guarded.record.deadline == guarded.lease.deadline + timedelta(hours=1)


@pytest.mark.parametrize("hours", ["ten", "0", "-1", "nan", "inf"])
def test_hours_that_are_none_are_refused(call: Call, hours: str) -> None:
    said = call("lease.renew", f"--hours={hours}").must(1)
    assert said.err == f'--hours: expected a number of hours above 0, got "{hours}"\n'


def test_a_renewal_beyond_the_budget_is_refused_with_the_hours_that_it_allows(
    fab: Fab, on_box: Rented, guarded: Stage
) -> None:
    on_box.stack.config["rented"]["budget_usd"] = 300
    on_box.stack.write()
    said = fab("lease.renew", "5", stack=on_box.stack).must(1)
    assert "the budget is 300.00" in said.err
    assert "Hint: fab lease.renew --hours 1.3" in said.err
    assert guarded.record.deadline_at_most == guarded.lease.deadline
