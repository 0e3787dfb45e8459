"""The leg from a bucket: this node fetches what it lacks by HTTPS, in as many processes as help.

Written on stdin, a line of JSON each: first `urls` by the index of their files, and `ca`,
`workers`, `rate`, `timeout_s`, `patience_s` where they are not the usual; then `urls` that
replace others and another `rate`, in bytes per second. Said on stdout: `+FILE PIECE` of one that
landed, `-FILE PIECE` of one that was wrong, `{"renew": FILE}` where an URL is refused,
`{"failed": ...}` with the reason, `{"done": true}`.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import ssl
import sys
from multiprocessing.connection import wait
from multiprocessing.context import ForkProcess
from typing import Any

from freehold.agent.frames import say
from freehold.agent.landing import Landing
from freehold.agent.order import OrderError
from freehold.agent.puller import FailedError, Puller, Work
from freehold.agent.runs import Runs
from freehold.agent.shared import Board, Flag, Rate, Turns

WORKERS_OF_A_CORE = 2  # one computes while the other waits for the network
WORKERS = (4, 32)  # at least and at most: S3 gives a connection some 80 MB/s
BUFFERS_BYTES = 128 << 20  # of all processes together, where pieces are long
RUN_BYTES = 64 << 20  # a request this long hides how long its first byte takes
RUNS_OF_A_WORKER = 4  # at least, so that all are done at about the same time
TIMEOUT_S, PATIENCE_S = 20, 180
STDIN = 0


def pull(folder: str) -> int:
    """Fetch what lacks in the set that another process began; the exit status."""
    lines = _Lines()
    said = lines.first()
    given = said[0]
    landing = Landing.open(folder, is_direct=True)
    order, missing = landing.order, landing.missing()
    left = sum(count for _file, _first, count in missing)
    workers = min(given.get("workers") or _workers(order.piece_bytes), left)
    run_pieces = min(RUN_BYTES // order.piece_bytes, left // max(1, workers * RUNS_OF_A_WORKER))
    context = multiprocessing.get_context("fork")
    work = Work(
        runs=Runs(missing, max(1, run_pieces)),
        turns=Turns(context),
        board=Board(),
        rate=Rate(context),
        is_answered=Flag(context),
        tls=_tls(given.get("ca")),
        timeout_s=given.get("timeout_s", TIMEOUT_S),
        patience_s=given.get("patience_s", PATIENCE_S),
        owner=os.getpid(),
    )
    for line in said:
        _heed(line, work)
    processes = [context.Process(target=_work, args=(landing, work)) for _ in range(workers)]
    for process in processes:
        process.start()
    try:
        is_done = _watch(processes, lines, work)
    finally:
        for process in processes:
            process.terminate()
    if is_done:
        say(json.dumps({"done": True}))
    return 0 if is_done else 1


def _workers(piece_bytes: int) -> int:
    """How many processes, where nobody says it."""
    least, most = WORKERS
    wanted = min(max(least, WORKERS_OF_A_CORE * len(os.sched_getaffinity(0))), most)
    return max(1, min(wanted, BUFFERS_BYTES // piece_bytes))


def _watch(processes: list[ForkProcess], lines: _Lines, work: Work) -> bool:
    """Whether all came to their end; not where one failed, or nobody listens any more."""
    running = {process.sentinel: process for process in processes}
    while running:
        ready = wait([STDIN, *running])
        if STDIN in ready:
            for line in lines.next():
                _heed(line, work)
            if lines.is_over:
                return False
        for sentinel in running.keys() & ready:
            process = running.pop(sentinel)
            process.join()
            if process.exitcode:
                if process.exitcode < 0:
                    print(f"a process was ended by signal {-process.exitcode}", file=sys.stderr)
                return False
    return True


def _work(landing: Landing, work: Work) -> None:
    try:
        Puller(landing, work).run()
    except FailedError as failed:
        say(json.dumps(failed.report))
        raise SystemExit(1) from None
    except BrokenPipeError:  # nobody listens any more
        raise SystemExit(1) from None
    except OSError as error:
        print(f"{landing.order.folder}.partial: {error.strerror or error}", file=sys.stderr)
        raise SystemExit(1) from None


def _heed(line: dict[str, Any], work: Work) -> None:
    if "rate" in line:
        work.rate.set(line["rate"])
    if "urls" in line:
        work.board.pin({int(file): url for file, url in line["urls"].items()})


def _tls(ca: str | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cadata=ca)
    except ssl.SSLError:
        raise OrderError("ca: expected certificates in PEM") from None


class _Lines:
    """Lines of JSON on stdin, read where there is something to read."""

    def __init__(self) -> None:
        self._rest = b""
        self.is_over = False

    def next(self) -> list[dict[str, Any]]:
        """Those that are there, once something is."""
        data = os.read(STDIN, 1 << 20)
        self.is_over = not data
        *whole, self._rest = (self._rest + data).split(b"\n")
        try:
            lines = [json.loads(line) for line in whole]
        except ValueError:
            lines = [None]
        if not all(isinstance(line, dict) for line in lines):
            raise OrderError("expected a line of JSON, got something else")
        return lines

    def first(self) -> list[dict[str, Any]]:
        """The one that all begins with, and those that came with it."""
        lines: list[dict[str, Any]] = []
        while not lines:
            lines = self.next()
            if self.is_over:
                raise OrderError("expected URLs, got nothing")
        return lines
