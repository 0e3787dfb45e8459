"""`pulumi up` from a bare box to a served token, through the driver's reboot; and what stays."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from demo.parts import ENGINE, WEIGHTS
from freehold.service.client import connect
from freehold.service.reboot import Rebooting, drain
from freehold.weights.store import Store
from tests.deadline import in_time
from tests.driver.machine import Machine
from tests.driver.parts import NEW, NEXT
from tests.infra.on_box import UNIT, boot_id, on, server_pid
from tests.infra.stack import Stack, nodes
from tests.playbooks.conftest import Fab, fab  # noqa: F401 - a fixture


@pytest.fixture(scope="module")
def stack(
    machine: Machine, store: Store, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stack]:
    machine.fresh()
    config = {
        "store": store.place,
        "engine": ENGINE,
        "model": {"weights": WEIGHTS},
        # The GPUs are not there: the model runs on the processor.
        "server": {"context_tokens": 512, "threads": 1, "devices": "none"},
        "driver": driver(machine, reboot="never"),
        "ssh": {"config": str(machine.box.ssh_config), "connect_timeout_s": 5},
        "nodes": nodes(machine.box),
    }
    made = Stack(tmp_path_factory.mktemp("stack"), config)
    yield made
    made.forget()


def driver(machine: Machine, **keys: object) -> dict[str, object]:
    mirror = {
        "url": f"file:/srv/{machine.distribution}",
        "key": "file:/srv/key.asc",
        "fingerprint": machine.key.fingerprint,
    }
    return {"branch": 580, "mirror": mirror, **keys}


def test_a_preview_says_what_comes_first_and_that_a_reboot_will_follow(stack: Stack) -> None:
    preview = stack.preview().must()
    assert preview.changes["one-driver"] == "create"
    assert "freehold-nvidia.sources" in preview.text
    assert "it will take a reboot (nouveau is loaded); freehold:driver.reboot is never" in (
        preview.text
    )


def test_an_up_that_may_not_reboot_stops_there_before_the_engine_comes(
    stack: Stack, machine: Machine
) -> None:
    before = boot_id(machine.box)
    stopped = stack.up().must(1)
    assert "expected to reboot (nouveau is loaded), freehold:driver.reboot is never" in stopped.text
    assert boot_id(machine.box) == before
    assert on(machine.box, "ls -A /var/lib/freehold").split() == ["driver", "found"]


def test_the_next_up_reboots_and_goes_on_to_a_served_token(stack: Stack, machine: Machine) -> None:
    before = boot_id(machine.box)
    stack.config["driver"] = driver(machine, reboot="allowed")
    stack.write()
    done = stack.up().must()
    assert "first token after" in done.text
    assert boot_id(machine.box) != before
    assert "nvidia" in on(machine.box, f"grep DeviceAllow= /etc/systemd/system/{UNIT}")


def test_a_second_up_changes_nothing(stack: Stack, machine: Machine) -> None:
    pid = server_pid(machine.box)
    assert stack.preview().must().changes == {}
    assert stack.up().must().changes == {}
    assert server_pid(machine.box) == pid


def test_the_tasks_say_that_it_is_as_declared_well_and_whose(
    stack: Stack,
    fab: Fab,  # noqa: F811
) -> None:
    assert fab("node.drift", stack=stack).must().out.endswith("as declared\n")
    assert f"ok    driver    {NEW}, module and library" in (
        fab("node.doctor", stack=stack).must().out
    )
    shown = fab("driver.show", stack=stack).must().out
    assert "installed by Freehold   dkms, libnvidia-ml1" in shown
    assert "/etc/apt/preferences.d/freehold-nvidia" in shown


def test_a_drain_waits_for_the_answer_that_is_under_way(stack: Stack, machine: Machine) -> None:
    key, states = stack.outputs()["api_key"], list[str]()
    with connect(machine.host, 8080) as client, ThreadPoolExecutor() as pool:
        assert client.requests(key) == 0
        body = {"prompt": "The", "n_predict": 400, "ignore_eos": True}
        answer = pool.submit(client.complete, key, body)
        assert in_time(lambda: client.requests(key) > 0 or answer.done())
        drain(machine.host, Rebooting(8080, on_state=states.append))
        assert client.requests(key) == 0
        assert answer.result()["tokens_predicted"] == 400
    assert "1 requests are waited for before the reboot" in states


def test_another_branch_drains_stops_reboots_and_serves_again(
    stack: Stack, machine: Machine
) -> None:
    before = boot_id(machine.box)
    stack.config["driver"] = driver(machine, branch=590, reboot="allowed")
    stack.write()
    done = stack.up().must()
    assert done.changes["one-driver"] == "update"
    assert boot_id(machine.box) != before
    assert on(machine.box, "nvidia-smi --query-gpu=driver_version | sort -u") == NEXT
    assert server_pid(machine.box)
    assert stack.preview().must().changes == {}


def test_a_library_that_was_replaced_under_the_module_is_seen_and_repaired(
    stack: Stack, machine: Machine
) -> None:
    stack.config["driver"] = driver(machine, reboot="allowed")
    stack.write()
    stack.up().must()
    older = "apt-get -q -y --allow-downgrades --allow-change-held-packages install"
    named = "nvidia-smi nvidia-driver-cuda nvidia-kernel-open-dkms nvidia-persistenced"
    all_of_it = " ".join(f"{name}=580.82.07-1" for name in f"libnvidia-ml1 {named}".split())
    on(machine.box, f"PATH=/usr/local/sbin:/usr/sbin:$PATH {older} {all_of_it}")
    preview = stack.preview().must()
    assert "reboot (module 580.95.05 is loaded, 580.82.07 is installed)" in preview.text or (
        "hold" in preview.text
    )
    assert preview.changes["one-driver"] == "update"
    stack.up().must()
    assert on(machine.box, "nvidia-smi --query-gpu=driver_version | sort -u") == "580.82.07"
    assert stack.preview().must().changes == {}


def test_destroy_leaves_the_driver_and_names_what_freehold_installed(
    stack: Stack, machine: Machine
) -> None:
    done = stack.destroy().must()
    assert "the driver 580.82.07 stays; Freehold installed dkms, libnvidia-ml1" in done.text
    assert on(machine.box, "nvidia-smi -L | wc -l") == "2"
    assert on(machine.box, "ls -A /var/lib/freehold") == "driver"
    held = on(machine.box, "apt-mark showhold")
    assert "nvidia-driver-cuda" in held
    assert NEW not in on(machine.box, "dpkg-query -W '*nvidia*'")
    assert not Path(machine.box.folder / f"upper/etc/systemd/system/{UNIT}").exists()
