"""A stack file to its Spec, or to every problem of the file at once."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from freehold.spec.agreement import report_disagreements, report_no_nodes
from freehold.spec.document import Document, Mark
from freehold.spec.model import Spec
from freehold.spec.nearest import nearest
from freehold.spec.schema import NAMESPACE
from freehold.spec.secret import Secret
from freehold.spec.source import REFERENCE, place_of, read_text
from freehold.spec.syntax import compose
from freehold.spec.unfit import ENCRYPTED
from freehold.spec.wording import SET_SECRET, report, unknown_key

_API_KEY = f"{NAMESPACE}:api_key"


def load(path: Path, *, root: Path, secrets: Mapping[str, str] | None = None) -> Spec:
    """The declaration in a file of Pulumi's stack configuration.

    `root` is the checkout: relative paths start there. `secrets` holds decrypted values by their
    full key ("freehold:api_key"), which the Pulumi program has; without it a secret is only known
    to be set. Raises SpecError with all that is wrong.
    """
    place = place_of(path, root)
    document = Document(place)
    config, top = _config(compose(read_text(path, root), place), document)
    values = _own_values(config, document)
    _replace_secret(values, document, secrets)
    report_disagreements(values, document)
    try:
        spec = Spec.model_validate(values, context={"root": root.absolute()})
    except ValidationError as error:
        for found in error.errors(include_url=False):
            report(found, document, top)
        report_no_nodes(values, document, top)
        document.raise_problems()
        raise
    report_no_nodes(values, document, top)
    document.raise_problems()
    return spec


def _config(root: yaml.Node | None, document: Document) -> tuple[yaml.MappingNode, Mark]:
    """The mapping under `config:` and where it stands; Pulumi's other keys are left alone."""
    hint = f"{REFERENCE} shows every key"
    if root is None:
        document.report(Mark(1, 1), 'the file is empty: missing key "config"', hint)
    elif not isinstance(root, yaml.MappingNode):
        document.report(Mark.of(root), "expected a mapping at the top of the file", hint)
    else:
        members = {text: (key, value) for text, key, value in document.members(root)}
        if "config" in members:
            key, value = members["config"]
            if isinstance(value, yaml.MappingNode):
                return value, Mark.of(key)
            document.report(Mark.of(value), "config: expected a mapping", hint)
        else:
            near = nearest("config", members)
            like = f'; is "{near}" meant to be it?' if near else ""
            document.report(Mark.of(root), f'missing key "config"{like}', hint)
    document.raise_problems()
    raise AssertionError("each way to here has reported a problem")


def _own_values(config: yaml.MappingNode, document: Document) -> dict[str, Any]:
    """The values under our namespace, by their name in it; other namespaces are left alone."""
    values: dict[str, Any] = {}
    for text, key, value in document.members(config):
        namespace, colon, name = text.partition(":")
        if namespace == NAMESPACE and colon:
            document.keys[(name,)] = Mark.of(key)
            values[name] = document.read(value, (name,))
        elif not colon or nearest(namespace, [NAMESPACE]):
            words = unknown_key(name if colon else text, within=(), written=text)
            document.report(Mark.of(key), *words)
    return values


def _replace_secret(
    values: dict[str, Any], document: Document, secrets: Mapping[str, str] | None
) -> None:
    """Put a Secret where the file has an encrypted value, or where Pulumi alone has one."""
    if values.get("api_key") is ENCRYPTED:
        values["api_key"] = Secret((secrets or {}).get(_API_KEY))
        if secrets is not None and _API_KEY not in secrets:
            message = f"{_API_KEY}: it was not decrypted by Pulumi"
            document.report(document.values[("api_key",)], message, SET_SECRET)
    elif "api_key" not in values and _API_KEY in (secrets or {}):
        values["api_key"] = Secret((secrets or {})[_API_KEY])
