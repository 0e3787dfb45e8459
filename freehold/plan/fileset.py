"""A set of files that is wanted on a box: weights, or an engine build."""

from __future__ import annotations

from dataclasses import dataclass

from freehold.facts.fact import Fact
from freehold.facts.fileset import FileSetFacts, file_set_fact
from freehold.plan.item import PlanError
from freehold.plan.steps import Plan, PruneFolders, RemoveFileSet, SyncFileSet, WipeFileSet
from freehold.weights.manifest import Kind, Manifest

HEADROOM_BYTES = (
    256 << 20
)  # what a sync leaves free: a root disk filled to the last byte stops a box


@dataclass(frozen=True)
class FileSet:
    """A manifest whose every file shall lie on the box, proven; `wipe` is how weights go."""

    manifest: Manifest
    wipe: str = "auto"
    follows_others = False

    @property
    def label(self) -> str:
        """See Item.label."""
        return self.manifest.name

    def fact(self) -> Fact[FileSetFacts]:
        """See Item.fact."""
        return file_set_fact(self.manifest)

    def plan(self, place: str, found: FileSetFacts) -> Plan:
        """See Item.plan. Raises PlanError where the disk is too small or a library is missing."""
        missing = tuple(f.path for f in self.manifest.files if f.path not in found.proven)
        if not missing:
            self._require_libraries(place, found)
            return ()
        size = sum(f.size_bytes for f in self.manifest.files if f.path in missing)
        there = found.staged_bytes + found.unproven_bytes
        needed = size - min(size, there) + HEADROOM_BYTES
        if needed > found.disk_available_bytes:
            raise PlanError.of(
                place,
                f"{self.manifest.node_folder}: expected {_mb(needed)} free for {self.label}, "
                f"found {_mb(found.disk_available_bytes)}",
                "free some space, or mount a larger disk at /var/lib/freehold",
            )
        return (SyncFileSet(self.manifest, missing),)

    def removal(self, found: FileSetFacts) -> Plan:  # noqa: ARG002 - as Item
        """See Item.removal."""
        if self.manifest.kind is Kind.WEIGHTS:
            return (WipeFileSet(self.manifest, self.wipe), PruneFolders())
        return (RemoveFileSet(self.manifest), PruneFolders())

    def _require_libraries(self, place: str, found: FileSetFacts) -> None:
        if found.missing_libraries:
            raise PlanError.of(
                place,
                f"{self.label} needs libraries that are not on this box: "
                + ", ".join(found.missing_libraries),
                "on Debian and Ubuntu: apt-get install libgomp1 libstdc++6",
            )


def _mb(size_bytes: int) -> str:
    return f"{size_bytes / 1e6:,.0f} MB"
