"""A fact: a shell script and the pure parse of its output; many are gathered in one round trip."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from freehold.hosts.command import Command
from freehold.hosts.host import Host, HostError, run_or_raise

T = TypeVar("T")

_BEGIN, _END = "\x1e", "\x1f"  # the record and unit separators of ASCII: no fact prints them


@dataclass(frozen=True)
class Fact(Generic[T]):
    """`script` prints what is, on stdout; `parse` reads it.

    A script that fails, or output that `parse` cannot read (ValueError, LookupError), raises:
    it never becomes "absent".
    """

    name: str
    script: str
    parse: Callable[[str], T]


def gather(host: Host, facts: Sequence[Fact[Any]]) -> list[Any]:
    """Ask `host` for all `facts` in one round trip; the answers, in their order."""
    if not facts:
        return []
    # Each in a subshell of its own, with the language and time zone that the parsers expect.
    parts = [
        f"printf '{_octal(_BEGIN)}'; (\n{f.script}\n); printf '{_octal(_END)}%s' $?" for f in facts
    ]
    script = "\n".join(["export LC_ALL=C TZ=UTC", *parts])
    output = run_or_raise(host, Command(script, f"gathering facts: {facts[0].name}"))
    return [_answer(host, fact, part) for fact, part in zip(facts, _split(output), strict=True)]


def field(text: str, key: str, separator: str = "=") -> str:
    """The value of the line `key=value`. Raises KeyError where no line has that key."""
    for line in text.splitlines():
        name, found, value = line.partition(separator)
        if found and name.strip() == key:
            return value.strip()
    raise KeyError(key)


def every(text: str, key: str) -> tuple[str, ...]:
    """The values of all lines `key=value`, in their order; none where no line has that key."""
    begin = f"{key}="
    return tuple(line.removeprefix(begin) for line in text.splitlines() if line.startswith(begin))


def quote(path: str) -> str:
    """`path` as one word of a shell script."""
    return shlex.quote(path)


def _octal(mark: str) -> str:
    return f"\\{ord(mark):03o}"


def _split(output: str) -> list[tuple[str, str]]:
    parts = [part.partition(_END) for part in output.split(_BEGIN)[1:]]
    return [(text, status) for text, _, status in parts]


def _answer(host: Host, fact: Fact[T], part: tuple[str, str]) -> T:
    text, status = part
    shown = text.strip().splitlines()[-5:]
    if status != "0":
        raise HostError.of(
            host.name, "\n".join([f"{fact.name}: exit {status or 'unknown'}", *shown])
        )
    try:
        return fact.parse(text)
    except (ValueError, LookupError) as error:
        what = f"{fact.name}: output that cannot be read ({type(error).__name__}: {error})"
        raise HostError.of(host.name, "\n".join([what, *shown])) from None
