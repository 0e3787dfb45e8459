"""`make demo` in a checkout of its own: twice, and gone without a trace."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from freehold import lab
from freehold.lab.network import short_id

ROOT = Path(__file__).parents[2]
AGAIN_S = 60


@pytest.fixture(scope="module")
def checkout() -> Iterator[Path]:
    """What git tracks or would track, with the packages and the engine of this checkout."""
    if reason := lab.unsupported():
        pytest.skip(reason)
    # The demo's box lies in its checkout: /tmp may be in memory or on overlayfs.
    folder = lab.default_state_dir().with_name("demo-test")
    shutil.rmtree(folder, ignore_errors=True)
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    (folder / ".venv").symlink_to(ROOT / ".venv")
    yield folder
    demo(folder, "down")
    shutil.rmtree(folder)


def demo(checkout: Path, verb: str) -> tuple[subprocess.CompletedProcess[str], float]:
    began = time.monotonic()
    done = subprocess.run(
        [checkout / ".venv/bin/python", "-m", "demo", verb],
        cwd=checkout,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=300,
    )
    return done, time.monotonic() - began


def left_of(checkout: Path) -> list[str]:
    """The links, mounts and processes of this machine that the demo of that checkout has."""
    own = short_id(checkout / ".demo" / "lab" / "demo")
    found = [path.name for path in Path("/sys/class/net").iterdir() if own in path.name]
    found += [line for line in Path("/proc/mounts").read_text().splitlines() if own in line]
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            argv = path.read_text(errors="replace").replace("\0", " ")
        except OSError:
            continue
        if str(checkout) in argv or own in argv:
            found.append(argv)
    return found


def test_the_demo_ends_with_an_answer_is_faster_again_and_leaves_nothing(checkout: Path) -> None:
    files = {path for path in checkout.rglob("*") if "__pycache__" not in path.parts}
    first, _ = demo(checkout, "up")
    assert first.returncode == 0, first.stdout
    assert "+ 14 to create" in first.stdout
    assert "first token after" in first.stdout
    assert "What is the capital of France?" in first.stdout
    assert "make demo-down" in first.stdout
    assert left_of(checkout)

    again, took_s = demo(checkout, "up")
    assert again.returncode == 0, again.stdout
    assert "14 unchanged" in again.stdout
    assert took_s < AGAIN_S

    down, _ = demo(checkout, "down")
    assert down.returncode == 0, down.stdout
    assert left_of(checkout) == []
    assert {path for path in checkout.rglob("*") if "__pycache__" not in path.parts} == files
    assert demo(checkout, "down")[0].returncode == 0
