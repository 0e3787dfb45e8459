"""A real box's tuning: set at each boot, put back on removal, and what was there never lost."""

from __future__ import annotations

import pytest

from freehold import lab
from freehold.apply.converge import converge, look, plan, remove
from freehold.hosts.host import HostError
from freehold.hosts.ssh import SshHost
from freehold.plan.item import Item
from freehold.plan.steps import RestartUnit, describe
from freehold.plan.upkeep import upkeep_items
from freehold.render.paths import TUNING_PATH, WARDEN_PATH
from freehold.spec.tuning import Tuning
from freehold.weights.store import Store
from tests.infra.on_box import on, reboot
from tests.warden.stand_in import (
    KNOBS,
    NVIDIA,
    PROGRAM,
    gpu,
    gpus_of,
    knobs_of,
    knobs_on,
    nvidia_on,
    set_gpus,
)  # fmt: skip

FOUND = "/run/freehold-tuning/found.json"
AS_FOUND = ["schedutil", "powersave", "128"]
TUNED = ["performance", "performance", "4096"]


def wanted(has_gpu: bool = False, **keys: object) -> tuple[Item, ...]:
    keys = {"read_ahead_kib": 4096, **keys}
    return upkeep_items(Tuning.model_validate(keys), None, None, 8080, has_gpu)


def todo(host: SshHost, items: tuple[Item, ...]) -> list[str]:
    return [describe(step) for step in plan(host, items, look(host, items))]


def test_every_switch_is_set_and_put_back(host: SshHost, box: lab.Box, empty_store: Store) -> None:
    items = wanted()
    with knobs_on(box):
        before = on(box, "find /etc /usr/local /var/lib/freehold 2>/dev/null | sort")
        converge(host, items, empty_store)
        assert knobs_of(box) == TUNED
        assert todo(host, items) == []
        assert on(box, "systemctl is-active freehold-tuning; systemctl is-enabled freehold-tuning")
        remove(host, items)
        assert knobs_of(box) == AS_FOUND
        assert on(box, "find /etc /usr/local /var/lib/freehold 2>/dev/null | sort") == before
        remove(host, items)
        assert knobs_of(box) == AS_FOUND


def test_a_switch_moved_by_hand_is_drift_and_what_was_there_stays_known(
    host: SshHost, box: lab.Box, empty_store: Store
) -> None:
    items = wanted()
    with knobs_on(box):
        converge(host, items, empty_store)
        on(box, f"echo ondemand >{KNOBS}/cpu/cpufreq/policy1/scaling_governor")
        assert todo(host, items) == [
            "restart freehold-tuning.service (governor of policy1 is ondemand)"
        ]
        converge(host, items, empty_store)
        assert knobs_of(box) == TUNED
        remove(host, items)
        assert knobs_of(box) == AS_FOUND


def test_other_settings_put_back_what_they_do_not_speak_of(
    host: SshHost, box: lab.Box, empty_store: Store
) -> None:
    with knobs_on(box):
        converge(host, wanted(), empty_store)
        other = wanted(governor="keep", read_ahead_kib=2048)
        converge(host, other, empty_store)
        assert knobs_of(box) == ["schedutil", "powersave", "2048"]
        remove(host, other)
        assert knobs_of(box) == AS_FOUND


def test_killed_between_its_record_and_its_change_it_still_knows_what_was_there(
    host: SshHost, box: lab.Box, empty_store: Store
) -> None:
    items = wanted()
    with knobs_on(box):
        converge(host, items, empty_store)
        # As after a kill halfway: recorded, one switch set, the unit dead.
        record = on(box, f"cat {FOUND}")
        on(box, "systemctl stop freehold-tuning; mkdir -p /run/freehold-tuning")
        set_one = f"echo performance >{KNOBS}/cpu/cpufreq/policy0/scaling_governor"
        on(box, f"cat >{FOUND} <<'EOF'\n{record}\nEOF\n{set_one}")
        converge(host, items, empty_store)
        assert knobs_of(box) == TUNED
        remove(host, items)
        assert knobs_of(box) == AS_FOUND


def test_it_is_set_again_at_each_boot(host: SshHost, box: lab.Box, empty_store: Store) -> None:
    # What the box's own kernel has can be told here, not set: it is this machine's.
    kept = Tuning.model_validate({"governor": "keep", "swappiness": "keep"})
    items = upkeep_items(kept, None, None, 8080, has_gpu=True)
    with nvidia_on(box, gpu(0)):
        converge(host, items, empty_store)
        assert gpus_of(box)[0]["persistence_mode"] == "Enabled"
        set_gpus(box, gpu(0))  # as a driver is that was loaded anew
        reboot(box)
        assert on(box, "systemctl is-active freehold-tuning") == "active"
        assert gpus_of(box)[0]["persistence_mode"] == "Enabled"
        assert todo(host, items) == []
        remove(host, items)
        assert gpus_of(box)[0]["persistence_mode"] == "Disabled"


