"""A box is asked over SSH, by a user who may do nothing there, and nothing is left on it."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from freehold.account.ask import ask_engine
from freehold.gguf.read import read_model
from freehold.hosts.command import Command
from freehold.hosts.host import run_or_raise
from freehold.hosts.ssh import SshHost
from tests.account.conftest import Written
from tests.engine import known

FOLDER = "/var/tmp/engine-of-a-test"


@pytest.fixture
def far_engine(ssh_host: SshHost, engine: Path) -> Iterator[str]:
    archive = subprocess.run(
        ["tar", "-C", engine, "-cz", "--exclude=*.sock", "."], capture_output=True, check=True
    ).stdout
    unpack = f"mkdir -p {FOLDER} && tar -C {FOLDER} -xzf -"
    run_or_raise(ssh_host, Command(unpack, "bringing an engine", takes_input=True), [archive])
    yield f"{FOLDER}/llama-server"
    run_or_raise(ssh_host, Command(f"rm -rf {FOLDER}", "removing it"))


def test_glm_5_2_is_asked_of_a_box(ssh_host: SshHost, far_engine: str, written: Written) -> None:
    header = read_model(written(known.GLM_5_2_QUANTS["IQ2_M"], shards=6, sparse=True))
    flags = (("--ctx-size", "65536"), ("--parallel", "1"), ("--fit", "off"), ("--no-repack",))
    account = ask_engine(ssh_host, far_engine, header, flags)
    assert account.cells == 65536
    assert account.layers == ("host",) * 80
    look = "ls -d /var/tmp/freehold-ask.* 2>/dev/null || echo none"
    assert run_or_raise(ssh_host, Command(look, "looking")).strip() == "none"
