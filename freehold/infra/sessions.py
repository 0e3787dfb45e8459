"""The provider's connections: one a box, questions batched, changes bounded."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any

from freehold.apply.converge import look
from freehold.hosts.host import Host, HostError, UnreachableError
from freehold.hosts.ssh import SshHost
from freehold.hosts.ssh_config import SshSettings
from freehold.plan.item import Item


class Session:
    """One box. The engine asks for its resources at once: what waits together travels together."""

    def __init__(self, host: Host) -> None:
        self.host = host
        self.changing = threading.Lock()
        self._asking = threading.Lock()
        self._queue: list[tuple[Item, Future[Any]]] = []
        self._queue_lock = threading.Lock()
        self._unreachable: UnreachableError | None = None

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

    def _connect(self) -> None:
        """A box that did not answer is asked once an operation, not once a resource."""
        if self._unreachable is None:
            try:
                self.host.connect()
            except UnreachableError as error:
                self._unreachable = error

    def _answer(self, batch: list[tuple[Item, Future[Any]]]) -> None:
        if not batch:
            return
        try:
            if self._unreachable is not None:
                raise self._unreachable
            found = look(self.host, [item for item, _ in batch])
        except UnreachableError as error:
            # Why is said once: each of the other resources fails too, in a line.
            place = self.host.name
            self._unreachable = UnreachableError.of(place, "not reached: its first error says why")
            for _, answer in batch:
                answer.set_exception(error)
                error = self._unreachable
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

    def __init__(self, settings: SshSettings, parallel_nodes: int) -> None:
        self._settings = settings
        self._changes = threading.BoundedSemaphore(parallel_nodes)
        self._sessions: dict[tuple[str, str], Session] = {}
        self._lock = threading.Lock()
        self.cancelled = threading.Event()

    def of(self, node: str, destination: str) -> Session:
        """The session of that box, opened by its first command."""
        with self._lock:
            session = self._sessions.get((node, destination))
            if session is None:
                session = Session(SshHost(node, destination, self._settings))
                self._sessions[node, destination] = session
            return session

    @contextmanager
    def changing(self, session: Session) -> Iterator[Host]:
        """Hold the box for a change: one at a time on it, and a bounded number over all."""
        with session.changing, self._changes:
            if self.cancelled.is_set():
                raise UnreachableError.of(session.host.name, "cancelled before it was begun")
            yield session.host

    def cancel(self) -> None:
        """End what is running: each command ends where it stands, and says so."""
        self.cancelled.set()
        for session in tuple(self._sessions.values()):
            session.host.cancel()

    def close(self) -> None:
        """Give every connection back."""
        for session in tuple(self._sessions.values()):
            session.host.close()
