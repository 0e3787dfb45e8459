"""Hardware of a real box, against what the box itself says by other means."""

from __future__ import annotations

from freehold.facts.fact import gather
from freehold.facts.hardware import hardware_fact
from freehold.hosts.command import Command
from freehold.hosts.host import run_or_raise
from freehold.hosts.ssh import SshHost


def out(host: SshHost, script: str) -> str:
    return run_or_raise(host, Command(script, "a test")).strip()


def test_a_box_has_the_memory_and_processors_that_it_says(ssh_host: SshHost) -> None:
    facts = gather(ssh_host, [hardware_fact("ssh.service")])[0]
    assert (facts.system, facts.arch) == ("Linux", out(ssh_host, "uname -m"))
    assert facts.memory_bytes == int(out(ssh_host, "sed -n 2q\\;s/[^0-9]//gp /proc/meminfo")) * 1024
    assert 1 <= facts.sockets <= facts.cores <= int(out(ssh_host, "nproc"))
    assert sum(node.memory_bytes for node in facts.numa_nodes) == facts.memory_bytes
    assert facts.gpus == ()


def test_the_memory_of_our_own_unit_is_counted_while_it_runs(ssh_host: SshHost) -> None:
    running, absent = gather(
        ssh_host, [hardware_fact("ssh.service"), hardware_fact("no-such.service")]
    )
    anonymous = (
        "sed -n 's/^RssAnon:[^0-9]*//p' /proc/$(systemctl show -P MainPID ssh.service)/status"
    )
    kib = int(out(ssh_host, anonymous).split()[0])
    assert abs(running.own_memory_bytes - kib * 1024) < 1 << 20
    assert absent.own_memory_bytes == 0


def test_the_disk_is_timed_past_the_page_cache(ssh_host: SshHost) -> None:
    sample = "/var/lib/t-sample"
    out(ssh_host, f"head -c 64M /dev/zero >{sample}; sync")
    try:
        facts = gather(ssh_host, [hardware_fact("ssh.service", sample)])[0]
    finally:
        out(ssh_host, f"rm {sample}")
    assert facts.disk_read_bytes_per_s > 1e6
