"""The agent on a node: its program as one archive, and the commands that start it."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from shlex import quote

from freehold.agent.program import program_bytes
from freehold.hosts.command import Command
from freehold.hosts.host import Host
from freehold.hosts.talk import Talk

FOLDER = "/var/lib/freehold/agent"


@functools.cache
def program() -> bytes:
    """The archive, made once."""
    return program_bytes()


def program_path() -> str:
    """Where it lies on a node; another content has another name."""
    return f"{FOLDER}/{hashlib.sha256(program()).hexdigest()[:12]}.pyz"


@contextmanager
def talk_with_agent(
    host: Host, verb: str, *arguments: str, description: str, prelude: str = ""
) -> Iterator[Talk]:
    """The agent's `verb` on `host`, which is given the program if it lacks it.

    `prelude` runs before, in the same shell. Raises as Host.talk does.
    """
    path, size = program_path(), len(program())
    words = " ".join(quote(word) for word in (verb, *arguments))
    # A file that was cut short has another size, and never its final name.
    script = f"""{prelude}
umask 022
if [ "$(stat -c %s {path} 2>/dev/null)" = {size} ]; then echo there
else
  mkdir -p {FOLDER}
  echo wanted
  head -c {size} >{path}.$$
  [ "$(stat -c %s {path}.$$)" = {size} ] || {{ rm -f {path}.$$; exit 1; }}
  mv -f {path}.$$ {path}
fi
exec python3 {path} {words}"""
    with host.talk(Command(script, description, takes_input=True)) as talk:
        if talk.line() == "wanted":
            talk.send(program())
        yield talk
