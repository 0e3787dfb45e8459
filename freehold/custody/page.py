"""The report as a page that a person can read and print; the proof is the JSON beside it."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import jinja2

from freehold.custody.report import Report
from freehold.weights.owner import Owner

TEMPLATE = "page.html.j2"


def page(report: Report, owner: Owner | None) -> str:
    """HTML of its own: no script, no style and no image from elsewhere."""
    return (
        _environment()
        .get_template(TEMPLATE)
        .render(
            report=report.content,
            digest=report.digest,
            signature=report.signature,
            fingerprint=owner.fingerprint if owner else "",
        )
    )


def _bytes(size_bytes: int) -> str:
    return f"{size_bytes:,} bytes"


def _time(moment: str) -> str:
    """To the second, which is as exact as a reader wants it."""
    return f"{moment[:10]} {moment[11:19]} UTC"


@cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=True,
    )
    environment.filters |= {"in_bytes": _bytes, "time": _time}
    return environment
