"""A booted instance that nobody uses ends itself, and not while a task runs on it."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from freehold import lab
from freehold.rent.guard import LEASE_PATH
from freehold.rent.host_keys import host_keys
from freehold.rent.task import TASK_UNIT
from freehold.rent.user_data import user_data
from tests.aws.boot import boots
from tests.aws.world import World
from tests.deadline import in_time

HOME = "us-east-1"
IDLE_S = 2
# From here on it looks ten times a second, and ends after so long without use.
OFTEN = f"""\
mkdir /run/systemd/system/freehold-lease.timer.d
printf '[Timer]\\nOnUnitInactiveSec=100ms\\nAccuracySec=10ms\\n' \\
  >/run/systemd/system/freehold-lease.timer.d/often.conf
systemctl daemon-reload
sed -i '1s/ 60$/ {IDLE_S}/' {LEASE_PATH}
systemctl restart freehold-lease.timer
"""
LAST_S = "sudo cat /run/freehold-lease/last_s"


def test_a_task_keeps_it_and_without_one_it_ends(world: World, tmp_path: Path) -> None:
    if reason := lab.unsupported():
        pytest.skip(reason)
    with boots(world, 1, lab.default_state_dir().with_name("lab-tests")) as booting:
        instance_id, on_it = launched(world, tmp_path)
        on_it(f"sudo systemd-run --quiet --unit={TASK_UNIT} sleep infinity")
        on_it(f"sudo sh -eu <<'.'\n{OFTEN}.")
        began_s = int(on_it(LAST_S))
        assert in_time(lambda: int(on_it(LAST_S)) > began_s + 2 * IDLE_S)
        assert len(world.billing()) == 1
        on_it(f"sudo systemctl stop {TASK_UNIT}")
        assert in_time(lambda: world.billing() == ())
        console = booting.box(instance_id).folder / "console.log"
        assert "nobody has used it for 0 minutes" in console.read_text(errors="replace")


def launched(world: World, folder: Path) -> tuple[str, Callable[[str], str]]:
    """An instance that ends after an idle minute, and what gives stdout of a command there."""
    key = folder / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    ec2, now = world.aws().client("ec2", HOME), world.clock()
    public = key.with_suffix(".pub").read_bytes()
    ec2.import_key_pair(KeyName="ours", PublicKeyMaterial=public)
    made = ec2.run_instances(
        MinCount=1,
        MaxCount=1,
        ImageId=world.image(HOME),
        InstanceType="p5.48xlarge",
        KeyName="ours",
        UserData=user_data(now + timedelta(hours=1), now - timedelta(hours=1), idle_minutes=1),
        InstanceInitiatedShutdownBehavior="terminate",
    )
    instance_id = str(made["Instances"][0]["InstanceId"])

    def until_it_says_more(_seconds: float) -> None:
        before = world.ledger.console[instance_id]
        assert in_time(lambda: world.ledger.console[instance_id] != before)

    (pinned,) = host_keys(world.aws(), HOME, instance_id, pause=until_it_says_more)
    (machine,) = world.billing()
    known_hosts = folder / "known_hosts"
    known_hosts.write_text(f"{machine.address} {pinned}\n")
    argv = ["ssh", "-F", "/dev/null", "-i", str(key), "-o", f"UserKnownHostsFile={known_hosts}"]
    argv += ["-o", "StrictHostKeyChecking=yes", f"ubuntu@{machine.address}"]

    def on_it(command: str) -> str:
        done = subprocess.run([*argv, command], capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return instance_id, on_it
