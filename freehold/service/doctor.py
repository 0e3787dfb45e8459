"""What would stop an `up` on a node: every check with its verdict, all at once."""

from __future__ import annotations

import time
from collections.abc import Iterator

from freehold.errors import Problem
from freehold.facts.box import BOX, BoxFacts
from freehold.facts.driver import DriverFacts, driver_fact
from freehold.facts.fact import Fact, gather
from freehold.facts.verified import VerifiedFacts, verified_fact
from freehold.hosts.command import Command
from freehold.hosts.host import Host, run_or_raise
from freehold.plan.box import Box
from freehold.plan.driver import Driver
from freehold.plan.driver_wanted import driver_wanted
from freehold.plan.fileset import FileSet
from freehold.plan.item import Item, PlanError
from freehold.plan.node import node_unit
from freehold.render.paths import UNIT
from freehold.service.check import Check
from freehold.service.doctor_driver import driver_checks
from freehold.spec import driver as spec
from freehold.spec.model import Node
from freehold.weights.chosen import Chosen
from freehold.weights.manifest import Manifest

# For the server itself, its context and the system, beside the weights.
MEMORY_MARGIN = 1.1


def examine(
    host: Host, node: Node | None, chosen: Chosen | None, declared: spec.Driver | None = None
) -> list[Check]:
    """All checks of one box; those of a node too where a stack names it; `declared` is the stack's
    driver.

    Raises HostError where nothing can be asked: no connection, no right to be root.
    """
    box: BoxFacts = gather(host, [BOX])[0]
    checks = [Check("ssh", "connected, host key verified"), Check("root", "yes")]
    checks += _of_box(host, box, chosen)
    if _has_nvidia(box):
        found: DriverFacts = gather(host, [_driver_fact(declared, chosen)])[0]
        checks += driver_checks(host.name, found, _cuda(declared, chosen))
    checks.append(_forwarding(host))
    if node is not None and chosen is not None and box.systemd_version is not None:
        checks += _of_node(host, node, chosen)
        checks += [_verified(host, node, each) for each in (chosen.engine, chosen.weights)]
        checks.append(_memory(host, box, chosen))
    return checks


def _of_box(host: Host, box: BoxFacts, chosen: Chosen | None) -> Iterator[Check]:
    problems = Box(chosen.engine.arch if chosen else box.arch).problems(host.name, box, time.time())
    if not problems:
        yield Check("system", f"{box.os}, kernel {box.kernel}, systemd {box.systemd_version}")
    for problem in problems:
        yield Check("system", problem.message, problem)
    free, size = box.disk_available_bytes / 1e9, box.disk_bytes / 1e9
    yield Check("disk", f"{free:.1f} GB free of {size:.1f} GB at /var/lib")
    yield Check("processor", f"{box.cpu_model}: {box.cores} cores, {box.threads} threads")
    if box.nvidia:
        yield Check("gpu", "; ".join(box.nvidia))
    elif _has_nvidia(box):
        what = (
            f"{len(box.gpus)} seen on the bus, nvidia-smi lists none: the server would not use it"
        )
        hint = "the line on the driver says why"
        yield Check("gpu", what, Problem(host.name, what, hint), is_warning=True)
    else:
        yield Check("gpu", "none: the model runs on the processor")


def _has_nvidia(box: BoxFacts) -> bool:
    return any(gpu.startswith("0x10de:") for gpu in box.gpus)


def _driver_fact(declared: spec.Driver | None, chosen: Chosen | None) -> Fact[DriverFacts]:
    if declared is None or chosen is None:
        return driver_fact()
    return Driver(driver_wanted(declared, chosen.engine)).fact()


def _cuda(declared: spec.Driver | None, chosen: Chosen | None) -> str | None:
    by_build = chosen.engine.about.get("cuda") if chosen else None
    return (declared.cuda if declared else None) or by_build


def _of_node(host: Host, node: Node, chosen: Chosen) -> Iterator[Check]:
    items: dict[str, Item] = {
        "engine": FileSet(chosen.engine),
        "weights": FileSet(chosen.weights),
        "port": node_unit(node, chosen),
    }
    found = gather(host, [item.fact() for item in items.values()])
    for (name, item), facts in zip(items.items(), found, strict=True):
        try:
            steps = item.plan(host.name, facts)
        except PlanError as error:
            yield from (Check(name, p.message, p) for p in error.problems)
            continue
        if name == "port":
            yield Check(name, f"{node.server.port} is free for {UNIT}, or its own")
            if facts.drop_ins:
                what = f"{', '.join(facts.drop_ins)} changes what {UNIT} does"
                yield Check("drop-in", what, Problem(host.name, what), is_warning=True)
        else:
            yield Check(name, f"{item.label} {'will be synced' if steps else 'is there, proven'}")


def _verified(host: Host, node: Node, manifest: Manifest) -> Check:
    """Whether the check before the server's start would let it start."""
    found: VerifiedFacts = gather(host, [verified_fact(manifest)])[0]
    within = node.server.verified_within_days
    if found.bad_pieces:
        what = f"{found.bad_pieces} pieces of {manifest.name} are not what they were"
        hint = f"fab -H {host.name} weights.sync fetches those again, and nothing else"
        return Check("verified", what, Problem(host.name, what, hint))
    if found.age_s is None:
        return Check("verified", f"{manifest.name} will be read whole when it arrives")
    age = f"every byte of {manifest.name} was right {found.age_days:.1f} days ago"
    if found.age_days > within:
        what = f"{age}, expected within {within} days: the server will not start"
        hint = f"fab -H {host.name} weights.verify --nodes-only, and then `pulumi up`"
        return Check("verified", what, Problem(host.name, what, hint))
    return Check("verified", age)


def _memory(host: Host, box: BoxFacts, chosen: Chosen) -> Check:
    needed = int(chosen.weights.size_bytes * MEMORY_MARGIN)
    found = f"{box.memory_bytes / 1e9:.1f} GB, weights {chosen.weights.size_bytes / 1e9:.1f} GB"
    if needed <= box.memory_bytes or box.nvidia:
        return Check("memory", found)
    hint = "they would be read from disk for each token: choose a smaller quant"
    return Check("memory", found, Problem(host.name, found, hint), is_warning=True)


def _forwarding(host: Host) -> Check:
    """Of sshd's own words: a forwarding that it refuses looks like a port where nobody listens."""
    script = "PATH=$PATH:/usr/sbin:/sbin sshd -T 2>/dev/null || true"
    said = run_or_raise(host, Command(script, "reading sshd's settings")).splitlines()
    refusals = {"allowtcpforwarding no", "allowtcpforwarding remote", "disableforwarding yes"}
    if found := sorted(refusals.intersection(said)):
        what = f"expected sshd to forward ports, found {', '.join(found)}"
        hint = "set AllowTcpForwarding local and DisableForwarding no in /etc/ssh/sshd_config"
        return Check("forward", what, Problem(host.name, what, hint))
    return Check("forward", "sshd forwards ports, so the server can be asked")
