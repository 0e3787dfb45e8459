"""What is on a box of one set of files (weights, or an engine build)."""

from __future__ import annotations

from dataclasses import dataclass

from freehold.agent.program import PROGRAM
from freehold.agent.staging import ORDER
from freehold.facts.fact import Fact, field, quote
from freehold.weights.manifest import PROOF, Kind, Manifest


@dataclass(frozen=True)
class FileSetFacts:
    """`proven` are the paths whose arrival proof names the manifest's hash and still fits the
    file's size, mtime and inode, in a folder that has what checks and verifies it; `staged_bytes`
    is what an interrupted sync left. `is_there` says that something of the set is, whole or not;
    `proof_sha256` is another after each sync."""

    proven: frozenset[str]
    staged_bytes: int
    disk_available_bytes: int
    missing_libraries: tuple[str, ...]
    is_there: bool = True
    proof_sha256: str = ""
    unproven_bytes: int = 0
    """What lies in the set's folder at its right size, but is not proven: mending takes no room."""


def file_set_fact(manifest: Manifest) -> Fact[FileSetFacts]:
    """Seconds for any size: the files are not read, their arrival proof is compared."""
    folder = quote(manifest.node_folder)
    lines = [
        # The space is asked of the nearest folder that exists already.
        f'd={folder}; while [ ! -d "$d" ]; do d=$(dirname "$d"); done',
        'echo "available=$(df -Pk "$d" | tail -n 1)"',
        f'echo "staged=$(du -sk {folder}.partial 2>/dev/null)"',
        f"if cd {folder} 2>/dev/null; then",
        f"  sed 's/^/proof /' {PROOF} 2>/dev/null",
        f"  sha256sum 2>/dev/null <{PROOF} | sed 's/ .*//; s/^/identity /'",
        "  find . -type f -printf 'found %s %T@ %i %P\\n'",
    ]
    if manifest.kind is Kind.ENGINE:
        entry = quote(f"./{manifest.entry}")
        lines.append(f"  ldd {entry} 2>/dev/null | sed -n 's/\\(.*\\) => not found/lacks \\1/p'")
    lines.append("fi; true")
    return Fact(manifest.name, "\n".join(lines), lambda text: _parse(text, manifest))


def _parse(text: str, manifest: Manifest) -> FileSetFacts:
    found, proofs, lacking, identity = {}, {}, [], ""
    for line in text.splitlines():
        word, _, rest = line.partition(" ")
        if word == "found":
            size, mtime, inode, path = rest.split(" ", 3)
            found[path] = (size, mtime, inode)
        elif word == "proof":
            sha256, size, mtime, inode, path = rest.split(" ", 4)
            proofs[path] = (sha256, size, mtime, inode)
        elif word == "identity":
            identity = rest
        elif word == "lacks":
            lacking.append(rest.strip())
    proven = frozenset(
        file.path
        for file in manifest.files
        if proofs.get(file.path) == (file.sha256, *found.get(file.path, ()))
        and {ORDER, PROGRAM} <= found.keys()
    )
    unproven = (
        file.size_bytes
        for file in manifest.files
        if file.path not in proven and found.get(file.path, ("",))[0] == str(file.size_bytes)
    )
    staged = field(text, "staged").split()
    return FileSetFacts(
        proven=proven,
        staged_bytes=int(staged[0]) * 1024 if staged else 0,
        disk_available_bytes=int(field(text, "available").split()[3]) * 1024,
        missing_libraries=tuple(lacking),
        is_there=bool(found or staged),
        proof_sha256=identity,
        unproven_bytes=sum(unproven),
    )
