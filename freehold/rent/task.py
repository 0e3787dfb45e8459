"""A task on a node: one command as a service of its own, which goes on when nobody watches."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
from dataclasses import dataclass
from functools import cached_property

from freehold.hosts.command import Command
from freehold.hosts.host import Host, HostError, run_or_raise
from freehold.job.job import RESULTS, Job, State
from freehold.render.paths import KEY_PATH
from freehold.render.templates import render
from freehold.rent.inputs import Input, tar_chunks
from freehold.weights.manifest import NODE_FOLDER

TASK_UNIT = "freehold-task.service"
TASK_FOLDER = f"{NODE_FOLDER}/task"
TASK = Job(TASK_UNIT, TASK_FOLDER)
TASK_UNIT_PATH = TASK.unit_path
WORK_FOLDER = TASK.work


@dataclass(frozen=True)
class Task:
    """A line for the node's `sh`, with the files that it finds in its working folder."""

    line: str
    inputs: tuple[Input, ...] = ()

    @cached_property
    def digest(self) -> str:
        """What tells it from another task: a SHA-256 of the line and of the files."""
        files = [[each.name, each.sha256, each.executable] for each in self.inputs]
        return hashlib.sha256(json.dumps([self.line, files]).encode()).hexdigest()


@dataclass(frozen=True)
class Found:
    """The task that is on a node; `began` is by the clock of who placed it, as text."""

    state: State
    line: str
    digest: str
    began: str


@dataclass(frozen=True)
class UnitContext:
    """What the template of the task's unit may use."""

    name: str
    folder: str
    work: str
    base_url: str
    model: str
    key_path: str


def unit_text(task: Task, port: int, model: str, address: str = "127.0.0.1") -> str:
    """The text of freehold-task.service; the model is served at `address` and `port`."""
    context = UnitContext(
        name=task.digest[:12],
        folder=TASK_FOLDER,
        work=WORK_FOLDER,
        base_url=_escaped(f"http://{address}:{port}/v1"),
        model=_escaped(model),
        key_path=KEY_PATH,
    )
    return render(TASK_UNIT_PATH, context)


def look(host: Host) -> Found | None:
    """The task that is on the node; None where there is none."""
    said = run_or_raise(host, Command(f"cd {TASK_FOLDER} 2>/dev/null || exit 0\n{_LOOK}", "a look"))
    if not said.strip():
        return None
    state, _, about = said.partition("\n")
    try:
        known = json.loads(about)
        return Found(State(state), str(known["line"]), str(known["digest"]), str(known["began"]))
    except (ValueError, KeyError, TypeError):
        raise HostError.of(
            host.name, f"expected a task in {TASK_FOLDER}, got {said[:200]!r}"
        ) from None


def start(host: Host, task: Task, unit: str, began: str) -> None:
    """Bring the files, and begin. `unit` is the text of its service.

    Raises HostError where there is a task already, or where it cannot be begun.
    """
    new = f"{TASK_FOLDER}.{secrets.token_hex(4)}"
    work = f"{new}{WORK_FOLDER.removeprefix(TASK_FOLDER)}"
    bring = (
        f"umask 077 && mkdir -p -m 755 {NODE_FOLDER} && mkdir -p {work}/{RESULTS} && "
        f"mkdir -m 755 {new}/work && chmod 711 {new} && "
        f"tar -C {work} --no-same-owner -xf - && chmod -R a+rwX {work} || "
        f"{{ rm -rf {new}; exit 1; }}"
    )
    command = Command(bring, "bringing the task's files", takes_input=True)
    done = host.run(command, tar_chunks(task.inputs))
    if done.exit_status:
        raise HostError.of(host.name, f"{command.description}: {done.stderr.strip()}")
    about = {"line": task.line, "digest": task.digest, "began": began}
    parts = {
        f"{new}/command": _script(task.line),
        f"{new}/about": json.dumps(about),
        f"{new}/unit": unit,
    }
    lines = [f"new={new} task={TASK_FOLDER} unit={TASK_UNIT} place={TASK_UNIT_PATH}"]
    lines.append("set -eu; umask 077")
    for path, text in parts.items():
        lines.append(f"base64 -d >{path} <<'.'\n{base64.encodebytes(text.encode()).decode()}.")
    run_or_raise(host, Command("\n".join([*lines, _START]), "starting the task"))


def stop(host: Host) -> None:
    """End the task, if one runs; what it has written stays."""
    run_or_raise(host, Command(f"systemctl stop {TASK_UNIT} 2>/dev/null || true", "ending it"))


def clear(host: Host) -> None:
    """Remove all that is on the node of any task, after ending it."""
    script = (
        f"systemctl stop {TASK_UNIT} 2>/dev/null || true\n"
        f"rm -rf {TASK_FOLDER} {TASK_FOLDER}.* {TASK_UNIT_PATH}\n"
        f"systemctl daemon-reload\nsystemctl reset-failed {TASK_UNIT} 2>/dev/null || true\n"
        f"rmdir {NODE_FOLDER} 2>/dev/null || true"
    )
    run_or_raise(host, Command(script, "removing the task"))


def _escaped(value: str) -> str:
    """Between the quotes of an Environment=, by systemd.syntax(7) and systemd.unit(5)."""
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")


def _script(line: str) -> str:
    """What its shell reads. The key comes into its environment here: no unit shows it."""
    return (
        f'OPENAI_API_KEY=$(cat "$CREDENTIALS_DIRECTORY/api-key")\nexport OPENAI_API_KEY\n{line}\n'
    )


_LOOK = f"""\
# The service first: what it has ended by now is noted by now.
active=$(systemctl show -P ActiveState {TASK_UNIT}) || exit
if [ -s ended ]; then echo {State.ENDED}
else case $active in
  active | *ing) echo {State.RUNNING} ;;
  *) if [ -s started ]; then echo {State.LOST}; else echo {State.PLACED}; fi ;;
esac; fi
cat about
"""
_START = """\
cd /
mv -T "$new" "$task" 2>/dev/null || {
  rm -rf "$new"
  echo "expected no task on the node: another is there" >&2
  exit 1
}
mv "$task/unit" "$place"
chmod 644 "$place"
: >"$task/output"
systemctl daemon-reload
systemctl reset-failed "$unit" 2>/dev/null || true
systemctl start "$unit" || {
  # One that has ended already has begun all the same. Where systemd itself could not begin it
  # (no end, or one from 200 on, see systemd.exec(5)) there is nothing for a later run to take up.
  case $(cat "$task/ended" 2>/dev/null) in
    '' | ' '* | 'exited 2'[0-9][0-9]' '*)
      rm -rf "$task" "$place"
      systemctl daemon-reload
      exit 1
      ;;
  esac
}
"""
