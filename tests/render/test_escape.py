"""Words of a unit's command line reach the program exactly as they were."""

from __future__ import annotations

import base64
import random

from freehold.hosts.command import Command
from freehold.hosts.host import run_or_raise
from freehold.hosts.ssh import SshHost
from freehold.render.service import escape

NASTY = [
    "plain",
    "with space",
    " ",
    "  two  ",
    "'",
    '"',
    "'single' \"double\"",
    "\\",
    "\\\\",
    "ends with \\",
    "\\n \\x41 \\u0041 \\101",
    "%",
    "%%",
    "%n %i %h %H 100%",
    "$",
    "$$",
    "$HOME",
    "${HOME}",
    "$$HOME",
    "${NO_SUCH}",
    "$NO_SUCH",
    ";",
    "a;b",
    "; rm -rf",
    "|",
    "&&",
    ">",
    "#",
    "#comment",
    "@",
    "-",
    "!",
    "+x",
    ":y",
    "*?[a-z]~",
    "`id`",
    "$(id)",
    "{a,b}",
    '{"reasoning_effort": "high"}',
    r"blk\.(1|2)\.ffn_.*_exps=CPU",
    "tab\tand\nnewline",
    "ünï 🦙 \u00a0 \u2028",
    "=",
    "a=b",
    "",
]
ALPHABET = "\\\"'$%;{} \t\n#nx0HOME@-:!,ü"


def seen_by_a_program(host: SshHost, words: list[str]) -> list[str]:
    """What systemd on the box hands to a program whose unit has these words."""
    script = "printf '%s\\0' \"$@\" >/run/fh-words"
    line = " \\\n  ".join(map(escape, ["/bin/sh", "-c", script, "sh", *words]))
    unit = f"[Service]\nType=oneshot\nExecStart={line}\n"
    text = base64.b64encode(unit.encode()).decode()
    command = (
        f"echo {text} | base64 -d >/run/systemd/system/fh-words.service\n"
        "systemctl daemon-reload; systemctl start fh-words || journalctl -u fh-words >&2\n"
        "base64 -w 0 /run/fh-words\n"
        "rm /run/fh-words /run/systemd/system/fh-words.service; systemctl daemon-reload"
    )
    seen = base64.b64decode(run_or_raise(host, Command(command, "a test"))).decode()
    return seen.split("\0")[:-1]


def test_nasty_words_arrive_as_they_were(ssh_host: SshHost) -> None:
    assert seen_by_a_program(ssh_host, NASTY) == NASTY


def test_random_words_arrive_as_they_were(ssh_host: SshHost) -> None:
    chance = random.Random(5)  # noqa: S311 - the same words each time
    words = ["".join(chance.choices(ALPHABET, k=chance.randint(0, 12))) for _ in range(2000)]
    assert seen_by_a_program(ssh_host, words) == words


def test_the_directory_of_the_credentials_is_left_to_systemd() -> None:
    assert escape("${CREDENTIALS_DIRECTORY}/a key") == '${CREDENTIALS_DIRECTORY}"/a key"'
    assert escape("x${CREDENTIALS_DIRECTORY}") == '"x$${CREDENTIALS_DIRECTORY}"'
