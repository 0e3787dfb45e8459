"""Pulumi projects for the bench: the real stack and an empty program, in a backend of their own."""

from __future__ import annotations

import contextlib
import os
import secrets
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from bench.measure import Run, timed
from demo.parts import ENGINE, WEIGHTS
from freehold.lab import Lab
from freehold.weights.store import Store

ROOT = Path(__file__).parent.parent
UP = ("up", "--yes", "--skip-preview", "--color", "never")


@dataclass(frozen=True)
class Project:
    """A folder with a Pulumi program, and the stack in it."""

    folder: Path
    stack: str
    environment: Mapping[str, str]

    def run(self, *arguments: str) -> Run:
        """`pulumi` with these arguments, on this stack."""
        argv = ["pulumi", *arguments, "--stack", self.stack, "--non-interactive"]
        return Run(argv, self.environment, self.folder)

    def output(self, name: str) -> bytes:
        """One of the stack's outputs, as it is."""
        run = self.run("stack", "output", name)
        done = subprocess.run(
            run.argv, env=run.environment, cwd=run.folder, capture_output=True, check=True
        )
        return done.stdout


def environment(temporary: Path) -> dict[str, str]:
    """Pulumi's, with a backend and a passphrase under `temporary`."""
    state, passphrase = temporary / "state", temporary / "passphrase"
    state.mkdir()
    passphrase.touch(0o600)
    passphrase.write_text(secrets.token_urlsafe(32))
    ours = {name: value for name, value in os.environ.items() if not name.startswith("PULUMI_")}
    return {
        **ours,
        "PULUMI_BACKEND_URL": f"file://{state}?metadata=skip",
        "PULUMI_CONFIG_PASSPHRASE_FILE": str(passphrase),
        "PATH": f"{ROOT / '.venv/bin'}{os.pathsep}{os.environ['PATH']}",
    }


def empty_project(folder: Path, environment: Mapping[str, str]) -> Project:
    """A Python program of no lines, with the same Python and packages as ours."""
    options = {"toolchain": "pip", "virtualenv": str(ROOT / ".venv")}
    described = {"name": "empty", "runtime": {"name": "python", "options": options}}
    folder.mkdir()
    (folder / "Pulumi.yaml").write_text(yaml.safe_dump(described))
    (folder / "__main__.py").touch()
    project = Project(folder, "empty", environment)
    timed(project.run("stack", "init"))
    return project


@contextlib.contextmanager
def rented_project(lab: Lab, store: Store, folder: Path) -> Iterator[Project]:
    """The same program with a stack that rents the last box of `lab`, in a world without AWS."""
    # Not for the other parts: moto and boto3 take a second to import.
    from tests.aws.world import World
    from tests.infra.rented import boots_as, rented_stack

    world, key = World(), lab.boxes[-1].lab_folder / "client_key.pub"
    try:
        boots_as(world, lab.boxes[-1])
        rented = rented_stack(folder, store, world, key, user="admin", hours=4)
        try:
            yield Project(ROOT, rented.stack.name, rented.stack.env)
            rented.stack.destroy().must()
        finally:
            rented.stack.forget()
    finally:
        world.close()


@contextlib.contextmanager
def real_project(
    lab: Lab, store: Path, environment: Mapping[str, str], **more: Any
) -> Iterator[Project]:
    """This checkout's own program, with a stack file that names the first box of `lab`; `more` are
    further keys of it."""
    project = Project(ROOT, f"bench-{os.getpid()}", environment)
    stack_file = ROOT / "stacks" / f"Pulumi.{project.stack}.yaml"
    keys = {
        "store": str(store),
        "model": {"weights": WEIGHTS},
        "engine": ENGINE,
        "ssh": {"config": str(lab.ssh_config)},
        "server": {"context_tokens": 2048},
        "nodes": [{"name": lab.boxes[0].name}],
        **more,
    }
    stack = {"config": {f"freehold:{key}": value for key, value in keys.items()}}
    try:
        stack_file.write_text(yaml.safe_dump(stack))
        timed(project.run("stack", "init"))
        yield project
    finally:
        stack_file.unlink(missing_ok=True)
