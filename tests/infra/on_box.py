"""What a person with root sees and does on a box, by their own hands."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator

from freehold import lab
from freehold.errors import FreeholdError
from freehold.hosts.host import Host, HostError
from freehold.lab.root import run_as_root
from freehold.service.client import connect
from tests.deadline import in_time

UNIT = "llama-server.service"


def on(box: lab.Box, script: str) -> str:
    """stdout of a shell script that root runs there; it must succeed."""
    done = subprocess.run(
        box.ssh_argv("sh -eu", user="root"),
        input=script,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, f"{script}: exit {done.returncode}\n{done.stdout}{done.stderr}"
    return done.stdout.strip()


def server_pid(box: lab.Box) -> int:
    """The process of the server; 0 where none runs."""
    return int(on(box, f"systemctl show -P MainPID {UNIT}"))


def tree(box: lab.Box) -> str:
    """Every file of /etc and /var/lib with its mode, owner and content, as one listing.

    Without what systemd itself keeps there while the box runs, and the content of proofs of
    arrival and of marks of verifications, which have their time in them.
    """
    return on(
        box,
        "cd /; find etc var/lib -path var/lib/systemd -prune -o -path var/lib/private -prune -o "
        "-printf '%M %u:%g %p %l\\n' | sort; "
        "find etc var/lib -path var/lib/systemd -prune -o -type f "
        "! -name .freehold-proof ! -name .freehold-verified -print0 | sort -z | xargs -0 sha256sum",
    )


def is_served(host: Host, key: str) -> bool:
    """Whether the model answers to that key; False where the key is refused."""
    with connect(host, 8080) as client:
        try:
            return bool(client.first_token(key))
        except HostError as error:
            if "401" not in str(error):
                raise
            return False


def starts(box: lab.Box) -> int:
    """How often systemd has started the server since the box was made."""
    script = f"journalctl -q -o cat --no-pager _PID=1 UNIT={UNIT} | grep -c '^Started' || true"
    return int(on(box, script))


@contextlib.contextmanager
def slowed(box: lab.Box, rate: str = "320mbit") -> Iterator[None]:
    """The box's cable carries less for the length of a `with` block."""
    shape = ["tc", "qdisc", "replace", "dev", box.cable, "root", "tbf"]
    run_as_root(box.name, *shape, "rate", rate, "burst", "256kb", "latency", "100ms")
    try:
        yield
    finally:
        with contextlib.suppress(FreeholdError):  # a reboot brings a new cable
            run_as_root(box.name, "tc", "qdisc", "del", "dev", box.cable, "root")


def seen_on(box: lab.Box, pattern: str) -> bool:
    """Whether a file of that name is on the box's disk, seen from this machine."""
    return any((box.folder / "upper").glob(pattern))


def boot_id(box: lab.Box) -> str:
    return on(box, "cat /proc/sys/kernel/random/boot_id")


def reboot(box: lab.Box) -> None:
    """Have the box reboot itself, and wait until it is back."""
    before = boot_id(box)
    on(box, "systemctl --no-block reboot")

    def is_back() -> bool:
        box.wait_until_it_answers()
        try:
            return boot_id(box) != before
        except AssertionError:
            return False  # it went down meanwhile

    assert in_time(is_back, 60)
