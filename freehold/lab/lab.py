"""Labs: several boxes on a network of their own, brought up, found again, and taken down."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from freehold.errors import FreeholdError, Problem
from freehold.lab import network, seed, ssh
from freehold.lab.box import Box, Init
from freehold.lab.root import SCRIPTS, run_as_root
from freehold.lab.rootfs import ensure_rootfs
from freehold.lab.state import (
    Lab,
    check_count,
    check_name,
    locked,
    plan_lab,
    read_lab,
    write_lab,
)
from freehold.lab.support import check_state_dir, unsupported


def default_state_dir() -> Path:
    """`$XDG_STATE_HOME/freehold/lab`, or the same under `~/.local/state`."""
    home = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local/state"
    return Path(home) / "freehold/lab"


def up(
    name: str,
    count: int,
    *,
    state_dir: Path,
    on_progress: Callable[[str], None] = lambda _: None,
    init: Init = "systemd",
    packages: tuple[str, ...] = (),
    offers: tuple[str, ...] = (),
    starts: bool = True,
) -> Lab:
    """Bring up `count` boxes, `<name>-1` and on; those that run are kept, dead ones started again.

    A lab that already has more boxes keeps them all. Returns when each box answers SSH. A new
    lab's boxes have the distribution's `packages` besides what a minimal box has, and their apt
    can install what it `offers`, though they reach no mirror. Without `starts`
    none is started: `Box.boot` does that, when what its `seed` folder lacks has been put there.
    """
    check_name(name)
    check_count(count)
    reason = unsupported()
    if reason:
        raise FreeholdError.of("lab", reason)
    state_dir = state_dir.resolve()
    check_state_dir(state_dir)
    rootfs = ensure_rootfs(on_progress, packages, offers)
    with locked(state_dir):
        lab = read_lab(state_dir / name) or plan_lab(state_dir, name, init, rootfs)
        hint = f"fab lab.down --name {name}"
        if lab.init != init:
            raise FreeholdError.of(f"lab {name}", f"its boxes run {lab.init}, not {init}", hint)
        if not lab.rootfs.exists():
            raise FreeholdError.of(f"lab {name}", f"its root folder {lab.rootfs} is gone", hint)
        lab = dataclasses.replace(lab, count=max(count, lab.count))
        write_lab(lab)
        _write_keys(lab)
        network.ensure_bridge(lab.bridge, lab.gateway)
        asleep = [box.name for box in lab.boxes if not box.is_running()]
        if asleep and starts:
            on_progress(f"starting {', '.join(asleep)}")
        if starts:
            _for_each(lab.boxes, Box.start)
    return lab


def down(name: str, state_dir: Path) -> None:
    """Remove the lab: its boxes, whatever state they are in, its bridge and its files."""
    check_name(name)
    state_dir = state_dir.resolve()
    if not state_dir.exists():
        return
    with locked(state_dir):
        folder = state_dir / name
        # The second is where sweep.sh moves it: a `down` that was cut off is taken up again.
        lab = read_lab(folder) or read_lab(folder.with_name(f".removed-{name}"))
        if lab is None and folder.exists() and any(folder.iterdir()):
            raise FreeholdError.of(str(folder), "expected lab.json in it; not a lab, left alone")
        boxes = dataclasses.replace(lab, folder=folder).boxes if lab else ()
        _for_each(boxes, Box.cut_power)
        links = [f"fh-{network.short_id(folder)}", *(box.machine for box in boxes)]
        run_as_root(f"lab {name}", "sh", SCRIPTS / "sweep.sh", folder, *links)


def list_labs(state_dir: Path) -> tuple[Lab, ...]:
    """The labs of this state folder, by name."""
    if not state_dir.is_dir():
        return ()
    state_dir = state_dir.resolve()
    folders = sorted(folder for folder in state_dir.iterdir() if folder.name[0] != ".")
    return tuple(lab for lab in map(read_lab, folders) if lab)


@contextlib.contextmanager
def temporary(
    count: int,
    state_dir: Path,
    *,
    init: Init = "systemd",
    packages: tuple[str, ...] = (),
    offers: tuple[str, ...] = (),
    starts: bool = True,
) -> Iterator[Lab]:
    """A lab of its own for the length of a `with` block."""
    name = f"t{os.getpid()}-{uuid.uuid4().hex[:4]}"
    try:
        yield up(
            name,
            count,
            state_dir=state_dir,
            init=init,
            packages=packages,
            offers=offers,
            starts=starts,
        )
    finally:
        down(name, state_dir)


def _write_keys(lab: Lab) -> None:
    client_key = lab.folder / "client_key"
    if not client_key.exists():
        seed.make_key(client_key, f"lab {lab.name}")
    for box in lab.boxes:
        seed.ensure_seed(box.folder / "seed", box.name, box.address, client_key)
    keys = ((box.name, box.folder / "seed" / seed.HOST_KEY) for box in lab.boxes)
    lab.known_hosts.write_text("".join(seed.known_hosts_line(*key) for key in keys))
    ssh.write_ssh_config(lab.folder, [(box.name, box.address) for box in lab.boxes])


def _for_each(boxes: tuple[Box, ...], action: Callable[[Box], None]) -> None:
    """Do it to all boxes at once; the error has every box's problems."""

    def problems(box: Box) -> tuple[Problem, ...]:
        try:
            action(box)
        except FreeholdError as error:
            return error.problems
        return ()

    with ThreadPoolExecutor(max_workers=8) as pool:
        found = [problem for some in pool.map(problems, boxes) for problem in some]
    if found:
        raise FreeholdError(found)
