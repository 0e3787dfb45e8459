"""Units on a real box: started, restarted only when they must be, and the moments between."""

from __future__ import annotations

import threading
from contextlib import closing

import pytest

from freehold import lab
from freehold.apply.converge import converge, remove
from freehold.hosts.command import Command
from freehold.hosts.host import HostError, run_or_raise
from freehold.hosts.ssh import SshHost
from freehold.hosts.ssh_config import SshSettings
from freehold.plan.file import File
from freehold.plan.item import Item, PlanError
from freehold.plan.steps import EnableUnit, RestartUnit, StartUnit
from freehold.plan.unit import Unit
from freehold.weights.store import Store
from tests.apply.counted import CountedHost, Died
from tests.deadline import in_time

UNIT_PATH = "/etc/systemd/system/fh-test.service"
KEY_PATH = "/etc/fh-test/key"
TEXT = """\
[Service]
Environment=NUMBER=%d
ExecStart=/bin/sleep infinity
[Install]
WantedBy=multi-user.target
"""


STATE = "systemctl is-active fh-test; systemctl is-enabled fh-test"


def wanted(number: int = 1, key: bytes = b"one", port: int | None = None) -> list[Item]:
    return [
        File(UNIT_PATH, (TEXT % number).encode()),
        File(KEY_PATH, key, "0600", is_secret=True),
        Unit("fh-test.service", (UNIT_PATH, KEY_PATH), port),
    ]


def out(box: SshHost, script: str) -> str:
    return run_or_raise(box, Command(script, "a test")).strip()


def pid(box: SshHost) -> str:
    return out(box, "systemctl show -P MainPID fh-test")


def test_a_unit_is_placed_enabled_and_started_in_two_stages(
    box: CountedHost, empty_store: Store
) -> None:
    steps = converge(box, wanted(), empty_store)
    assert steps[2:] == (
        EnableUnit("fh-test.service"),
        StartUnit("fh-test.service", "it is inactive"),
    )
    # Facts and the files, facts and the unit, and the facts that prove it.
    assert len(box.commands) == 5
    assert (
        out(box, "systemctl is-active fh-test; systemctl is-enabled fh-test") == "active\nenabled"
    )


def test_a_converged_unit_keeps_its_process(box: CountedHost, empty_store: Store) -> None:
    converge(box, wanted(), empty_store)
    before = pid(box)
    box.restart()
    assert converge(box, wanted(), empty_store) == ()
    assert len(box.commands) == 1
    assert pid(box) == before


@pytest.mark.parametrize("changed", [wanted(number=2), wanted(key=b"two")], ids=["unit", "key"])
def test_a_changed_file_restarts_it_once(
    box: CountedHost, empty_store: Store, changed: list[Item]
) -> None:
    converge(box, wanted(), empty_store)
    before = pid(box)
    steps = converge(box, changed, empty_store)
    assert [type(step) for step in steps].count(RestartUnit) == 1
    after = pid(box)
    assert after != before
    assert converge(box, changed, empty_store) == ()
    assert pid(box) == after


def test_the_new_unit_file_is_what_runs(box: CountedHost, empty_store: Store) -> None:
    converge(box, wanted(), empty_store)
    converge(box, wanted(number=2), empty_store)
    assert "NUMBER=2" in out(box, f"tr '\\0' '\\n' </proc/{pid(box)}/environ")


def test_drift_in_the_unit_file_is_repaired_with_a_restart(
    box: CountedHost, empty_store: Store
) -> None:
    converge(box, wanted(), empty_store)
    out(box, f"sed -i s/NUMBER=1/NUMBER=9/ {UNIT_PATH}; systemctl daemon-reload")
    out(box, "systemctl restart fh-test")
    converge(box, wanted(), empty_store)
    assert "NUMBER=1" in out(box, f"tr '\\0' '\\n' </proc/{pid(box)}/environ")


