"""`fab` as a person calls it, on a stack of one converged box."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from tests.infra.conftest import box, make_stack, stack  # noqa: F401  # fixtures
from tests.infra.stack import ROOT, Stack


@dataclass(frozen=True)
class Said:
    """What a task left."""

    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[str]:
        return self.out.splitlines()

    def must(self, code: int = 0) -> Said:
        """This, of a task that had to end with that exit code."""
        assert self.code == code, f"exit {self.code}, expected {code}\n{self.out}\n{self.err}"
        assert "Traceback" not in self.err
        return self

    def json(self) -> Any:
        return json.loads(self.out)


Fab = Callable[..., Said]


@pytest.fixture(scope="session")
def fab() -> Fab:
    """Calls `fab ARGUMENTS`, with no stack selected or the one of `stack`."""

    def call(*arguments: str, stack: Stack | None = None, **environment: str) -> Said:  # noqa: F811
        env = {name: value for name, value in os.environ.items() if not name.startswith("PULUMI_")}
        env |= {"PATH": f"{ROOT / '.venv/bin'}{os.pathsep}{os.environ['PATH']}"}
        env |= stack.env if stack else {}
        env |= environment
        done = subprocess.run(
            ["fab", *arguments],
            cwd=ROOT,
            env=env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        return Said(done.returncode, done.stdout, done.stderr)

    return call
