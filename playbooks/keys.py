"""Keys of the API for those who may come in: made here, kept by whoever has them."""

from __future__ import annotations

import hashlib
import secrets
import sys
from typing import Any

from freehold.errors import FreeholdError
from freehold.spec.door import OWNER
from freehold.weights.manifest import is_name
from playbooks.executor import task

KEY_BYTES = 32


@task("new")
def new(_c: Any, name: str) -> None:
    """Make a key: it is printed once, on stdout, and kept nowhere."""
    if not is_name(name) or name == OWNER:
        what = f'a name of a-z, 0-9, ".", "_" and "-", and not "{OWNER}"'
        raise FreeholdError.of("--name", f'expected {what}, got "{name}"')
    key = secrets.token_urlsafe(KEY_BYTES)
    sha256 = hashlib.sha256(key.encode()).hexdigest()
    entry = f"    - name: {name}\n      sha256: {sha256}"
    print(f"in the stack's file, below freehold:door:\n  keys:\n{entry}", file=sys.stderr)
    print(key)
