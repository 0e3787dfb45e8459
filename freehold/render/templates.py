"""The one Jinja2 environment; a template's path under templates/ is its target's on a box."""

from __future__ import annotations

import dataclasses
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import jinja2
    from _typeshed import DataclassInstance

TEMPLATES = Path(__file__).parents[2] / "templates"


def render(target: str, context: DataclassInstance) -> str:
    """The text of the file at `target` (an absolute path on a box).

    An undefined name raises: the context's fields are all that a template may use.
    """
    fields: dict[str, Any] = {
        field.name: getattr(context, field.name) for field in dataclasses.fields(context)
    }
    return _environment().get_template(f"{target.lstrip('/')}.j2").render(fields)


@cache
def _environment() -> jinja2.Environment:
    # Not for whoever only asks where a file lies: it takes as long as all the rest here to import.
    import jinja2

    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701 - unit files, not HTML
    )
