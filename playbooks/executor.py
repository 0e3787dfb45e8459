"""How `fab` runs our tasks: once, with the hosts of -H as data, and errors without a traceback."""

from __future__ import annotations

import functools
import os
import shlex
import sys
from collections.abc import Callable, Mapping
from typing import Any

import fabric
from fabric.main import program
from invoke.exceptions import Exit

from freehold.errors import FreeholdError


class NodesExecutor(fabric.Executor):  # type: ignore[misc]  # fabric has no types
    """Leaves -H to the tasks, and what comes after `--` to one that takes a command."""

    def expand_calls(self, calls: Any, apply_hosts: bool = True) -> Any:  # noqa: ARG002 - fabric's
        """One call a task, whatever -H says."""
        taken = [call for call in calls if getattr(_body_of(call), "takes_command", False)]
        remainder = self.core.remainder
        self.core.remainder = "" if taken else remainder
        try:
            return super().expand_calls(calls, apply_hosts=False)
        finally:
            self.core.remainder = remainder


def command_of_command_line() -> str:
    """What was given after `--`, as a line for a shell: one word alone is a line already, several
    are a command and its arguments."""
    words = program.argv[program.argv.index("--") + 1 :] if "--" in program.argv else []
    return words[0] if len(words) == 1 else shlex.join(words)


def hosts_of_command_line() -> list[str]:
    """What was given by -H."""
    value = program.core[0].args.hosts.value
    return [host.strip() for host in value.split(",") if host.strip()] if value else []


def task(
    name: str,
    *,
    is_default: bool = False,
    about: Mapping[str, str] | None = None,
    takes_command: bool = False,
) -> Callable[[Callable[..., None]], Any]:
    """A Fabric task of that name, whose FreeholdError is its last words and exit code 1.

    The default of a collection is called by the collection's name alone. `about` has a line for
    each option, which `fab --help TASK` prints. One that `takes_command` may be followed by
    `-- COMMAND`, see command_of_command_line.
    """

    def decorate(body: Callable[..., None]) -> Any:
        @functools.wraps(body)
        def run(*args: Any, **kwargs: Any) -> None:
            try:
                body(*args, **kwargs)
            except FreeholdError as error:
                raise Exit(str(error), code=1) from None
            except KeyboardInterrupt:
                raise Exit("stopped", code=130) from None
            except OSError as error:
                if isinstance(error, BrokenPipeError):
                    raise
                # Of this machine's own files: a disk that is full, a folder that is read-only.
                raise Exit(f"{error.filename or name}: {error.strerror}", code=1) from None

        # Letters for twenty options would be arbitrary: whoever describes them has none.
        options = {"help": dict(about), "auto_shortflags": False} if about else {}
        quiet = ending_with_its_reader(run)
        quiet.takes_command = takes_command  # type: ignore[attr-defined]
        return fabric.task(name=name, default=is_default, **options)(quiet)

    return decorate


def ending_with_its_reader(body: Callable[..., None]) -> Callable[..., None]:
    """`body`, which ends quietly where its output is read no further: `fab -l | head`."""

    @functools.wraps(body)
    def run(*args: Any, **kwargs: Any) -> None:
        try:
            body(*args, **kwargs)
        except BrokenPipeError:
            # Python's flush at the end must not complain either.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())

    return run


def _body_of(call: Any) -> Any:
    return getattr(call, "task", call).body
