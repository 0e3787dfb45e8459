"""The nodes that a task runs on, and running on all of them at once."""

from __future__ import annotations

import functools
import os
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from invoke.exceptions import Exit

from freehold.errors import FreeholdError
from freehold.hosts.host import Host
from freehold.hosts.ssh import SshHost
from freehold.hosts.ssh_config import SshSettings
from freehold.spec import Spec, load, stack_file, stacks
from freehold.spec.model import Node
from playbooks.executor import hosts_of_command_line

ROOT = Path(__file__).parent.parent
PARALLEL_NODES = 16


class TaskFailedError(Exception):
    """What a task found on one node, which makes it fail there."""


@dataclass(frozen=True)
class Target:
    """One node of a task; `node` is None for a destination that the stack does not name."""

    host: Host
    node: Node | None


def stack() -> Spec:
    """The declaration of the selected stack."""
    return load(stack_file(stack_name(), ROOT), root=ROOT)


def stack_name() -> str:
    """The selected stack's. Raises FreeholdError where none is."""
    name = _selected_stack()
    if name is None:
        raise FreeholdError.of(
            "stacks",
            f"expected one selected stack, found {', '.join(stacks(ROOT)) or 'none'}",
            "pulumi stack select NAME, or set PULUMI_STACK",
        )
    return name


@functools.cache  # pulumi takes half a second to say it
def _selected_stack() -> str | None:
    """$PULUMI_STACK, the only one that has a file, or the one that pulumi has selected."""
    there = stacks(ROOT)
    if name := os.environ.get("PULUMI_STACK"):
        return name
    if len(there) <= 1:
        return there[0] if there else None
    try:
        shown = subprocess.run(
            ["pulumi", "stack", "--show-name", "--non-interactive"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
    except FileNotFoundError:
        return None
    return shown.stdout.strip() or None


def targets() -> list[Target]:
    """The hosts of -H, else all nodes of the stack. A host of -H need not be of any stack."""
    hosts = hosts_of_command_line()
    if hosts and _selected_stack() is None:
        return [_target(name, None) for name in hosts]
    spec = stack()
    return [_target(name, spec) for name in hosts or [node.name for node in spec.nodes]]


def target_named(name: str) -> Target:
    """The node of that name, or the destination, be it of no stack."""
    return _target(name, stack() if _selected_stack() is not None else None)


def require_node(target: Target) -> Node:
    """The target as a node of the stack."""
    if target.node is None:
        raise FreeholdError.of(
            target.host.name, "expected a node of the stack", "this task reads its server's port"
        )
    return target.node


def on_nodes(
    work: Callable[[Target], str], on: list[Target] | None = None, *, is_json: bool = False
) -> None:
    """Run `work` on every target at once: one line a node, exit code 1 if any failed.

    Where `is_json`, stdout has what `work` says and nothing else; failures are on stderr.
    """
    on = targets() if on is None else on
    width = max(len(target.host.name) for target in on)
    with ThreadPoolExecutor(PARALLEL_NODES) as pool:
        try:
            outcomes = list(pool.map(lambda target: outcome(work, target), on))
        except KeyboardInterrupt:
            for target in on:
                target.host.cancel()
            raise Exit("stopped: what was done until now stays", code=130) from None
    failed = []
    for target, (text, error) in zip(on, outcomes, strict=True):
        if error is not None:
            failed.append(target.host.name)
        elif is_json:
            print(text)
            continue
        first, *rest = (text if error is None else f"FAILED  {error}").splitlines() or ["ok"]
        for name, line in [(target.host.name, first), *(("", line) for line in rest)]:
            print(f"{name:<{width}}  {line}".rstrip(), file=sys.stderr if is_json else sys.stdout)
    end(failed, len(on))


def end(failed: list[str], count: int) -> None:
    """The end of a task on `count` nodes: exit code 1 if it failed on any, and on which."""
    if failed:
        raise Exit(f"failed on {len(failed)} of {count}: {', '.join(failed)}", code=1)


def _target(name: str, spec: Spec | None) -> Target:
    nodes = {node.name: node for node in spec.nodes} if spec else {}
    node = nodes.get(name)
    settings = SshSettings(spec.ssh.config, spec.ssh.connect_timeout_s) if spec else SshSettings()
    if spec is not None and spec.rented is not None and node is not None:
        # Not for a stack of owned boxes: its ledger is read, and nothing is asked of AWS.
        from playbooks.rented import rented_host

        return Target(rented_host(spec, spec.rented, settings), node)
    return Target(SshHost(name, node.ssh if node else name, settings), node)


def outcome(
    work: Callable[[Target], str], target: Target, *, keep: bool = False
) -> tuple[str, str | None]:
    """What `work` says of its node, or its error; the connection is given back, or kept."""
    try:
        return work(target), None
    except TaskFailedError as failure:
        return "", str(failure)
    except FreeholdError as error:
        place = f"{target.host.name}: "
        return "", "\n".join(str(problem).removeprefix(place) for problem in error.problems)
    finally:
        if not keep:
            target.host.close()
