"""What a node tells Prometheus: the keys of freehold:telemetry."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, Field

from freehold.spec.kinds import OneLine, expected
from freehold.spec.typed import Typed

_FOLDER = re.compile(r"(/[A-Za-z0-9_][A-Za-z0-9_.+-]*)+")


def _folder(text: str) -> str:
    if not _FOLDER.fullmatch(text.rstrip("/")):
        raise expected("an absolute path of a folder, of letters, digits and _ . + -")
    return text.rstrip("/")


class Telemetry(Typed):
    """For the textfile collector of a node_exporter that runs there."""

    textfile_folder: Annotated[OneLine, AfterValidator(_folder)] = Field(
        "/var/lib/prometheus/node-exporter",
        description="Folder that node_exporter's textfile collector reads on the node.",
    )
    every_s: int = Field(15, ge=5, le=3600, description="Seconds between two readings.")
