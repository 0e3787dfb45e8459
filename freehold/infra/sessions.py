"""The provider's connections: one a box, questions batched, changes bounded."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Any

from freehold.apply.converge import look
from freehold.errors import FreeholdError
from freehold.hosts.host import Host, HostError, UnreachableError
from freehold.hosts.ssh import SshHost
from freehold.hosts.ssh_config import SshSettings
from freehold.plan.item import Item
from freehold.rent.aws import Aws, AwsError
from freehold.rent.way import pinned_of


class GoneError(FreeholdError):
    """AWS says that the instance which the node was has ended: what lay on it is no more."""


class Session:
    """One box. The engine asks for its resources at once: what waits together travels together.

    `check_there` raises GoneError for a rented one that is no more, and AwsError where that cannot
    be told; it is asked once, before the first connection.
    """

    def __init__(self, host: Host, check_there: Callable[[], None] = lambda: None) -> None:
        self.host, self._check_there = host, check_there
        self.changing = threading.Lock()
        self._asking = threading.Lock()
        self._queue: list[tuple[Item, Future[Any]]] = []
        self._queue_lock = threading.Lock()
        self._was_checked = False
        self._trouble: FreeholdError | None = None

    def look(self, item: Item) -> Any:
        """The facts of `item`. While one round trip is under way the next batch gathers."""
        answer: Future[Any] = Future()
        with self._queue_lock:
            self._queue.append((item, answer))
        with self._asking:
            self._connect()  # before the queue is taken: what comes meanwhile travels along
            with self._queue_lock:
                batch, self._queue = self._queue, []
            self._answer(batch)
        return answer.result()

    def require_there(self) -> None:
        """Raises GoneError, or AwsError, where `check_there` does."""
        with self._asking:
            self._check()
            if self._trouble is not None and not isinstance(self._trouble, UnreachableError):
                raise self._trouble

    def _check(self) -> None:
        if not self._was_checked:
            self._was_checked = True
            try:
                self._check_there()
            except FreeholdError as error:
                self._trouble = error

    def _connect(self) -> None:
        """A box that did not answer is asked once an operation, not once a resource."""
        self._check()
        if self._trouble is None:
            try:
                self.host.connect()
            except UnreachableError as error:
                self._trouble = error

    def _answer(self, batch: list[tuple[Item, Future[Any]]]) -> None:
        if not batch:
            return
        try:
            if self._trouble is not None:
                raise self._trouble
            found = look(self.host, [item for item, _ in batch])
        except (UnreachableError, AwsError) as error:
            # Why is said once: each of the other resources fails too, in a line.
            place = self.host.name
            self._trouble = UnreachableError.of(place, "not reached: its first error says why")
            for _, answer in batch:
                answer.set_exception(error)
                error = self._trouble
        except HostError as error:
            if len(batch) == 1:
                batch[0][1].set_exception(error)
            else:
                # One item's trouble is its own: ask for each alone.
                for single in batch:
                    self._answer([single])
        except BaseException as error:
            for _, answer in batch:
                answer.set_exception(error)
        else:
            for (_, answer), facts in zip(batch, found, strict=True):
                answer.set_result(facts)


class Sessions:
    """All boxes of one operation. At most `parallel_nodes` of them are changed at a time."""

    def __init__(self, settings: SshSettings, parallel_nodes: int, aws: Aws) -> None:
        self._settings, self._aws = settings, aws
        self._changes = threading.BoundedSemaphore(parallel_nodes)
        self._sessions: dict[tuple[str, str, str | None], Session] = {}
        self._lock = threading.Lock()
        self.cancelled = threading.Event()

    def of(self, where: Mapping[str, Any]) -> Session:
        """The session of the box that a resource's properties name, opened by its first command:
        `node`, `ssh`, and of a rented one `rented` (freehold.rent.way)."""
        key = (str(where["node"]), str(where["ssh"]), instance_of(where))
        with self._lock:
            if key not in self._sessions:
                self._sessions[key] = self._opened(where)
            return self._sessions[key]

    def _opened(self, where: Mapping[str, Any]) -> Session:
        node, destination, rented = where["node"], where["ssh"], where.get("rented")
        if rented is None:
            return Session(SshHost(node, destination, self._settings))
        pinned = replace(self._settings, pinned=pinned_of(rented))
        check_there = partial(_require_there, self._aws, node, rented, self.pause)
        return Session(SshHost(node, destination, pinned), check_there)

    @contextmanager
    def changing(self, session: Session) -> Iterator[Host]:
        """Hold the box for a change: one at a time on it, and a bounded number over all."""
        with session.changing, self._changes:
            if self.cancelled.is_set():
                raise UnreachableError.of(session.host.name, "cancelled before it was begun")
            yield session.host

    def pause(self, seconds: float) -> None:
        """Wait so long, or until it is cancelled."""
        self.cancelled.wait(seconds)

    def cancel(self) -> None:
        """End what is running: each command ends where it stands, and says so."""
        self.cancelled.set()
        for session in tuple(self._sessions.values()):
            session.host.cancel()

    def close(self) -> None:
        """Give every connection back."""
        for session in tuple(self._sessions.values()):
            session.host.close()


def instance_of(where: Mapping[str, Any]) -> str | None:
    """The instance that a resource lies on; None on a box of one's own."""
    rented = where.get("rented")
    return str(rented["instance_id"]) if rented else None


def _require_there(
    aws: Aws, node: str, rented: Mapping[str, Any], pause: Callable[[float], None]
) -> None:
    # Not for a stack of owned boxes: it takes boto3.
    from freehold.rent.settle import is_gone

    region, instance_id = rented["region"], rented["instance_id"]
    if is_gone(aws, region, instance_id, pause):
        raise GoneError.of(node, f"{instance_id} in {region} has ended: what lay on it is gone")
