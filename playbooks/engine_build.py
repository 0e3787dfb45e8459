"""`fab engine.build`: llama.cpp from its source, on a node or in a lab box."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from invoke.exceptions import Exit

from freehold import lab
from freehold.build.flags import AUTO, BACKENDS, Backend, backend_of, capabilities_of, cmake_flags
from freehold.build.on_node import BUILD, look
from freehold.build.order import BuildOrder
from freehold.errors import FreeholdError, Problem
from freehold.facts.fact import gather
from freehold.facts.hardware import HardwareFacts, hardware_fact
from freehold.facts.toolchain import TOOLCHAIN, ToolchainFacts
from freehold.hosts.host import Host
from freehold.hosts.ssh import SshHost
from freehold.hosts.ssh_config import SshSettings
from freehold.job import run
from freehold.render.paths import UNIT
from freehold.weights.manifest import Kind, Manifest, is_name
from freehold.weights.signature import require_signed
from freehold.weights.source import build_number
from playbooks.build_course import Build
from playbooks.executor import task
from playbooks.nodes import target_named
from playbooks.options import about_of, count_of, word_of
from playbooks.owner import owner_of
from playbooks.sets import store_of

BOX = "engine-build"
BOX_PACKAGES = ("cmake", "g++", "ninja-build")
ABOUT = {
    "source": "the name of a source in the store: fab engine.list --source",
    "name": "what the build will be called in the store",
    "on": "the node that builds; or any destination of SSH",
    "box": "build in a lab box on this machine instead, which goes when it is done",
    "backend": "cuda, cpu or auto: what the node has",
    "capability": "compute capabilities to build for (8.0,9.0), instead of the node's own GPUs'",
    "native": "for the very processor that builds, instead of for all kinds",
    "jobs": "files that are compiled at a time, instead of what its threads and memory allow",
    "stop": "end the build that is there, and remove it",
    "store": "instead of the stack's",
    "owner": "the SSH public key to sign by, instead of the stack's",
    "about": "what else the manifest says: key=value,key=value",
}


@task("build", about=ABOUT)
def build(
    _c: Any,
    source: str = "",
    name: str = "",
    on: str = "",
    box: bool = False,
    backend: str = AUTO,
    capability: str = "",
    native: bool = False,
    jobs: str = "",
    stop: bool = False,
    store: str = "",
    owner: str = "",
    about: str = "",
) -> None:
    """Build llama.cpp from a source of the store, on a node, and put it into the store.

    A build goes on when this command ends, however it ends: the same again takes it up.
    """
    _require_options(source, name, on, box, stop)
    if stop:
        _stop(on)
        return
    most_jobs = count_of("--jobs", jobs) if jobs else None
    kept, by, told = store_of(store), owner_of(owner, store), about_of(about)
    word_of("--backend", backend, BACKENDS)
    found = kept.manifest(Kind.SOURCE, source)
    if by is not None:
        require_signed(kept, found, by)
    with _host_of(on) as host:
        hardware, tools = gather(host, [hardware_fact(UNIT), TOOLCHAIN])
        order = _order(found, name, backend, capability, native, host.name, hardware, tools)
        made = Build(host, kept, order, tools, told, by)
        try:
            made.go(most_jobs)
        except KeyboardInterrupt:
            if not made.is_begun:
                raise
            raise Exit(_last_words(host, on), code=130) from None


def _order(
    source: Manifest,
    name: str,
    backend: str,
    capability: str,
    is_native: bool,
    place: str,
    hardware: HardwareFacts,
    tools: ToolchainFacts,
) -> BuildOrder:
    chosen = backend_of(backend, hardware, place)
    is_cuda = chosen is Backend.CUDA
    capabilities = capabilities_of(capability, hardware, place) if is_cuda else ()
    flags = cmake_flags(
        chosen,
        capabilities,
        is_native=is_native,
        nvcc_path=tools.nvcc_path,
        number=build_number(source),
        commit=source.about.get("commit", ""),
    )
    processor = hardware.cpu_model if is_native else ""
    return BuildOrder(name, source, chosen, flags, capabilities, processor)


def _require_options(source: str, name: str, on: str, box: bool, stop: bool) -> None:
    problems = []
    if bool(on) == box:
        problems.append(Problem("engine.build", "expected one of --on NODE and --box"))
    if not stop and not source:
        problems.append(
            Problem("--source", "expected a source of the store", "fab engine.list --source")
        )
    if not stop and not is_name(name):
        what = 'a name of a-z, 0-9, ".", "_" and "-" that starts with a letter or digit'
        problems.append(Problem("--name", f'expected {what}, got "{name}"'))
    if problems:
        raise FreeholdError(problems)


@contextlib.contextmanager
def _host_of(node: str) -> Iterator[Host]:
    """The node, or where none is named the lab's box: that goes at the end, but for a build that
    is left running."""
    if node:
        host = target_named(node).host
        try:
            yield host
        finally:
            host.close()
        return
    found = lab.up(
        BOX, 1, state_dir=lab.default_state_dir(), on_progress=print, packages=BOX_PACKAGES
    )
    (made,) = found.boxes
    host = SshHost(made.name, made.name, SshSettings(found.ssh_config))
    is_left = False
    try:
        yield host
    except Exit:
        is_left = True
        raise
    finally:
        host.close()
        if not is_left:
            lab.down(BOX, lab.default_state_dir())


def _stop(node: str) -> None:
    if not node:
        lab.down(BOX, lab.default_state_dir())
        print("the lab box and its build are removed")
        return
    host = target_named(node).host
    try:
        found = look(host)
        run.clear(host, BUILD)
        what = f"the build of {found.name}, {found.state}, is removed" if found else "no build"
        print(f"{host.name}: {what}")
    finally:
        host.close()


def _last_words(host: Host, node: str) -> str:
    where = f"--on {node}" if node else "--box"
    return (
        f"{host.name}: left building; the same command takes it up again\n"
        f"Hint: fab engine.build --stop {where} ends it"
    )
