"""Data files of the catalogue, each read once and only when it is asked for."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import yaml

DATA = Path(__file__).with_name("data")
# The C one is ten times as fast, and PyYAML may be built without it.
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@cache
def data_file(name: str) -> Any:
    """The content of data/`name`, as YAML has it. Do not change it: it is shared."""
    return yaml.load((DATA / name).read_bytes(), Loader=_LOADER)  # noqa: S506 - a safe loader
