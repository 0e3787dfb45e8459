"""The README says what the code says."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from freehold.spec.reference import keys_table

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()


def between(marker: str) -> str:
    found = re.search(rf"<!-- {marker} -->\n(.*?)<!-- /{marker} -->", README, re.DOTALL)
    assert found, f"README.md has no {marker} markers"
    return found[1]


def test_the_table_of_keys_is_the_one_that_the_spec_renders() -> None:
    assert between("keys").strip() == keys_table().strip()


def test_every_task_that_it_names_exists() -> None:
    fab = Path(sys.executable).with_name("fab")
    listed = subprocess.run([fab, "-l"], cwd=ROOT, capture_output=True, text=True, check=True)
    known = set(re.findall(r"^  (\w+\.\w+)", listed.stdout, re.MULTILINE))
    named = set(re.findall(r"fab (?:-H \S+ )?(\w+\.\w+)", README))
    assert named
    assert named <= known


def test_every_make_target_that_it_names_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"(?:^|`)make ([a-z-]+)", README, re.MULTILINE))
    assert named
    assert named <= targets


def test_every_file_that_it_names_exists() -> None:
    links = re.findall(r"\]\((?!http|#)([^)]+)\)", README)
    paths = re.findall(r"`((?:docs|stacks|freehold|templates|playbooks|bin)/[\w./-]*)`", README)
    assert paths
    for path in [*links, *paths]:
        assert (ROOT / path).exists(), path
