"""A command as data: the sole owner of quoting and redaction."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, field

# The script travels on stdin, so nothing of it is in any argv. It is read whole before a line of
# it runs, and must end with this mark: a connection cut halfway executes nothing.
END_MARK = "#freehold-end"
TRUNCATED_EXIT = 93
NO_SUDO_EXIT = 94

_READ_SCRIPT = f's=$(cat); case $s in *"{END_MARK}") eval "$s";; *) exit {TRUNCATED_EXIT};; esac'


@dataclass(frozen=True)
class Command:
    """A POSIX shell script to be run by `sh` on a host, as root unless `root` is false.

    `description` is what a person reads in an error. Each of `secrets` is masked in anything
    that is shown. With `takes_input` the caller streams bytes to the script's stdin; the script
    is then visible in the host's process list, so it may hold no secrets.
    """

    script: str
    description: str
    secrets: tuple[str, ...] = field(default=(), repr=False)
    takes_input: bool = False
    root: bool = True

    def __post_init__(self) -> None:
        if self.takes_input and self.secrets:
            raise ValueError("a script that takes input is visible in argv: it may hold no secrets")

    def remote_line(self) -> str:
        """The line for the host's login shell, whichever shell that is."""
        inner = self.script if self.takes_input else _READ_SCRIPT
        if not self.root:
            return shlex.join(["exec", "sh", "-c", inner])
        become_root = (
            'if [ "$(id -u)" = 0 ]; then exec sh -c "$1"; fi; '
            'sudo -n -- sh -c "$1"; status=$?; '
            # sudo's own refusal is a 1 too; it is asked again only then.
            "if [ $status = 1 ] && ! sudo -n true </dev/null 2>/dev/null; "
            f"then exit {NO_SUDO_EXIT}; fi; exit $status"
        )
        return shlex.join(["exec", "sh", "-c", become_root, "sh", inner])

    def stdin(self) -> bytes:
        """What is sent before any streamed input."""
        return b"" if self.takes_input else f"{self.script}\n{END_MARK}\n".encode()

    def redact(self, text: str) -> str:
        """`text` with every secret of this command masked."""
        for secret in filter(None, self.secrets):
            text = text.replace(secret, "[secret]")
        return text


@dataclass(frozen=True)
class Result:
    """What a command left: its exit status and its two outputs, already redacted."""

    exit_status: int
    stdout: str
    stderr: str
