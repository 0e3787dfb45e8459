"""Where the demo keeps what it makes: all of it in .demo/, and one stack file."""

from __future__ import annotations

import os
import secrets
import shutil
from pathlib import Path
from shlex import quote

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / ".demo"
STORE = FOLDER / "store"
LAB = FOLDER / "lab"
STACK = "demo"
STACK_FILE = ROOT / "stacks" / f"Pulumi.{STACK}.yaml"
ENVIRONMENT = FOLDER / "env"


def prepare() -> None:
    """The folder with its own Pulumi backend and passphrase, and the stack file, if not there."""
    (FOLDER / "state").mkdir(parents=True, exist_ok=True)
    passphrase = FOLDER / "passphrase"
    if not passphrase.exists():
        passphrase.touch(0o600)
        passphrase.write_text(secrets.token_urlsafe(32))
    if not STACK_FILE.exists():
        shutil.copyfile(Path(__file__).with_name(STACK_FILE.name), STACK_FILE)
    lines = [f"export {name}={quote(value)}" for name, value in _variables().items()]
    # A passphrase of the user's own would win over the demo's file.
    lines.append("unset PULUMI_CONFIG_PASSPHRASE")
    lines.append(f"PATH={quote(str(ROOT / '.venv/bin'))}:$PATH")
    ENVIRONMENT.write_text("\n".join(["# For a shell on the demo: . .demo/env", *lines, ""]))


def environment() -> dict[str, str]:
    """The environment of the demo's own commands."""
    path = f"{ROOT / '.venv/bin'}{os.pathsep}{os.environ['PATH']}"
    own = {k: v for k, v in os.environ.items() if k != "PULUMI_CONFIG_PASSPHRASE"}
    return {**own, **_variables(), "PATH": path}


def _variables() -> dict[str, str]:
    return {
        "PULUMI_BACKEND_URL": f"file://{FOLDER / 'state'}?metadata=skip",
        "PULUMI_CONFIG_PASSPHRASE_FILE": str(FOLDER / "passphrase"),
        "PULUMI_STACK": STACK,
        "PULUMI_HOME": str(FOLDER / "pulumi"),
    }