GPU_KEYS = {
    "gpu_power_limit_watts": 280,
    "gpu_clock_max_mhz": 1500,
    "governor": "keep",
    "swappiness": "keep",
    "read_ahead_kib": "keep",
}


def test_gpus_get_their_limit_and_clocks_and_get_them_back(
    host: SshHost, box: lab.Box, empty_store: Store
) -> None:
    items = wanted(has_gpu=True, **GPU_KEYS)
    with nvidia_on(box, gpu(0), gpu(1, **{"power.limit": 340.5})):
        converge(host, items, empty_store)
        told = ("persistence_mode", "power.limit", "locked_clocks")
        assert [[each[key] for key in told] for each in gpus_of(box)] == [
            ["Enabled", 280, "0,1500"]
        ] * 2
        assert todo(host, items) == []
        remove(host, items)
        assert [[each[key] for key in told] for each in gpus_of(box)] == [
            ["Disabled", 350, None],
            ["Disabled", 340.5, None],
        ]


def test_a_limit_that_the_board_refuses_is_an_error_with_its_words(
    host: SshHost, box: lab.Box, empty_store: Store
) -> None:
    items = wanted(has_gpu=True, **{**GPU_KEYS, "gpu_power_limit_watts": 9000})
    with nvidia_on(box, gpu(0)):
        with pytest.raises(HostError) as error:
            converge(host, items, empty_store)
        assert "power limit of GPU 0: cannot be set to 9000.00" in str(error.value)
        assert "is not a valid power limit" in str(error.value)
        remove(host, items)
        assert gpus_of(box)[0]["persistence_mode"] == "Disabled"


@pytest.mark.parametrize("how", ["hangs", "vanishes"])
def test_an_nvidia_smi_that_goes_away_is_said_and_what_it_should_put_back_is_kept(
    host: SshHost, box: lab.Box, empty_store: Store, how: str
) -> None:
    items = wanted(has_gpu=True, **GPU_KEYS)
    with nvidia_on(box, gpu(0)):
        converge(host, items, empty_store)
        away, back = (
            (f"touch {NVIDIA}/hangs", f"rm {NVIDIA}/hangs")
            if how == "hangs"
            else (f"mv {PROGRAM} {PROGRAM}.away", f"mv {PROGRAM}.away {PROGRAM}")
        )
        on(box, away)
        try:
            (_, _, _, tuning) = look(host, items)
            assert tuning.left_alone == (
                "GPUs: nvidia-smi did not answer in 10 s"
                if how == "hangs"
                else "GPUs: no nvidia-smi",
            )
            with pytest.raises(HostError, match="put back what was tuned: exit 1"):
                remove(host, items)
        finally:
            on(box, back)
        assert "power limit of GPU 0" in on(box, f"cat {FOUND}")
        remove(host, items)
        assert gpus_of(box)[0]["power.limit"] == 350


def test_a_box_without_any_of_it_is_left_alone_and_says_so(
    host: SshHost, box: lab.Box, empty_store: Store
) -> None:
    items = wanted(swappiness="keep", gpu_power_limit_watts=280)
    converge(host, items, empty_store)
    (_, _, _, tuning) = look(host, items)
    assert [line.partition(":")[0] for line in tuning.left_alone][-1] == "GPUs"
    assert "GPUs: left alone: no nvidia-smi" in on(box, "journalctl -q -o cat -u freehold-tuning")


def test_leaving_the_box_puts_back_too(host: SshHost, box: lab.Box, empty_store: Store) -> None:
    from freehold.plan.box import Box

    items = wanted()
    with knobs_on(box):
        converge(host, items, empty_store)
        remove(host, [Box("x86_64")])
        assert knobs_of(box) == AS_FOUND
        assert (
            on(box, f"ls {WARDEN_PATH} {TUNING_PATH} /var/lib/freehold 2>/dev/null || true") == ""
        )


def test_a_switch_moved_by_hand_asks_for_one_restart(
    host: SshHost, box: lab.Box, empty_store: Store
) -> None:
    items = wanted()
    with knobs_on(box):
        converge(host, items, empty_store)
        on(box, f"touch {TUNING_PATH}; echo ondemand >{KNOBS}/cpu/cpufreq/policy0/scaling_governor")
        steps = plan(host, items, look(host, items))
        assert [type(step) for step in steps] == [RestartUnit]
