"""The tests' `aws` provider under the real engine: as strict as the SDK, replacing as AWS does."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.aws.provider.servicer import KINDS
from tests.aws.provider.types import problems, resource
from tests.aws.sdk import engine_environment
from tests.aws.world import World
from tests.infra.stack import PASSPHRASE, ROOT

PROJECT = Path(__file__).parent / "project"


@dataclass(frozen=True)
class Engine:
    """A stack of `project` in a world of its own."""

    world: World
    folder: Path

    def run(self, *arguments: str, code: int = 0) -> str:
        """What the engine printed; it must have ended with `code`."""
        base = {k: v for k, v in os.environ.items() if not k.startswith(("PULUMI_", "AWS_"))}
        env = {
            **base,
            **self.world.environment(),
            "PATH": f"{ROOT / '.venv/bin'}{os.pathsep}{os.environ['PATH']}",
            "PULUMI_HOME": str(self.folder / "home"),
            "PULUMI_BACKEND_URL": f"file://{self.folder}",
            "PULUMI_CONFIG_PASSPHRASE": PASSPHRASE,
            "NO_COLOR": "1",
        }
        done = subprocess.run(
            ["pulumi", *arguments, "--non-interactive"],
            cwd=self.folder / "project",
            env=engine_environment(env),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr

    def up(self, *arguments: str, code: int = 0) -> str:
        return self.run("up", "--yes", "--skip-preview", *arguments, code=code)


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """The stack is up, once for the tests of this module, which go on from one another."""
    folder = tmp_path_factory.mktemp("provider")
    shutil.copytree(PROJECT, folder / "project")
    found = Engine(World(), folder)
    found.run("stack", "init", "parts")
    found.up()
    yield found
    found.world.close()


def kinds(world: World) -> list[str]:
    return [thing.split()[0] for thing in world.left()]


def test_up_makes_what_the_program_says_in_each_region(engine: Engine) -> None:
    per_region = ["group", "key", "schedule"]
    assert kinds(engine.world) == sorted([*per_region, *per_region, "profile", "role"])
    assert "10 unchanged" in engine.up()
    assert "10 unchanged" in engine.run("refresh", "--yes", "--skip-preview")


def test_tags_and_rules_change_in_place(engine: Engine) -> None:
    before = engine.world.left()
    engine.run("config", "set", "label", "two")
    engine.run("config", "set", "open_to", "203.0.113.0/24")
    assert "6 updated" in engine.up()
    assert engine.world.left() == before


def test_what_another_hand_changed_is_seen_and_put_back(engine: Engine) -> None:
    (group, *_) = (name for name in engine.world.left() if name.startswith("group"))
    for region in ("us-east-1", "us-west-2"):
        for groups in engine.world.ec2(region).groups.values():
            if group.split()[1] in groups:
                groups[group.split()[1]].ingress_rules.clear()
    assert "diff: ~ingress" in engine.up("--refresh")
    assert "10 unchanged" in engine.up("--refresh")


def test_a_path_and_a_description_are_replaced(engine: Engine) -> None:
    before = engine.world.left()
    engine.run("config", "set", "description", "another")
    engine.run("config", "set", "path", "/freehold/other/")
    assert "4 replaced" in engine.up()
    assert kinds(engine.world) == [thing.split()[0] for thing in before]
    gone = set(before) - set(engine.world.left())
    assert sorted(thing.split()[0] for thing in gone) == ["group", "group", "role"]


def test_what_is_gone_is_made_again(engine: Engine) -> None:
    (schedule, *_) = (name for name in engine.world.left() if name.startswith("schedule"))
    for region in ("us-east-1", "us-west-2"):
        schedules = engine.world.scheduler(region).schedule_groups["default"].schedules
        schedules.pop(schedule.split()[1], None)
    assert "1 created" in engine.up("--refresh")
    assert kinds(engine.world).count("schedule") == 2


def test_what_aws_refuses_fails_the_run_and_the_next_goes_on(engine: Engine) -> None:
    engine.run("config", "set", "label", "three")
    engine.world.faults.add("CreateTags", "UnauthorizedOperation", times=None)
    assert "UnauthorizedOperation" in engine.up(code=1)
    engine.world.faults.clear()
    engine.up()
    assert "10 unchanged" in engine.up()


def test_destroy_goes_on_after_a_dependency_and_leaves_nothing(engine: Engine) -> None:
    engine.world.faults.add("DeleteSecurityGroup", "DependencyViolation", region="us-west-2")
    assert "DependencyViolation" in engine.run("destroy", "--yes", "--skip-preview", code=1)
    assert "group" in kinds(engine.world)
    engine.run("destroy", "--yes", "--skip-preview")
    assert engine.world.left() == ()


@pytest.mark.parametrize("token", KINDS)
def test_each_type_is_one_of_the_sdks(token: str) -> None:
    found = resource(token)
    kind = KINDS[token]
    known = set(found["fields"])
    assert kind.replaced_by | kind.documents | kind.defaults.keys() <= known
    assert kind.is_regional == ("region" in known)


@pytest.mark.parametrize(
    ("token", "inputs", "said"),
    [
        (
            "aws:ec2/securityGroup:SecurityGroup",
            {"naem": "g", "ingress": [{"protocol": "tcp", "fromPort": 22, "topPort": 22}]},
            [
                ("naem", "is no input of SecurityGroupArgs"),
                ("ingress[0].topPort", "is no input of SecurityGroupIngressArgs"),
                ("ingress[0].toPort", "is required by SecurityGroupIngressArgs"),
            ],
        ),
        (
            "aws:ec2/keyPair:KeyPair",
            {"publicKey": "ssh-ed25519 AAAA", "tags": {"a": 1}},
            [("tags.a", "expected string, got int 1")],
        ),
        (
            "aws:scheduler/schedule:Schedule",
            {
                "scheduleExpression": "at(2030-01-01T00:00:00)",
                "flexibleTimeWindow": {"mode": "OFF"},
                "target": {"arn": "a"},
            },
            [("target.roleArn", "is required by ScheduleTargetArgs")],
        ),
    ],
)
def test_inputs_that_the_sdk_does_not_take_are_named(
    token: str, inputs: dict[str, object], said: list[tuple[str, str]]
) -> None:
    assert problems(token, inputs) == said
