"""What resources on a box are declared with: their order, their files, and the files' hashes."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import TypeAlias

import pulumi

from freehold.infra.resources import File, Where

Text: TypeAlias = str | pulumi.Output[str]


def after(*resources: pulumi.Resource) -> pulumi.ResourceOptions:
    """The option of what is made once `resources` are there."""
    return pulumi.ResourceOptions(depends_on=list(resources))


def place(where: Where, texts: Mapping[str, Text], opts: pulumi.ResourceOptions) -> list[File]:
    """A file that all may read for each text, by its path."""
    return [File(where, path, text, opts) for path, text in texts.items()]


def hashes(texts: Mapping[str, Text]) -> dict[str, Text]:
    """The SHA-256 of each by its path, for what must have been started with them."""
    return {
        path: sha256(text) if isinstance(text, str) else text.apply(sha256)
        for path, text in texts.items()
    }


def sha256(text: str) -> str:
    """Of the text, in hex."""
    return hashlib.sha256(text.encode()).hexdigest()
