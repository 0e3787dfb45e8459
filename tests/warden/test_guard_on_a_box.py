"""The guard at work on a real box: systemd and its sandbox are real, sensors and GPUs are not."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator

import pytest

from freehold import lab
from freehold.apply.converge import converge, remove
from freehold.hosts.ssh import SshHost
from freehold.plan.file import File
from freehold.plan.item import Item
from freehold.plan.upkeep import upkeep_items
from freehold.render.paths import GUARD_PATH
from freehold.spec.guard import Guard
from freehold.weights.store import Store
from tests.deadline import in_time
from tests.infra.on_box import on
from tests.warden.stand_in import (
    NVIDIA,
    PROGRAM,
    gpu,
    gpus_of,
    nvidia_on,
    sensors_on,
    set_gpus,
    set_sensors,
)  # fmt: skip

FAST = {"every_s": 0.2, "dwell_s": 1, "recover_s": 2}
"""So that a course is seen in seconds; CONFIRM_S is as it is."""
SERVER = "/etc/systemd/system/llama-server.service"


def items(has_gpu: bool = True, **keys: object) -> list[Item]:
    found = list(upkeep_items(None, Guard.model_validate(keys), None, 8080, has_gpu))
    index = next(i for i, item in enumerate(found) if item.label == GUARD_PATH)
    asked = found[index]
    assert isinstance(asked, File)
    found[index] = File(GUARD_PATH, json.dumps({**json.loads(asked.content), **FAST}).encode())
    return found


@pytest.fixture
def served(box: lab.Box) -> Iterator[lab.Box]:
    """The box with a service of the server's name."""
    on(
        box,
        f"printf '[Service]\\nExecStart=/bin/sleep infinity\\n' >{SERVER}; systemctl daemon-reload",
    )
    on(box, "systemctl start llama-server")
    yield box
    on(box, f"systemctl stop llama-server; rm {SERVER}; systemctl daemon-reload")


@contextlib.contextmanager
def guarded(host: SshHost, store: Store, wanted: list[Item]) -> Iterator[None]:
    converge(host, wanted, store)
    try:
        yield
    finally:
        remove(host, wanted)


def journal(box: lab.Box) -> str:
    run = "$(systemctl show -p InvocationID --value freehold-guard)"
    return on(box, f"journalctl -q -o cat --no-pager _SYSTEMD_INVOCATION_ID={run}")


def is_served(box: lab.Box) -> bool:
    return on(box, "systemctl is-active llama-server || true") == "active"


def limits(box: lab.Box) -> list[float]:
    return [each["power.limit"] for each in gpus_of(box)]


def test_heat_lowers_the_power_then_stops_the_server_and_all_comes_back(
    host: SshHost, served: lab.Box, empty_store: Store
) -> None:
    hot = {"temperature.gpu": 96}
    with nvidia_on(served, gpu(0), gpu(1)), guarded(host, empty_store, items()):
        set_gpus(served, gpu(0, **hot), gpu(1))
        assert in_time(lambda: limits(served) == [297.0, 297.0] or limits(served)[0] < 297, 40)
        assert in_time(lambda: not is_served(served), 40), journal(served)
        assert limits(served) == [245, 245]
        # Killed at the top, it is started again and knows where it stood.
        on(served, "systemctl kill -s KILL freehold-guard")
        set_gpus(*[served], *(gpu(i, **{"power.limit": 245.0}) for i in (0, 1)))
        assert in_time(lambda: is_served(served), 60), journal(served)
        assert in_time(lambda: limits(served) == [350, 350], 60), journal(served)
        assert "down from rung 3 to 2: cool again" in journal(served)
        assert "started llama-server.service" in journal(served)


def test_what_it_lowered_is_given_back_as_it_goes(
    host: SshHost, served: lab.Box, empty_store: Store
) -> None:
    wanted = items(stop=False, power_percent=(50,))
    with nvidia_on(served, gpu(0, **{"temperature.gpu": 99})):
        with guarded(host, empty_store, wanted):
            assert in_time(lambda: limits(served) == [175], 40), journal(served)
            assert is_served(served)
        assert limits(served) == [350]
        assert is_served(served)


def test_a_limit_is_never_below_what_the_board_takes(
    host: SshHost, served: lab.Box, empty_store: Store
) -> None:
    hot = gpu(0, **{"temperature.gpu": 99, "power.min_limit": 300.0})
    wanted = items(stop=False, power_percent=(50,))
    with nvidia_on(served, hot), guarded(host, empty_store, wanted):
        assert in_time(lambda: limits(served) == [300], 40), journal(served)


