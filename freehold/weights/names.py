"""Which of a library's names an engine build keeps: a set holds files, and no symbolic links."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

from freehold.weights.elf import Elf, read_elf


def elves(paths: Iterable[Path]) -> dict[Path, Elf]:
    """Of the files that are programs or libraries of Linux, what they say, by the file itself.

    Raises ValueError naming the first that is damaged.
    """
    found = {path: read_elf(path) for path in {path.resolve() for path in paths}}
    return {path: elf for path, elf in found.items() if elf is not None}


def without_aliases(paths: Iterable[Path], known: dict[Path, Elf]) -> list[Path]:
    """`paths` without those names of one library that nothing asks for.

    libx.so, libx.so.0 and libx.so.0.9 are one file with two links. A program asks for the name
    that the library itself bears (its soname); the rest would be copies of it on every node. Where
    a file has no such name among its own, as a program or a library of macOS, all stay.
    """
    names: dict[Path, list[Path]] = defaultdict(list)
    for path in paths:
        names[path.resolve()].append(path)
    needed = {name for elf in known.values() for name in elf.needed}
    kept = []
    for file, aliases in names.items():
        asked = needed | ({known[file].soname} if file in known else set())
        chosen = [each for each in aliases if each.name in asked]
        is_library = file in known and bool(known[file].soname)
        kept += chosen if is_library and chosen else aliases
    return sorted(kept)
