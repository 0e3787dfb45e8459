"""A task on a node: one command as a service of its own, which goes on when nobody watches."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import cached_property

from freehold.hosts.host import Host
from freehold.job import run
from freehold.job.job import Job, State
from freehold.render.paths import KEY_PATH
from freehold.render.templates import render
from freehold.rent.inputs import Input, tar_chunks
from freehold.weights.manifest import NODE_FOLDER

TASK_UNIT = "freehold-task.service"
TASK_FOLDER = f"{NODE_FOLDER}/task"
TASK = Job(TASK_UNIT, TASK_FOLDER, "task")
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
    found = run.look(host, TASK)
    if found is None:
        return None
    state, about = found
    try:
        return Found(state, str(about["line"]), str(about["digest"]), str(about["began"]))
    except KeyError:
        raise run.unknown(host, TASK, f"{state}\n{json.dumps(about)}") from None


def start(host: Host, task: Task, unit: str, began: str) -> None:
    """Bring the files, and begin. `unit` is the text of its service.

    Raises HostError where there is a task already, or where it cannot be begun.
    """
    about = {"line": task.line, "digest": task.digest, "began": began}
    run.start(host, TASK, tar_chunks(task.inputs), {"command": _script(task.line)}, about, unit)


def stop(host: Host) -> None:
    """End the task, if one runs; what it has written stays."""
    run.stop(host, TASK)


def clear(host: Host) -> None:
    """Remove all that is on the node of any task, after ending it."""
    run.clear(host, TASK)


def _escaped(value: str) -> str:
    """Between the quotes of an Environment=, by systemd.syntax(7) and systemd.unit(5)."""
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")


def _script(line: str) -> str:
    """What its shell reads. The key comes into its environment here: no unit shows it."""
    return (
        f'OPENAI_API_KEY=$(cat "$CREDENTIALS_DIRECTORY/api-key")\nexport OPENAI_API_KEY\n{line}\n'
    )