@pytest.mark.parametrize("dies_at", [1, 2, 3, 4])
def test_a_controller_killed_at_any_moment_is_made_up_for_by_the_next(
    box: CountedHost, empty_store: Store, dies_at: int
) -> None:
    converge(box, wanted(), empty_store)
    before = pid(box)
    box.restart()
    box.dies_at = dies_at
    with pytest.raises(Died):
        converge(box, wanted(number=2), empty_store)
    box.restart()
    converge(box, wanted(number=2), empty_store)
    assert pid(box) != before
    assert "NUMBER=2" in out(box, f"tr '\\0' '\\n' </proc/{pid(box)}/environ")
    assert converge(box, wanted(number=2), empty_store) == ()


@pytest.mark.parametrize("drift", ["stop", "kill -s KILL", "disable -q --now"])
def test_a_unit_that_was_stopped_by_hand_is_started_again(
    box: CountedHost, empty_store: Store, drift: str
) -> None:
    converge(box, wanted(), empty_store)
    out(box, f"systemctl {drift} fh-test")
    assert in_time(lambda: "inactive" in (state := active(box)) or "failed" in state, 5)
    converge(box, wanted(), empty_store)
    assert (
        out(box, "systemctl is-active fh-test; systemctl is-enabled fh-test") == "active\nenabled"
    )


def active(box: SshHost) -> str:
    return out(box, "systemctl is-active fh-test || true")


def test_a_unit_that_does_not_start_is_named_with_what_systemd_said(
    box: CountedHost, empty_store: Store
) -> None:
    bad = (TEXT % 1).replace("ExecStart=/bin/sleep", "Type=exec\nExecStart=/no/such/program")
    items: list[Item] = [File(UNIT_PATH, bad.encode()), Unit("fh-test.service", (UNIT_PATH,))]
    with pytest.raises(HostError) as caught:
        converge(box, items, empty_store)
    assert "node-1: start fh-test.service (it is inactive): exit 1" in str(caught.value)
    assert "fh-test.service failed" in str(caught.value)


def test_a_port_that_another_program_holds_stops_it_before_the_start(
    box: CountedHost, empty_store: Store
) -> None:
    with pytest.raises(PlanError, match=r"port 22: expected it to be free .* found sshd"):
        converge(box, wanted(port=22), empty_store)
    assert active(box) == "inactive"


def test_removing_a_unit_leaves_the_box_as_it_was_found(
    box: CountedHost, empty_store: Store
) -> None:
    units = "systemctl list-unit-files; systemctl list-units --all; ls -lR /etc/systemd/system"
    before = [line.split() for line in out(box, units).splitlines() if "scope" not in line]
    items = wanted()
    converge(box, items, empty_store)
    remove(box, items)
    remove(box, items)
    after = [line.split() for line in out(box, units).splitlines() if "scope" not in line]
    names = [words[-1] for words in before if words]
    assert [words[-1] for words in after if words] == names
    assert out(box, "ls -d /var/lib/freehold /etc/fh-test 2>/dev/null || true") == ""


def test_two_controllers_at_once_take_turns(
    box: CountedHost, lab_boxes: lab.Lab, empty_store: Store
) -> None:
    ended: list[object] = []

    def bring() -> None:
        settings = SshSettings(lab_boxes.ssh_config)
        with closing(SshHost("node-1", lab_boxes.boxes[0].name, settings)) as host:
            ended.append(converge(host, wanted(), empty_store))

    threads = [threading.Thread(target=bring) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(ended) == 3
    assert out(box, STATE) == "active\nenabled"
    assert converge(box, wanted(), empty_store) == ()


def test_a_change_waits_for_the_one_that_is_under_way(
    box: CountedHost, lab_boxes: lab.Lab, empty_store: Store
) -> None:
    out(box, "mkdir /etc/fh-test")
    hold = "flock /run/lock/freehold.lock sh -c 'touch /run/held; sleep 1; date +%s.%N >/run/done'"
    out(box, f"rm -f /run/held; systemd-run -q --collect --unit=fh-test-hold {hold}")
    assert in_time(lambda: box.run(Command("[ -e /run/held ]", "looking")).exit_status == 0)
    converge(box, [File(KEY_PATH, b"x")], empty_store)
    released, placed = out(box, f"cat /run/done; stat -c %.9Y {KEY_PATH}").split()
    assert float(placed) > float(released)
