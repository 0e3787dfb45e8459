"""Instances that boot as lab boxes: reached by the key that their console shows, ended for good."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from freehold import lab
from freehold.rent.host_keys import host_keys
from freehold.rent.user_data import user_data
from tests.aws.asking import HOME
from tests.aws.boot import Boots, boots
from tests.aws.world import World
from tests.deadline import in_time


@pytest.fixture
def booting(world: World) -> Iterator[Boots]:
    if reason := lab.unsupported():
        pytest.skip(reason)
    with boots(world, 1, lab.default_state_dir().with_name("lab-tests")) as found:
        yield found


@pytest.fixture
def key(tmp_path: Path) -> Path:
    """A private key of the test's own."""
    path = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(path)], check=True)
    return path


@pytest.fixture
def ec2(world: World, key: Path) -> Any:
    client = world.aws().client("ec2", HOME)
    client.import_key_pair(
        KeyName="ours", PublicKeyMaterial=key.with_suffix(".pub").read_text().encode()
    )
    return client


@pytest.fixture
def launch(world: World, ec2: Any, booting: Boots) -> Callable[[float], str]:
    """Launches an instance whose lease lasts so many hours, and gives its id."""

    def launched(hours: float) -> str:
        now = world.clock()
        made = ec2.run_instances(
            MinCount=1,
            MaxCount=1,
            ImageId=world.image(HOME),
            InstanceType="p5.48xlarge",
            KeyName="ours",
            UserData=user_data(now + timedelta(hours=hours), now - timedelta(hours=2)),
            InstanceInitiatedShutdownBehavior="terminate",
        )
        return str(made["Instances"][0]["InstanceId"])

    return launched


def test_it_is_reached_by_the_host_key_of_its_console_and_ends_when_it_powers_off(
    world: World, booting: Boots, launch: Callable[[float], str], key: Path, tmp_path: Path
) -> None:
    instance_id = launch(1)
    (pinned,) = host_keys(world.aws(), HOME, instance_id, pause=_wait(world, instance_id))
    known_hosts = tmp_path / "known_hosts"
    (machine,) = world.machines()
    known_hosts.write_text(f"{machine.address} {pinned}\n")

    def on_it(command: str) -> str:
        options = {"UserKnownHostsFile": known_hosts, "StrictHostKeyChecking": "yes"}
        argv = ["ssh", "-F", "/dev/null", "-i", str(key), "-l", "ubuntu"]
        argv += [word for name, value in options.items() for word in ("-o", f"{name}={value}")]
        done = subprocess.run(
            [*argv, str(machine.address), command], capture_output=True, text=True, timeout=60
        )
        assert done.returncode in (0, 255), done.stderr
        return done.stdout

    assert "done" in on_it("cloud-init status --wait")
    assert on_it("systemctl is-active freehold-lease.timer").strip() == "active"
    uptime_s = float(on_it("cat /proc/uptime").split()[0])
    assert uptime_s < 60  # its own, not this machine's
    on_it("sudo systemctl poweroff")
    assert in_time(lambda: not world.billing())
    assert not booting.box(instance_id).is_running()


def test_it_ends_itself_when_its_lease_is_over(
    world: World, booting: Boots, launch: Callable[[float], str]
) -> None:
    instance_id = launch(-1)
    assert in_time(lambda: not world.billing())
    assert "the lease is over" in (booting.box(instance_id).folder / "console.log").read_text()


def test_one_that_aws_ends_is_off_and_its_disk_is_gone(
    ec2: Any, booting: Boots, launch: Callable[[float], str]
) -> None:
    instance_id = launch(1)
    box = booting.box(instance_id)
    assert in_time(box.is_running)
    ec2.terminate_instances(InstanceIds=[instance_id])
    assert in_time(lambda: not box.is_running())
    assert not (box.folder / "upper").exists()


def _wait(world: World, instance_id: str) -> Callable[[float], None]:
    """A pause until the console says more."""

    def pause(_seconds: float) -> None:
        before = world.ledger.console[instance_id]
        assert in_time(lambda: world.ledger.console[instance_id] != before)

    return pause
