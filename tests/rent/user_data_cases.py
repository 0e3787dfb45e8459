"""User data that is a golden; `python -m tests.rent.user_data_cases` writes it anew."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from freehold.rent.user_data import user_data
from tests.rent.leases import NOON

GOLDENS = Path(__file__).with_name("goldens")
CASES: dict[str, Callable[[], str]] = {
    "user-data.yaml": lambda: user_data(NOON + timedelta(hours=4), NOON, 30),
}

if __name__ == "__main__":
    GOLDENS.mkdir(exist_ok=True)
    for name, text in CASES.items():
        (GOLDENS / name).write_text(text())
