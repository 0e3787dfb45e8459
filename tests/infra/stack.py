"""A stack of its own for a test, driven by the real engine as a person drives it."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from freehold import lab

ROOT = Path(__file__).parents[2]
PASSPHRASE = "correct horse battery staple"
TIMEOUT_S = 120

NAMES = ("one", "two", "three", "four")
_numbers = itertools.count(1)


def nodes(*boxes: lab.Box, user: str = "admin") -> list[dict[str, Any]]:
    """Nodes that are called one, two, ..., whatever their boxes are called."""
    return [
        {"name": name, "ssh": f"{user}@{box.name}"} for name, box in zip(NAMES, boxes, strict=False)
    ]


@dataclass(frozen=True)
class Outcome:
    """What one run of the engine left: `text` as a person sees it, `events` as the engine logs."""

    code: int
    text: str
    events: tuple[dict[str, Any], ...]
    took_s: float

    @cached_property
    def changes(self) -> dict[str, str]:
        """What is to be done, or was, by the resource's name: create, update, delete, replace."""
        began = (e.get("resourcePreEvent") for e in self.events)
        metadata = [event["metadata"] for event in began if event]
        return {
            step["urn"].rpartition("::")[2]: step["op"]
            for step in metadata
            if step["op"] not in ("same", "read", "refresh")
            and "freehold:box:" in step["urn"].rpartition("::")[0]
        }

    def must(self, code: int = 0) -> Outcome:
        """This outcome, of a run that had to end with that exit code."""
        assert self.code == code, f"exit {self.code}, expected {code}\n{self.text}"
        return self


class Running:
    """The engine at work."""

    def __init__(self, argv: list[str], env: Mapping[str, str], log: Path) -> None:
        self._log, self._events = log, log.with_suffix(".events")
        self._began = time.monotonic()
        # In the environment of every process that this run started, and in no other.
        self._mark = f"FREEHOLD_TEST_RUN={log}\0".encode()
        with log.open("wb") as out:
            self.process = subprocess.Popen(
                ["pulumi", *argv, "--event-log", str(self._events)],
                cwd=ROOT,
                env={**env, "FREEHOLD_TEST_RUN": str(log)},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def text(self) -> str:
        """Its output so far."""
        return self._log.read_text(errors="replace")

    def until(self, condition: Callable[[], object], timeout_s: float = 60) -> None:
        """Return as soon as `condition` holds, which it must while the engine is at work."""
        deadline_s = time.monotonic() + timeout_s
        while not condition():
            assert time.monotonic() < deadline_s, f"not in {timeout_s} s:\n{self.text}"
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(0.01)
                raise AssertionError(f"the engine ended before:\n{self.text}")

    def interrupt(self) -> None:
        """Ctrl-C: the terminal signals the whole foreground group."""
        os.killpg(self.process.pid, signal.SIGINT)

    def end(self, timeout_s: float = TIMEOUT_S) -> Outcome:
        """Its outcome, once it has ended by itself."""
        try:
            code = self.process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"pulumi did not end in {timeout_s} s:\n{self.text}") from None
        took_s = time.monotonic() - self._began
        lines = self._events.read_text().splitlines() if self._events.exists() else []
        return Outcome(code, self.text, tuple(map(json.loads, lines)), took_s)

    def kill(self) -> None:
        """SIGKILL to the engine's own process, and to nothing else."""
        self.process.kill()
        self.process.wait()

    def left(self) -> dict[int, str]:
        """The processes of this run that still are, but the engine's own language host.

        That one, an orphan, changes nothing and looks for its engine every few minutes: it is
        ended here.
        """
        found = {}
        for folder in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if self._mark not in (folder / "environ").read_bytes():
                    continue
                argv = (folder / "cmdline").read_text().replace("\0", " ")
                if "pulumi-language-python" in argv and self.process.poll() is not None:
                    os.kill(int(folder.name), signal.SIGTERM)
                elif int(folder.name) != self.process.pid:
                    found[int(folder.name)] = argv
        return found


