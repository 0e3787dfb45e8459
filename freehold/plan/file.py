"""A file that is wanted on a box."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

from freehold.facts.fact import Fact
from freehold.facts.file import FileFacts, file_fact
from freehold.plan.steps import PlaceFile, Plan, PruneFolders, ReloadUnits, RestoreFile
from freehold.render.paths import UNIT_FOLDER


@dataclass(frozen=True)
class File:
    """Owned by root, and by `group`; `mode` is octal text such as "0644"."""

    path: str
    content: bytes = field(repr=False)
    mode: str = "0644"
    is_secret: bool = False
    group: str = "root"
    follows_others = False

    @property
    def label(self) -> str:
        """See Item.label."""
        return self.path

    @property
    def sha256(self) -> str:
        """Of the content, in hex."""
        return hashlib.sha256(self.content).hexdigest()

    def fact(self) -> Fact[FileFacts | None]:
        """See Item.fact."""
        return file_fact(self.path)

    def plan(self, place: str, found: FileFacts | None) -> Plan:  # noqa: ARG002 - as Item
        """See Item.plan."""
        if found == FileFacts(self.mode, f"root:{self.group}", self.content):
            return ()
        return (PlaceFile(self.path, self.content, self.mode, self.is_secret, self.group),)

    def removal(self, found: FileFacts | None) -> Plan:  # noqa: ARG002 - as Item
        """See Item.removal."""
        reload = (ReloadUnits(),) if self.path.startswith(UNIT_FOLDER) else ()
        return (RestoreFile(self.path), *reload, PruneFolders())
