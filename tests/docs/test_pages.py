"""What the pages name is there (tasks, keys, files, headings); the stacks that they show load."""

from __future__ import annotations

import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from freehold.spec import load
from freehold.spec.schema import NAMESPACE, keys

ROOT = Path(__file__).parents[2]
PAGES = ["README.md", *sorted(str(page.relative_to(ROOT)) for page in ROOT.glob("docs/*.md"))]
RENTING = ["README.md", "docs/rent.md"]
"""Those that show a whole stack file."""

of_all_pages = pytest.mark.parametrize("page", PAGES)


@cache
def text(page: str) -> str:
    return (ROOT / page).read_text()


@cache
def tasks() -> frozenset[str]:
    fab = Path(sys.executable).with_name("fab")
    listed = subprocess.run([fab, "-l"], cwd=ROOT, capture_output=True, text=True, check=True)
    return frozenset(re.findall(r"^  (\w+(?:\.\w+)?)", listed.stdout, re.MULTILINE))


def anchors(page: Path) -> set[str]:
    """As GitHub makes them of headings."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", each).strip().lower().replace(" ", "-") for each in headings}


@of_all_pages
def test_every_task_that_it_names_exists(page: str) -> None:
    named = set(re.findall(r"fab (?:-H \S+ )?(\w+\.\w+)", text(page)))
    assert named
    assert named <= tasks()


@of_all_pages
def test_every_key_that_it_names_exists(page: str) -> None:
    known = {f"{NAMESPACE}:{'.'.join(path[:end])}" for path, _ in keys() for end in (1, 2, 3)}
    named = set(re.findall(r"`(freehold:[\w.]+)`", text(page)))
    of_tags = {"freehold:lease", "freehold:deadline", "freehold:stack", "freehold:ledger"}
    assert named - of_tags <= known


@of_all_pages
def test_every_file_that_it_names_exists(page: str) -> None:
    links = re.findall(r"\]\((?!http)([^)]*)\)", text(page))
    for link in links:
        path, _, anchor = link.partition("#")
        there = (ROOT / page).parent / path if path else ROOT / page
        assert there.exists(), link
        assert not anchor or anchor in anchors(there), link
    inside = r"`((?:docs|stacks|freehold|templates|playbooks|bin)/[\w./-]*)`"
    for path in re.findall(inside, text(page)):
        assert (ROOT / path).exists(), path


@pytest.mark.parametrize("page", RENTING)
def test_the_stack_that_it_shows_is_one(page: str, tmp_path: Path) -> None:
    (shown,) = re.findall(r"```yaml\n(.*?)```", text(page), re.DOTALL)
    path = tmp_path / "Pulumi.shown.yaml"
    path.write_text(shown)
    spec = load(path, root=tmp_path)
    assert spec.rented is not None
    assert spec.rented.hours == 4
