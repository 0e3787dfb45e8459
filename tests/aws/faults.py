"""What goes wrong on purpose: before a call is carried out, after it, or on its way back."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from tests.aws.answer import Refusal
from tests.aws.call import Call

When = Literal["before", "after", "timeout", "drop"]

HOLD_TIMEOUT_S = 120
PASSING = (
    "RequestLimitExceeded",
    "Throttling",
    "ThrottlingException",
    "InternalError",
    "Unavailable",
    "ServiceUnavailable",
)
"""What the next attempt does not meet any more: botocore repeats these for that reason."""


class Dropped(Exception):  # noqa: N818
    """The connection is closed, and no answer was sent."""


@dataclass
class Fault:
    """`reached` is set when a call meets it; a held one then waits for `release()`.

    A refusal goes for botocore's repeats of the same call too, within seconds as they come; but
    for what passes by itself (`PASSING`).
    """

    action: str
    when: When
    code: str
    message: str
    status: int | None
    times: int | None
    region: str | None
    service: str | None
    where: Callable[[Call], bool]
    do: Callable[[Call], None]
    is_held: bool
    met: int = 0
    refused: set[str] = field(default_factory=set)  # invocations
    reached: threading.Event = field(default_factory=threading.Event)
    _released: threading.Event = field(default_factory=threading.Event)

    def release(self) -> None:
        """Let the calls that it holds go on."""
        self._released.set()

    def hits(self, call: Call) -> bool:
        """Whether this is a call for it."""
        return (
            self.action in ("*", call.action)
            and self.service in (None, call.service)
            and self.region in (None, call.region)
            and (self.times is None or self.met < self.times or call.invocation in self.refused)
            and self.where(call)
        )

    def count(self, call: Call) -> None:
        """This call has met it."""
        if call.invocation in self.refused:
            return
        self.met += 1
        if self.when == "before" and self.code and self.code not in PASSING:
            self.refused.add(call.invocation)

    def strike(self, call: Call) -> None:
        """Do to the call what it is here for."""
        self.reached.set()
        self.do(call)
        if self.is_held:
            assert self._released.wait(HOLD_TIMEOUT_S), f"{call} was held, and never released"
        if self.when in ("timeout", "drop"):
            raise Dropped
        if self.code:
            raise Refusal(self.code, self.message, self.status)


class Faults:
    """Those that were added; each strikes `times` times (None: always), the oldest first."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._faults: list[Fault] = []

    def add(
        self,
        action: str = "*",
        code: str = "",
        *,
        when: When = "before",
        times: int | None = 1,
        message: str = "",
        status: int | None = None,
        region: str | None = None,
        service: str | None = None,
        where: Callable[[Call], bool] = lambda _: True,
        do: Callable[[Call], None] = lambda _: None,
        is_held: bool = False,
    ) -> Fault:
        """One to come.

        `before`: refused with `code`, nothing done. `after`: done, then refused (InternalError
        where no code is given). `timeout`: done, and no answer comes (the connection is closed,
        which saves the test the client's patience). `drop`: not done, and no answer comes.
        """
        code = code or ("InternalError" if when == "after" and not is_held else "")
        made = Fault(
            action, when, code, message, status, times, region, service, where, do, is_held
        )
        with self._lock:
            self._faults.append(made)
        return made

    def hold(self, action: str, *, when: When = "before", **those: object) -> Fault:
        """A call that stops there until `release()`; it then goes on as if nothing had been."""
        return self.add(action, when=when, is_held=True, **those)  # type: ignore[arg-type]

    def clear(self) -> None:
        """No more of them; held calls go on."""
        with self._lock:
            faults, self._faults = self._faults, []
        for fault in faults:
            fault.release()

    def strike(self, call: Call, *when: When) -> None:
        """The first fault for this call now, if there is one. Raises Refusal or Dropped."""
        with self._lock:
            hit = next((f for f in self._faults if f.when in when and f.hits(call)), None)
            if hit is None:
                return
            hit.count(call)
        hit.strike(call)
