"""A copy of the checkout's set-up, on a machine made of pretended tools."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
# All that bin/setup may call of a bare system.
SYSTEM_TOOLS = (
    "awk",
    "bash",
    "cat",
    "chmod",
    "cp",
    "dirname",
    "env",
    "grep",
    "head",
    "install",
    "kill",
    "mkdir",
    "mktemp",
    "mv",
    "rm",
    "sed",
    "sh",
    "sleep",
    "tail",
    "tr",
    "uname",
)


@dataclass(frozen=True)
class Machine:
    """A user's machine: `path` is what is on PATH, `calls` what the pretended tools were asked."""

    home: Path
    path: Path
    calls: Path
    env: dict[str, str]

    @property
    def cache(self) -> Path:
        return self.home / ".cache" / "freehold"

    def clone(self, name: str) -> Path:
        """A checkout of its own, at a path that needs quoting."""
        checkout = self.home / f"it's {name}"
        shutil.copytree(ROOT / "bin", checkout / "bin")
        shutil.copytree(ROOT / "tools", checkout / "tools")
        (checkout / "requirements.lock").write_text("# no packages\n")
        return checkout

    def run(
        self, *argv: str | Path, path_first: Path | None = None, **env: str
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            argv,
            env=self.environment(path_first, **env),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def start(self, *argv: str | Path, **env: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            argv, env=self.environment(None, **env), stdout=subprocess.PIPE, text=True
        )

    def environment(self, path_first: Path | None, **env: str) -> dict[str, str]:
        path = f"{path_first}:{self.path}" if path_first else str(self.path)
        return self.env | {"PATH": path} | env

    def install(self, name: str, script: str) -> Path:
        """Puts a shell script on PATH."""
        return executable(self.path / name, script)

    def asked(self) -> list[str]:
        return self.calls.read_text().splitlines()


def executable(file: Path, script: str) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"#!/bin/sh\n{script}\n")
    file.chmod(0o755)
    return file
