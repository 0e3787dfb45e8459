"""A task's unit that is a golden; `python -m tests.rent.task_cases` writes it anew."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from freehold.rent.task import Task, unit_text

GOLDENS = Path(__file__).with_name("goldens")
CASES: dict[str, Callable[[], str]] = {
    "freehold-task.service": lambda: unit_text(Task("make results"), 8080, "glm-5.2"),
}

if __name__ == "__main__":
    for name, text in CASES.items():
        (GOLDENS / name).write_text(text())
