"""`fab node.launchd` writes what a Mac's owner places."""

from __future__ import annotations

import plistlib
from pathlib import Path

import pytest

from tests.playbooks.conftest import Fab

OPTIONS = {
    "--user": "ada",
    "--engine": "/opt/llama/llama-server",
    "--weights": "/opt/weights/m.gguf",
    "--key-file": "/opt/llama/api-key",
    "--memory-gib": "512",
    "--limit-mib": "491520",
}


def call(fab: Fab, out: Path, **changed: str):  # type: ignore[no-untyped-def]
    options = {**OPTIONS, **{f"--{key.replace('_', '-')}": v for key, v in changed.items()}}
    return fab("node.launchd", "--out", str(out), *(w for pair in options.items() for w in pair))


def test_two_lists_are_written_and_where_they_go_is_said(fab: Fab, tmp_path: Path) -> None:
    said = call(fab, tmp_path / "mac").must()
    assert "sudo install -o root -g wheel -m 644" in said.lines[0]
    server = plistlib.loads((tmp_path / "mac/freehold.llama-server.plist").read_bytes())
    assert server["ProgramArguments"][:3] == [
        "/opt/llama/llama-server", "--model", "/opt/weights/m.gguf",
    ]  # fmt: skip
    wired = plistlib.loads((tmp_path / "mac/freehold.wired-limit.plist").read_bytes())
    assert wired["ProgramArguments"] == ["/usr/sbin/sysctl", "iogpu.wired_limit_mb=491520"]


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"limit_mib": "524288"}, "--limit-mib: expected a limit of at most 516096 MiB"),
        ({"limit_mib": "lots"}, '--limit-mib: expected a whole number of at least 1, got "lots"'),
        ({"engine": "llama-server"}, '--engine: expected an absolute path, got "llama-server"'),
    ],
)
def test_what_cannot_be_is_refused(
    fab: Fab, tmp_path: Path, changed: dict[str, str], words: str
) -> None:
    assert words in call(fab, tmp_path / "mac", **changed).must(1).err
    assert not (tmp_path / "mac").exists()
