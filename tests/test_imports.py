"""Imports go one way through the rooms, and none goes to what stands above the library."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ROOMS = (
    "agent",
    "warden",
    "errors",
    "spec",
    "hosts",
    "gguf",
    "weights",
    "custody",
    "facts",
    "sizing",
    "catalog",
    "render",
    "plan",
    "apply",
    "account",
    "service",
    "job",
    "build",
    "rent",
    "infra",
)
"""Each may import itself and those before it."""
FOR_INFRA_ALONE = {"pulumi", "pulumi_aws", "grpc", "google"}
ABOVE = {"playbooks", "demo", "tests", "__main__", "fabfile"}


def allowed(room: str) -> set[str]:
    if room == "lab":  # it stands beside the rest: real boxes, for whoever asks
        return {"errors", "lab"}
    return set(ROOMS[: ROOMS.index(room) + 1])


def imported(source: str) -> Iterator[tuple[int, str]]:
    """Every module that `source` imports, and its line; `from freehold import x` is freehold.x."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, name.name) for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            yield from (
                (node.lineno, f"{module}.{name.name}" if module == "freehold" else module)
                for name in node.names
            )


def violations(room: str, source: str) -> list[str]:
    """`LINE: ROOM imports MODULE` for each import that a file of `room` may not have."""
    found = []
    for line, module in imported(source):
        top, _, rest = module.partition(".")
        against = top == "freehold" and rest.partition(".")[0] not in allowed(room)
        if against or top in ABOVE or not top or (top in FOR_INFRA_ALONE and room != "infra"):
            found.append(f"{line}: {room} imports {module}")
    return found


def test_every_room_has_its_place_in_the_order() -> None:
    rooms = {path.name.removesuffix(".py") for path in (ROOT / "freehold").glob("[!_]*")}
    assert rooms == {*ROOMS, "lab"}


def test_imports_go_one_way() -> None:
    files = sorted((ROOT / "freehold").glob("[!_]*/**/*.py"))
    assert len(files) > 50
    named = [
        f"{path.relative_to(ROOT)}:{violation}"
        for path in files
        for violation in violations(path.relative_to(ROOT / "freehold").parts[0], path.read_text())
    ]
    assert named == []


@pytest.mark.parametrize(
    ("room", "line", "module"),
    [
        ("facts", "from freehold.plan.file import File", "freehold.plan.file"),
        ("facts", "from freehold import lab", "freehold.lab"),
        ("lab", "import freehold.spec.model", "freehold.spec.model"),
        ("apply", "def late():\n    import pulumi.log", "pulumi.log"),
        ("infra", "from playbooks import node", "playbooks"),
        ("infra", "from demo.parts import fill_store", "demo.parts"),
        ("plan", "from . import steps", "."),
    ],
)
def test_an_import_that_goes_the_other_way_is_named(room: str, line: str, module: str) -> None:
    assert violations(room, line) == [f"{line.count(chr(10)) + 1}: {room} imports {module}"]