@pytest.mark.parametrize("how", ["hangs", "vanishes", "lies"])
def test_an_nvidia_smi_that_goes_wrong_is_said_and_stops_nothing(
    host: SshHost, served: lab.Box, empty_store: Store, how: str
) -> None:
    with nvidia_on(served, gpu(0)), guarded(host, empty_store, items()):
        if how == "lies":
            set_gpus(served, gpu(0, **{"temperature.gpu": 255}))
        else:
            on(
                served,
                f"touch {NVIDIA}/hangs" if how == "hangs" else f"mv {PROGRAM} {PROGRAM}.away",
            )
        words = {
            "hangs": "nvidia-smi did not answer in 10 s",
            "vanishes": "no nvidia-smi",
            "lies": "GPU 0: absurd: 255 C",
        }[how]
        assert in_time(lambda: words in journal(served), 60), journal(served)
        assert journal(served).count(f"\n{words}") <= 1  # said once, not each time
        assert is_served(served)
        on(served, f"rm -f {NVIDIA}/hangs; [ ! -e {PROGRAM}.away ] || mv {PROGRAM}.away {PROGRAM}")
        set_gpus(served, gpu(0))
        assert in_time(lambda: f"over: {words}" in journal(served), 60), journal(served)


def test_a_disk_that_is_too_warm_stops_the_server_of_a_box_without_gpus(
    host: SshHost, served: lab.Box, empty_store: Store
) -> None:
    sensors: dict[str, object] = {"nvme/Composite": 45, "coretemp/Package id 0": 99}
    wanted = items(has_gpu=False, power_percent=())
    with sensors_on(served, sensors), guarded(host, empty_store, wanted):
        set_sensors(served, {**sensors, "nvme/Composite": 91})
        assert in_time(lambda: not is_served(served), 40), journal(served)
        assert "up from rung 0 to 1: nvme/Composite at 91 C" in journal(served)
        set_sensors(served, sensors)
        assert in_time(lambda: is_served(served), 40), journal(served)


def test_a_server_that_its_owner_stopped_is_not_started(
    host: SshHost, served: lab.Box, empty_store: Store
) -> None:
    sensors: dict[str, object] = {"nvme/Composite": 91}
    wanted = items(has_gpu=False, power_percent=())
    on(served, "systemctl stop llama-server")
    with sensors_on(served, sensors), guarded(host, empty_store, wanted):
        assert in_time(lambda: "up from rung 0 to 1" in journal(served), 40)
        set_sensors(served, {"nvme/Composite": 40})
        assert in_time(lambda: "down from rung 1 to 0" in journal(served), 40)
        assert not is_served(served)


def test_a_ups_that_is_low_stops_the_server_and_mains_bring_it_back(
    host: SshHost, served: lab.Box, empty_store: Store
) -> None:
    say = (
        "printf 'ups.status: %s\\nbattery.charge: %s\\n' {} >/run/ups.new; mv /run/ups.new /run/ups"
    )
    on(served, say.format("OL 100"))
    program = '#!/bin/sh\n[ "$1" = rack ] && cat /run/ups'
    on(served, f"cat >/usr/bin/upsc <<'EOF'\n{program}\nEOF\nchmod +x /usr/bin/upsc")
    try:
        with guarded(host, empty_store, items(has_gpu=False, ups="rack", power_percent=())):
            on(served, say.format("OB 80"))
            assert in_time(lambda: "Watchdog" not in journal(served) and is_served(served), 5)
            on(served, say.format("OB 20"))
            assert in_time(lambda: not is_served(served), 20), journal(served)
            on(served, say.format("OL 21"))
            assert in_time(lambda: is_served(served), 40), journal(served)
            on(served, "mv /usr/bin/upsc /usr/bin/upsc.away")
            assert in_time(lambda: "upsc: No such file" in journal(served), 20), journal(served)
    finally:
        on(served, "rm -f /usr/bin/upsc /usr/bin/upsc.away /run/ups")


def test_nothing_is_left_of_it(host: SshHost, served: lab.Box, empty_store: Store) -> None:
    before = on(served, "find /etc /usr/local /var/lib/freehold 2>/dev/null | sort")
    wanted = items(has_gpu=False)
    with guarded(host, empty_store, wanted):
        assert converge(host, wanted, empty_store) == ()
        assert "no sensor of kind disk" in journal(served)
    assert on(served, "find /etc /usr/local /var/lib/freehold 2>/dev/null | sort") == before
