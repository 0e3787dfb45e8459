"""This package as one readable source file: a node keeps it whole, or not at all."""

from __future__ import annotations

import functools
from pathlib import Path

_HEAD = '''\
#!/usr/bin/env python3
"""Freehold's warden on a node. Made of freehold/warden/*.py: change those, not this."""
import importlib.abc
import importlib.util
import sys

SOURCES = {}


class _Sources(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    def find_spec(self, name, path=None, target=None):
        if name not in SOURCES:
            return None
        return importlib.util.spec_from_loader(name, self, is_package=name.count(".") < 2)

    def exec_module(self, module):
        name = module.__name__
        exec(compile(SOURCES[name], name, "exec"), module.__dict__)


sys.meta_path.insert(0, _Sources())
SOURCES["freehold"] = ""
'''
_TAIL = """
from freehold.warden.main import main

raise SystemExit(main(sys.argv[1:]))
"""
_QUOTE = "'" * 3


@functools.cache
def program_text() -> str:
    """The same for the same sources."""
    parts = [_HEAD]
    for path in sorted(Path(__file__).parent.glob("*.py")):
        name, source = path.stem, path.read_text()
        if name == "program":  # of the machine that has the checkout
            continue
        if _QUOTE in source or source.endswith("\\"):
            raise ValueError(f"{path.name}: expected a source that a raw string holds")
        module = "freehold.warden" if name == "__init__" else f"freehold.warden.{name}"
        parts.append(f"\nSOURCES[{module!r}] = r{_QUOTE}{source}{_QUOTE}\n")
    return "".join([*parts, _TAIL])
