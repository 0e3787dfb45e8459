"""The README says what the code says."""

from __future__ import annotations

import re
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


def test_every_make_target_that_it_names_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"(?:^|`)make ([a-z-]+)", README, re.MULTILINE))
    assert named
    assert named <= targets


def test_it_goes_through_what_the_reference_says_that_it_does() -> None:
    reference = (ROOT / "stacks/reference.yaml").read_text().replace("\n  # ", " ")
    (title,) = re.findall(r"The README's \"([^\"]+)\"", reference)
    assert re.search(rf"^### {title}", README, re.MULTILINE)
