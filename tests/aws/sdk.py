"""The SDK of AWS for Pulumi, kept beside .venv: from in it, the engine would want its plugin."""

from __future__ import annotations

import os
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PLUGIN = Path(__file__).parent / "plugin"


def cache() -> Path:
    """Freehold's folder for what is kept outside the checkout."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "freehold"


def version() -> str:
    """The version that the lock file names."""
    found = re.search(
        r"^pulumi-aws==(\S+)", (ROOT / "tools/pulumi-aws/requirements.lock").read_text(), re.M
    )
    assert found, "tools/pulumi-aws/requirements.lock names no pulumi-aws"
    return found[1]


def sdk() -> Path:
    """The folder to have on PYTHONPATH. Fails where it is not: nothing rented could be tested."""
    folder = cache() / f"pulumi-aws-{version()}"
    assert (folder / "pulumi_aws").is_dir(), f"{folder} is not there: bin/setup --lab makes it"
    return folder


def engine_environment(environment: dict[str, str]) -> dict[str, str]:
    """`environment` of an engine whose stacks may rent: its SDK, and the tests' provider."""
    path = environment.get("PYTHONPATH")
    return {
        **environment,
        "PATH": f"{PLUGIN}{os.pathsep}{environment.get('PATH', os.environ['PATH'])}",
        "PYTHONPATH": f"{sdk()}{os.pathsep}{path}" if path else str(sdk()),
    }
