"""A header on another host, by what any shell has."""

from __future__ import annotations

import base64
import gzip
from collections.abc import Iterator
from pathlib import Path

import pytest

from freehold import lab
from freehold.gguf.error import GgufError
from freehold.gguf.folder import HostFolder
from freehold.gguf.read import read_folder, read_model
from freehold.gguf.ssh import HostSource
from freehold.hosts.command import Command, Result
from freehold.hosts.host import UnreachableError
from freehold.hosts.ssh import SshHost
from freehold.hosts.ssh_config import SshSettings
from tests.gguf.files import large_header, with_data, write_model, write_shards
from tests.hosts.fake import FakeHost


def refusal(host: FakeHost, path: Path | str) -> str:
    with pytest.raises(GgufError) as caught:
        read_model(f"fake:{path}", connect=lambda _: host)
    assert str(caught.value).startswith(f"fake:{path}: ")
    return str(caught.value)


@pytest.mark.parametrize("form", ["nas:{}", "me@nas:{}", "ssh://me@nas:2222{}", "ssh://[::1]{}"])
def test_a_model_of_several_shards_is_read(tmp_path: Path, form: str) -> None:
    paths = write_shards(tmp_path, 3)
    asked: list[str] = []
    host = FakeHost()

    def connect(destination: str) -> FakeHost:
        asked.append(destination)
        return host

    header = read_model(form.format(paths[0]), connect=connect)
    assert asked == [form.removesuffix(":{}" if ":{}" in form else "{}")]
    assert len(header.tensors) == 4
    assert [shard.place for shard in header.shards] == [f"fake:{path}" for path in paths]
    assert len(host.commands) == 3
    assert not any(command.root for command in host.commands)


def test_a_header_as_long_as_glms_takes_a_handful_of_commands(tmp_path: Path) -> None:
    path = tmp_path / "m.gguf"
    path.write_bytes(with_data(large_header(), bytes(32 << 20)))
    host = FakeHost()
    header = read_folder(HostFolder(host, str(tmp_path)), "m.gguf")
    assert len(header.tensors) == 1809
    assert header.shards[0].size_bytes == path.stat().st_size
    assert len(host.commands) <= 5


@pytest.mark.parametrize("name", ['it\'s $(false) "m".gguf', "-m.gguf", "a b.gguf"])
def test_any_name_is_read(tmp_path: Path, name: str) -> None:
    path = write_model(tmp_path / name)
    assert len(read_model(f"fake:{path}", connect=lambda _: FakeHost()).tensors) == 1


def test_the_file_behind_a_link_is_read(tmp_path: Path) -> None:
    path = write_model(tmp_path / "m.gguf")
    (tmp_path / "link.gguf").symlink_to(path)
    header = read_model(f"fake:{tmp_path}/link.gguf", connect=lambda _: FakeHost())
    assert header.shards[0].size_bytes == path.stat().st_size


def test_what_is_not_there_is_named(tmp_path: Path) -> None:
    assert "got: no such file: " in refusal(FakeHost(), tmp_path / "m.gguf")
    assert "got: no such file: " in refusal(FakeHost(), tmp_path)


@pytest.mark.parametrize("size", [0, 40])
def test_a_file_that_is_cut_short_is_refused(tmp_path: Path, size: int) -> None:
    path = write_model(tmp_path / "m.gguf")
    path.write_bytes(path.read_bytes()[:size])
    assert "expected a" in refusal(FakeHost(), path)


class Answering(FakeHost):
    """A host that answers each command alike."""

    def __init__(self, stdout: str, stderr: str = "") -> None:
        super().__init__()
        self._result = Result(0, stdout, stderr)

    def run(self, command: Command, chunks: object = ()) -> Result:  # noqa: ARG002
        return self._result


def packed(data: bytes) -> str:
    return base64.b64encode(gzip.compress(data)).decode()


ANSWERS = {
    "nothing": ("", ""),
    "a greeting": ("Welcome to the NAS!\n", ""),
    "no base64": ("1000\n", "base64: not found"),
    "no gzip": ("1000\n" + base64.b64encode(b"x" * 1000).decode(), ""),
    "half of it": ("1000\n" + packed(b"x" * 500), "tail: error reading: Input/output error"),
    "a size that is none": ("-5\n" + packed(b""), ""),
}


@pytest.mark.parametrize("what", ANSWERS)
def test_an_answer_that_is_none_is_an_error(what: str) -> None:
    stdout, stderr = ANSWERS[what]
    assert stderr in refusal(Answering(stdout, stderr), "/m.gguf")


def test_no_more_is_unpacked_than_was_asked_for() -> None:
    source = HostSource(Answering("1000000000\n" + packed(bytes(50 << 20))), "/m.gguf")
    assert source.read(0, 100) == bytes(100)


def test_a_host_that_cannot_be_reached_stays_told_apart(tmp_path: Path) -> None:
    host = FakeHost()
    host.cancel()
    with pytest.raises(UnreachableError):
        read_model(f"fake:{write_shards(tmp_path, 3)[0]}", connect=lambda _: host)


@pytest.fixture
def on_box(lab_boxes: lab.Lab, ssh_host: SshHost, tmp_path: Path) -> Iterator[str]:
    """A folder on a real box, with a model of three shards."""
    folder = "/home/admin/models"
    script = f"mkdir -p {folder}"
    for path in write_shards(tmp_path, 3):
        encoded = base64.b64encode(path.read_bytes()).decode()
        script += f"\necho {encoded} | base64 -d >{folder}/{path.name}"
    result = ssh_host.run(Command(script, "a test", root=False))
    assert result == Result(0, "", "")
    yield folder
    ssh_host.run(Command(f"rm -r {folder}", "a test", root=False))


def test_a_real_box_is_read_over_openssh(lab_boxes: lab.Lab, on_box: str) -> None:
    hosts: list[SshHost] = []

    def connect(destination: str) -> SshHost:
        hosts.append(SshHost("nas", destination, SshSettings(lab_boxes.ssh_config)))
        return hosts[-1]

    try:
        for form in ("{}:{}", "ssh://{}{}"):
            text = form.format(lab_boxes.boxes[0].name, f"{on_box}/m-00001-of-00003.gguf")
            header = read_model(text, connect=connect)
            assert [tensor.name for tensor in header.tensors][0::3] == ["blk.2.0", "blk.3.1"]
    finally:
        for host in hosts:
            host.close()


def test_a_destination_that_nobody_knows_is_unreachable() -> None:
    with pytest.raises(UnreachableError, match=r"nowhere\.invalid"):
        read_model("nowhere.invalid:/m.gguf")
