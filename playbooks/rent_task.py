"""The middle of `fab rent.run`: the command on the node or here, and its results at home."""

from __future__ import annotations

import contextlib
import ipaddress
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from freehold.errors import FreeholdError
from freehold.hosts.host import Host, HostError
from freehold.job.follow import Follower
from freehold.job.job import LOST, State, exit_code_of
from freehold.job.results import SUMS, ResultFile, fetch, results_in, sums_text
from freehold.rent.relay import local_port
from freehold.rent.task import TASK, Task, clear, look, start, stop, unit_text
from freehold.service.client import read_key
from freehold.spec.model import Model
from freehold.spec.server import Server
from playbooks.interrupts import Interrupts

LOOK_AGAIN_S = 0.25
TIME = "%Y%m%dT%H%M%SZ"
"""Of a folder's name: when a task was begun, in UTC."""


class OtherTaskError(FreeholdError):
    """The node is at work on another task: it is not ours to end."""


@dataclass(frozen=True)
class Place:
    """Where a command runs: `reach` makes a connection of its own, `is_over` says whether the node
    is known to be no more."""

    reach: Callable[[], Host]
    is_over: Callable[[], bool]
    server: Server
    model: Model


@dataclass
class Outcome:
    """What came of it. `exit_code` is None where nobody knows it; `are_results_there` is whether
    the node has results that are not here."""

    home: Path
    began: datetime
    exit_code: int | None = None
    results: tuple[ResultFile, ...] = field(default=())
    are_results_there: bool = False
    problem: FreeholdError | None = None


def run_there(task: Task, place: Place, out: Path, interrupts: Interrupts) -> Outcome:
    """Run it on the node, or take up the same one that is there; the results come into a folder of
    `out` that is named by when it was begun.

    Raises OtherTaskError where the node has another task, HostError where it could not be begun.
    """
    with _open(place) as host, interrupts.ending(host.cancel):
        began = _begun(host, task, place)
    outcome = _outcome(out, began)
    with (outcome.home / "output.txt").open("wb") as output:
        follower = Follower(lambda data: _write(data, output), TASK)
        try:
            ended = _ended(follower, place, interrupts)
            if ended != LOST:
                outcome.exit_code = _exit_code_of(ended)
            _bring(place, outcome)
        except HostError as error:
            outcome.problem = error
            # Of a task that was to end, and nobody knows whether it did, there is nothing to keep.
            is_kept = outcome.exit_code is not None or not interrupts.is_asked
            outcome.are_results_there = is_kept and not place.is_over()
    if outcome.exit_code is None and outcome.problem is None:
        message = "expected the task to end, the node was started anew while it ran"
        outcome.problem = HostError.of("task", message, "run it again")
    return outcome


def run_here(line: str, place: Place, out: Path, interrupts: Interrupts) -> Outcome:
    """Run it on this machine, with the node's server at a port of the loopback."""
    outcome = _outcome(out, _now())
    results = outcome.home / "results"
    results.mkdir(exist_ok=True)
    with _open(place) as host, local_port(host, place.server.port) as port:
        environment = {
            **os.environ,
            "OPENAI_BASE_URL": f"http://127.0.0.1:{port}/v1",
            "OPENAI_API_KEY": read_key(host),
            "FREEHOLD_MODEL": place.model.alias,
            "FREEHOLD_RESULTS": str(results),
        }
        child = subprocess.Popen(["sh", "-c", line], env=environment, start_new_session=True)
        try:
            with interrupts.ending(lambda: _signal(child, signal.SIGTERM)):
                status = child.wait()
        finally:
            _signal(child, signal.SIGKILL)
    outcome.exit_code = status if status >= 0 else 128 - status
    outcome.results = results_in(results)
    (outcome.home / SUMS).write_text(sums_text(outcome.results))
    return outcome


def remove_task(place: Place) -> None:
    """Remove it from a node that stays."""
    with _open(place) as host:
        clear(host)


def endpoint_address(listen: str) -> str:
    """Where the node itself reaches a server that listens there, as a URL has it."""
    try:
        address = ipaddress.ip_address(listen)
    except ValueError:
        return listen
    if address.is_unspecified:
        address = ipaddress.ip_address("127.0.0.1" if address.version == 4 else "::1")
    return f"[{address}]" if address.version == 6 else str(address)


def _begun(host: Host, task: Task, place: Place) -> str:
    """When the task was begun: now, or by an earlier run."""
    found = look(host)
    if found is not None and found.state != State.PLACED:
        if found.digest != task.digest:
            raise OtherTaskError.of(
                host.name,
                f"expected no other task on the node, found one that is {found.state}: "
                f"{found.line}",
                "run that one again to bring its results home, or pulumi destroy",
            )
        print(f"{host.name}: the task is there, {found.state}: taking it up", flush=True)
        return found.began
    if found is not None:
        clear(host)
    began = _now()
    address = endpoint_address(place.server.listen)
    unit = unit_text(task, place.server.port, place.model.alias, address)
    start(host, task, unit, began)
    print(f"{host.name}: running: {task.line}", flush=True)
    return began


def _ended(follower: Follower, place: Place, interrupts: Interrupts) -> str:
    """Follow it to its end, which an interrupt brings about."""

    def pause(pause_s: float) -> None:
        until_s = time.monotonic() + pause_s
        while time.monotonic() < until_s and not interrupts.is_asked:
            time.sleep(LOOK_AGAIN_S)

    with _open(place) as host, interrupts.ending(host.cancel):
        try:
            return follower.follow(host, _say_lost, pause, place.is_over)
        except HostError:
            if not interrupts.is_asked:
                raise
    with _open(place) as host:
        stop(host)
        print(f"{host.name}: the task was stopped", flush=True)
        return follower.follow(host, _say_lost, time.sleep, place.is_over)


def _exit_code_of(ended: str) -> int:
    try:
        return exit_code_of(ended)
    except ValueError:
        raise HostError.of("task", f"expected how it ended, got {ended!r:.80}") from None


def _bring(place: Place, outcome: Outcome) -> None:
    home = outcome.home / "results"
    home.mkdir(exist_ok=True)
    with _open(place) as host:
        outcome.results = fetch(host, TASK, home, _say_lost, time.sleep)
        print(f"{host.name}: {len(outcome.results)} files of results, in {home}", flush=True)
    (outcome.home / SUMS).write_text(sums_text(outcome.results))


@contextlib.contextmanager
def _open(place: Place) -> Iterator[Host]:
    host = place.reach()
    try:
        yield host
    finally:
        host.close()


def _outcome(out: Path, began: str) -> Outcome:
    """With a folder for what comes. Raises HostError for a time that is none: it names a folder."""
    try:
        at = datetime.strptime(began, TIME).replace(tzinfo=UTC)
    except ValueError:
        raise HostError.of("task", f"expected when it was begun, got {began!r:.80}") from None
    home = out / at.strftime(TIME)
    home.mkdir(parents=True, exist_ok=True)
    return Outcome(home, at)


def _now() -> str:
    return datetime.now(UTC).strftime(TIME)


def _write(data: bytes, output: IO[bytes]) -> None:
    """Into the file and to whoever watches: at once, as the task itself may take hours."""
    for each in (output, sys.stdout.buffer):
        each.write(data)
        each.flush()


def _say_lost(why: str) -> None:
    print(f"connection lost ({why}), trying again", flush=True)


def _signal(child: subprocess.Popen[bytes], number: int) -> None:
    """To all that it started: it has a session of its own."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.pid, number)
