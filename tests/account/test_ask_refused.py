"""An engine that gives no account says why, leaves nothing behind, and had no right to more."""

from __future__ import annotations

import dataclasses
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from freehold.account.account import AccountError
from freehold.account.ask import ask_engine
from freehold.gguf.header import Header
from freehold.gguf.read import read_model
from freehold.hosts.host import UnreachableError
from freehold.hosts.local import LocalHost
from tests.account.conftest import Written
from tests.deadline import in_time
from tests.engine import known

Flags = tuple[tuple[str, ...], ...]


@pytest.fixture(autouse=True)
def _nothing_is_left() -> Iterator[None]:
    before = folders()
    yield
    assert in_time(lambda: folders() <= before, 5)


@pytest.fixture
def header(written: Written) -> Header:
    return read_model(written(known.LLAMA, shards=3))


def folders() -> set[Path]:
    return set(Path("/var/tmp").glob("freehold-ask.*"))


def refusal(host: LocalHost, engine: Path, header: Header, flags: Flags = ()) -> str:
    with pytest.raises(AccountError) as caught:
        ask_engine(host, str(engine), header, flags, limit_s=1)
    return str(caught.value)


def script(engine: Path, text: str) -> Path:
    """A stand-in for an engine, beside the real one, where anybody may run it."""
    path = engine / f"stand-in-{os.urandom(4).hex()}"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


def test_an_engine_that_is_not_there(host: LocalHost, header: Header) -> None:
    text = refusal(host, Path("/nowhere/llama-server"), header)
    assert text.startswith("here: expected /nowhere/llama-server to give its account, it ended")
    assert "No such file or directory" in text


def test_a_flag_that_the_build_lacks(host: LocalHost, engine: Path, header: Header) -> None:
    text = refusal(host, engine / "llama-server", header, (("--nonsense",),))
    assert "it ended with exit 1\n  error: invalid argument: --nonsense" in text


def test_a_build_without_the_dry_pass(host: LocalHost, engine: Path, header: Header) -> None:
    old = script(engine, "echo 'error: invalid argument: --fit' >&2; exit 1")
    assert "Hint: this build has no --fit: only the formulas know" in refusal(host, old, header)


def test_an_architecture_that_it_does_not_know(
    host: LocalHost, engine: Path, written: Written
) -> None:
    model = dataclasses.replace(known.LLAMA, arch="llama9")
    text = refusal(host, engine / "llama-server", read_model(written(model)))
    assert "unknown model architecture: 'llama9'" in text
    assert "Hint: a newer build may know it" in text


def test_a_buffer_that_it_does_not_have(host: LocalHost, engine: Path, header: Header) -> None:
    flags = (("--override-tensor", "ffn=CUDA7"),)
    assert "unknown buffer type" in refusal(host, engine / "llama-server", header, flags)


def test_an_engine_that_aborts(host: LocalHost, engine: Path, header: Header) -> None:
    abort = "echo 'GGML_ASSERT(*cur_backend_id != -1) failed'; kill -ABRT $$"
    text = refusal(host, script(engine, abort), header)
    assert "it was killed by signal 6\n  GGML_ASSERT" in text
    assert "Hint: a processor with AMX needs --no-repack for this model" in text


def test_an_engine_that_hangs_is_ended(host: LocalHost, engine: Path, header: Header) -> None:
    hanging = script(engine, f"echo $$ >{engine}/pid.$$; echo thinking; exec sleep 60")
    engine.chmod(0o777)
    text = refusal(host, hanging, header)
    assert "it took more than 1 s\n  thinking" in text
    assert in_time(lambda: not living(engine), 5)


def test_a_cancelled_question_leaves_nothing(host: LocalHost, engine: Path, header: Header) -> None:
    hanging = script(engine, f"echo $$ >{engine}/pid.$$; exec sleep 60")
    engine.chmod(0o777)
    ended: list[UnreachableError] = []

    def ask() -> None:
        with pytest.raises(UnreachableError) as caught:
            ask_engine(host, str(hanging), header, ())
        ended.append(caught.value)

    thread = threading.Thread(target=ask)
    thread.start()
    assert in_time(lambda: living(engine))
    host.cancel()
    thread.join(10)
    assert ended
    assert in_time(lambda: not living(engine), 5)


def living(engine: Path) -> list[int]:
    """The stand-ins that still run."""
    pids = (int(path.read_text() or 0) for path in engine.glob("pid.*"))
    return [pid for pid in pids if Path(f"/proc/{pid}").exists()]


@pytest.mark.skipif(os.getuid() != 0, reason="only root can be anybody")
def test_the_engine_is_run_without_any_right(host: LocalHost, engine: Path, header: Header) -> None:
    who = script(engine, "id -u; grep -E 'Cap(Eff|Prm)|NoNewPrivs' /proc/self/status; env; exit 1")
    text = refusal(host, who, header)
    assert "  65534\n" in text
    assert text.count("0000000000000000") == 2
    assert "NoNewPrivs:\t1" in text
    assert {line.partition("=")[0].strip() for line in text.splitlines() if "=" in line} <= {
        "PATH", "HOME", "GGML_NO_BACKTRACE", "PWD", "OLDPWD", "_", "SHLVL"
    }  # fmt: skip


def test_a_filesystem_without_holes_is_refused(
    host: LocalHost, engine: Path, header: Header, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "du").write_text("#!/bin/sh\necho '1048576\tprobe'\n")
    (tmp_path / "du").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    text = refusal(host, engine / "llama-server", header)
    assert text == "here: expected a filesystem with sparse files at /var/tmp, found one without"


def test_a_model_without_files_cannot_be_asked_for(host: LocalHost, engine: Path) -> None:
    text = refusal(host, engine / "llama-server", Header("glm-5.2 of the catalogue", {}, ()))
    assert text.startswith("glm-5.2 of the catalogue: expected the header of the model's files")
