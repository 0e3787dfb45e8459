"""Ask an engine what a model would take, without the model: its dry pass over sparse files."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

from freehold.account.account import Account, AccountError
from freehold.account.log import read_account
from freehold.account.sparse import NOT_SPARSE_EXIT, sparse_files
from freehold.gguf.header import Header
from freehold.hosts.command import Command, Result
from freehold.hosts.host import Host, failure
from freehold.sizing.flags import Flags
from freehold.sizing.planned import Planned
from freehold.weights.manifest import Manifest

LIMIT_S = 60

_SCRIPT = Path(__file__).with_name("ask.sh").read_text()
_ENDED = re.compile(r"^freehold: the engine ended with (\d+)$", re.MULTILINE)
_IS_WHOLE = "projected to use"
_TIMED_OUT = 124  # timeout(1)
_DEBUG = re.compile(r"^[\d.]+ D ")
# (what the engine prints, what to do), the first match wins.
_HINTS = [
    (r"invalid argument: (-fit|--fit)\b", "this build has no --fit: only the formulas know"),
    (r"cur_backend_id != -1", "a processor with AMX needs --no-repack for this model"),
    (r"unknown model architecture", "a newer build may know it"),
    (r"invalid argument", "see the engine's --help"),
]


def asked_flags(planned: Planned) -> Flags:
    """The flags of a plan that its memory follows."""
    return (
        ("--ctx-size", str(planned.context_tokens * planned.slots)),
        ("--parallel", str(planned.slots)),
        ("--threads", str(planned.threads)),
        *planned.flags,
    )


def ask_engine(
    host: Host, engine: Manifest | str, header: Header, flags: Flags, limit_s: int = LIMIT_S
) -> Account:
    """The account of `engine` (one that is on the host, or the path of a llama-server there).

    `flags` are llama-server's, but for those of the model and of where it listens. Nothing is
    allocated, no weights are needed, nothing is left on the host. Raises AccountError with what
    the engine said where it gives none, or takes longer than `limit_s`; HostError as the host.
    """
    path = engine if isinstance(engine, str) else engine.node_entry
    files = sparse_files(header)
    words = [files.script, files.first, str(limit_s), path, *(w for flag in flags for w in flag)]
    script = f"set -- {shlex.join(words)}\n{_SCRIPT}"
    command = Command(script, "asking the engine", takes_input=True, root=False)
    result = host.run(command, [files.archive])
    ended = _ENDED.search(result.stdout)
    if ended is None:
        raise _not_asked(host, result)
    log = result.stdout[: ended.start()]
    if _IS_WHOLE not in log:
        raise _no_account(host, path, log, int(ended[1]), limit_s)
    return read_account(log, f"{host.name}: {path}")


def _not_asked(host: Host, result: Result) -> AccountError:
    if result.exit_status == NOT_SPARSE_EXIT:
        return AccountError.of(
            host.name,
            "expected a filesystem with sparse files at /var/tmp, found one without",
        )
    return AccountError(failure(host.name, "asking the engine", result).problems)


def _no_account(host: Host, path: str, log: str, status: int, limit_s: int) -> AccountError:
    how = f"it ended with exit {status}"
    if status == _TIMED_OUT:
        how = f"it took more than {limit_s} s"
    elif status > 128:
        how = f"it was killed by signal {status - 128}"
    hint = next((hint for pattern, hint in _HINTS if re.search(pattern, log)), None)
    last = list(_telling(log))[-10:]
    return AccountError.of(
        host.name, "\n".join([f"expected {path} to give its account, {how}", *last]), hint
    )


def _telling(log: str) -> Iterator[str]:
    """The lines that a person may learn something from."""
    return (line for line in log.splitlines() if line.strip() and not _DEBUG.search(line))
