"""What is done with a job on a node: looked for, begun, ended, removed."""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Iterable, Mapping
from typing import Any

from freehold.hosts.command import Command
from freehold.hosts.host import Host, HostError, failure, run_or_raise
from freehold.job.job import RESULTS, Job, State
from freehold.weights.manifest import NODE_FOLDER

ABOUT = "about"
"""The file that says what it is, as JSON, to whoever looks."""
TAKEN_EXIT = 3


class AnotherJobError(HostError):
    """One was to begin where another is."""


def look(host: Host, job: Job) -> tuple[State, Mapping[str, Any]] | None:
    """Where the job is, and what it says of itself; None where there is none.

    Raises HostError where it says nothing.
    """
    script = f"cd {job.folder} 2>/dev/null || exit 0\nunit={job.unit}\n{_LOOK}"
    said = run_or_raise(host, Command(script, "a look"))
    if not said.strip():
        return None
    state, _, about = said.partition("\n")
    try:
        known = json.loads(about)
        if isinstance(known, dict):
            return State(state), known
    except ValueError:
        pass
    raise unknown(host, job, said)


def unknown(host: Host, job: Job, said: str) -> HostError:
    """The error of what lies there and is no such job."""
    return HostError.of(
        host.name, f"expected a {job.word} in {job.folder}, got {said[:200].strip()!r}"
    )


def start(
    host: Host,
    job: Job,
    files: Iterable[bytes],
    texts: Mapping[str, str],
    about: Mapping[str, str],
    unit: str,
) -> None:
    """Bring `files` (a tar) into its work and `texts` into its folder, and begin.

    Raises AnotherJobError where there is a job already, HostError where it cannot be begun.
    """
    new = f"{job.folder}.{secrets.token_hex(4)}"
    work = f"{new}{job.work.removeprefix(job.folder)}"
    bring = (
        f"umask 077 && mkdir -p -m 755 {NODE_FOLDER} && mkdir -p {work}/{RESULTS} && "
        f"mkdir -m 755 {new}/work && chmod 711 {new} && "
        f"tar -C {work} --no-same-owner -xf - && chmod -R a+rwX {work} || "
        f"{{ rm -rf {new}; exit 1; }}"
    )
    command = Command(bring, f"bringing the {job.word}'s files", takes_input=True)
    done = host.run(command, files)
    if done.exit_status:
        raise HostError.of(host.name, f"{command.description}: {done.stderr.strip()}")
    lines = [f"new={new} job={job.folder} unit={job.unit} place={job.unit_path} word={job.word}"]
    lines.append(f"taken={TAKEN_EXIT}")
    lines.append("set -eu; umask 077")
    for name, text in {**texts, ABOUT: json.dumps(about), "unit": unit}.items():
        content = base64.encodebytes(text.encode()).decode()
        lines.append(f"base64 -d >{new}/{name} <<'.'\n{content}.")
    command = Command("\n".join([*lines, _START]), f"starting the {job.word}")
    done = host.run(command)
    if done.exit_status:
        error = failure(host.name, command.description, done)
        raise AnotherJobError(error.problems) if done.exit_status == TAKEN_EXIT else error


def stop(host: Host, job: Job) -> None:
    """End it, if it runs; what it has written stays."""
    run_or_raise(host, Command(f"systemctl stop {job.unit} 2>/dev/null || true", "ending it"))


def clear(host: Host, job: Job) -> None:
    """Remove all that is on the node of any such job, after ending it."""
    script = (
        f"systemctl stop {job.unit} 2>/dev/null || true\n"
        f"rm -rf {job.folder} {job.folder}.* {job.unit_path}\n"
        f"systemctl daemon-reload\nsystemctl reset-failed {job.unit} 2>/dev/null || true\n"
        f"rmdir {NODE_FOLDER} 2>/dev/null || true"
    )
    run_or_raise(host, Command(script, f"removing the {job.word}"))


def clear_cut_off(host: Host, job: Job) -> None:
    """Remove one that a restart cut off, or whose start was: not one that somebody has begun anew
    meanwhile."""
    script = (
        f"active=$(systemctl show -P ActiveState {job.unit}) || exit\n"
        "case $active in active | *ing) exit 0 ;; esac\n"
        f"cd {job.folder} 2>/dev/null || exit 0\n"
        '[ ! -s ended ] && [ "$(cat started 2>/dev/null)" != '
        '"$(cat /proc/sys/kernel/random/boot_id)" ] || exit 0\n'
        f"old={job.folder}.$$; cd / && mv -T {job.folder} $old && rm -rf $old {job.unit_path}"
    )
    run_or_raise(host, Command(script, f"removing the {job.word} that was cut off"))


_LOOK = f"""\
# The service first: what it has ended by now is noted by now.
active=$(systemctl show -P ActiveState "$unit") || exit
if [ -s ended ]; then echo {State.ENDED}
else case $active in
  active | *ing) echo {State.RUNNING} ;;
  *) if [ -s started ]; then echo {State.LOST}; else echo {State.PLACED}; fi ;;
esac; fi
cat {ABOUT}
"""
_START = """\
cd /
mv -T "$new" "$job" 2>/dev/null || {
  rm -rf "$new"
  echo "expected no $word on the node: another is there" >&2
  exit "$taken"
}
mv "$job/unit" "$place"
chmod 644 "$place"
: >"$job/output"
systemctl daemon-reload
systemctl reset-failed "$unit" 2>/dev/null || true
systemctl start "$unit" || {
  # One that has ended already has begun all the same. Where systemd itself could not begin it
  # (no end, or one from 200 on, see systemd.exec(5)) there is nothing for a later run to take up.
  case $(cat "$job/ended" 2>/dev/null) in
    '' | ' '* | 'exited 2'[0-9][0-9]' '*)
      rm -rf "$job" "$place"
      systemctl daemon-reload
      exit 1
      ;;
  esac
}
"""