class Stack:
    """`config` holds the keys of the stack file without their `freehold:`."""

    def __init__(self, folder: Path, config: dict[str, Any], backend: Path | None = None) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.name = f"test-{os.getpid()}-{next(_numbers)}"
        self.file = ROOT / "stacks" / f"Pulumi.{self.name}.yaml"
        self.folder, self.config = folder, config
        self.backend = backend or folder / "state"
        self.backend.mkdir(exist_ok=True)
        passphrase = folder / "passphrase"
        passphrase.write_text(PASSPHRASE)
        self.env = {
            **{name: value for name, value in os.environ.items() if not name.startswith("PULUMI_")},
            "PATH": f"{ROOT / '.venv/bin'}{os.pathsep}{os.environ['PATH']}",
            "PULUMI_HOME": str(folder / "home"),
            "PULUMI_BACKEND_URL": f"file://{self.backend}?metadata=skip",
            "PULUMI_CONFIG_PASSPHRASE_FILE": str(passphrase),
            "PULUMI_STACK": self.name,
            "PULUMI_DEBUG_COMMANDS": "true",  # for --event-log
            "NO_COLOR": "1",
        }
        self.write()
        try:
            self.pulumi("stack", "init", self.name)
        except BaseException:
            self.forget()
            raise

    def write(self, text: str | None = None) -> None:
        """The stack file: `config`, or `text`, and the salt that the engine put there."""
        salt = None
        if self.file.exists():
            salt = yaml.safe_load(self.file.read_text()).get("encryptionsalt")
        if text is None:
            text = yaml.safe_dump(
                {"config": {f"freehold:{key}": value for key, value in self.config.items()}},
                sort_keys=False,
            )
        self.file.write_text(text + (f"encryptionsalt: {salt}\n" if salt else ""))

    def set_api_key(self, key: str) -> None:
        """As a person sets it; the stack file then holds it encrypted."""
        self.pulumi("config", "set", "--secret", "freehold:api_key", key)
        held = yaml.safe_load(self.file.read_text())["config"]
        self.config["api_key"] = held["freehold:api_key"]

    @contextlib.contextmanager
    def changed(self, **config: Any) -> Iterator[None]:
        """The stack file with other values, for the length of a `with` block."""
        before = dict(self.config)
        self.config.update(config)
        self.write()
        try:
            yield
        finally:
            self.config.clear()
            self.config.update(before)
            self.write()

    def start(self, verb: str, *arguments: str, env: Mapping[str, str] | None = None) -> Running:
        """Begin `pulumi VERB` of this stack."""
        log = self.folder / f"{next(_numbers)}-{verb}.log"
        return Running([verb, "--non-interactive", *arguments], {**self.env, **(env or {})}, log)

    def preview(self, *arguments: str, **env: str) -> Outcome:
        return self.start("preview", *arguments, env=env).end()

    def up(self, *arguments: str, **env: str) -> Outcome:
        return self.start("up", "--yes", "--skip-preview", *arguments, env=env).end()

    def destroy(self, *arguments: str, **env: str) -> Outcome:
        return self.start("destroy", "--yes", "--skip-preview", *arguments, env=env).end()

    def pulumi(self, *arguments: str) -> str:
        """stdout of another command of the engine, which must succeed."""
        done = subprocess.run(
            ["pulumi", *arguments, "--non-interactive"],
            cwd=ROOT,
            env=self.env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=TIMEOUT_S,
        )
        assert done.returncode == 0, f"pulumi {arguments}: {done.stdout}{done.stderr}"
        return done.stdout

    def outputs(self) -> dict[str, Any]:
        """The stack's outputs, the secret ones among them."""
        found: dict[str, Any] = json.loads(
            self.pulumi("stack", "output", "--json", "--show-secrets")
        )
        return found

    def resources(self) -> list[str]:
        """The names of the resources on boxes that the state holds."""
        state = json.loads(self.pulumi("stack", "export"))["deployment"]
        return sorted(
            r["urn"].rpartition("::")[2]
            for r in state.get("resources", [])
            if r["type"].startswith("freehold:box:")
        )

    def forget(self) -> None:
        """Remove what of the stack is on this machine."""
        self.file.unlink(missing_ok=True)
