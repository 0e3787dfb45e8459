"""A driver brought to where it is wanted: gather, plan, apply, reboot where that is called for."""

from __future__ import annotations

from itertools import groupby

from freehold.apply.converge import look
from freehold.apply.script import run_steps
from freehold.hosts.host import Host, HostError
from freehold.plan.driver import Driver
from freehold.plan.driver_steps import Reboot
from freehold.plan.steps import Plan, describe
from freehold.service.reboot import Rebooting, reboot

STAGES_MAX = 24  # one a kind of step, twice where a reboot brings another kernel


def settle_driver(host: Host, driver: Driver, how: Rebooting, stages_max: int = STAGES_MAX) -> Plan:
    """The steps that it took, none where it holds already.

    Raises PlanError where no step helps, HostError where one failed or changed nothing. What was
    done until then stays: the next call goes on from there, whoever died meanwhile.
    """
    done: Plan = ()
    last: Plan = ()
    for _ in range(stages_max):
        steps = driver.plan(host.name, look(host, [driver])[0])
        if not steps:
            return done
        if steps == last:
            break
        for is_reboot, group in groupby(steps, key=lambda step: isinstance(step, Reboot)):
            part = list(group)
            how.on_state("; ".join(map(describe, part)))
            if not is_reboot:
                run_steps(host, part)
                continue
            for step in part:
                assert isinstance(step, Reboot)  # noqa: S101 - grouped by that
                reboot(host, step, how)
        done, last = done + steps, steps
    left = [describe(step) for step in steps]
    raise HostError.of(host.name, "\n".join(["expected the driver in place, still to do:", *left]))
