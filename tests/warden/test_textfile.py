"""What a node writes for node_exporter, whole or not at all."""

from __future__ import annotations

import json
import os
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest

from freehold.warden import textfile as module
from freehold.warden.main import main
from tests.warden.stand_in import NVIDIA_SMI, gpu, write_state

KEY = "a-key-of-the-tests-0123456789"


@pytest.fixture
def node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A node with a set of weights, a lease, a GPU, and no server."""
    weights = tmp_path / "weights"
    for name in ("m-1", "m-2.partial", "never"):
        (weights / name).mkdir(parents=True)
    (weights / "m-1/.freehold-verified").write_text(json.dumps({"began_s": 1_700_000_000.5}))
    (weights / "m-1/.freehold-damage").write_text("0 3 m.gguf\n0 4 m.gguf\n")
    (tmp_path / "lease").write_text("1800000000 14400 1800\n")
    (tmp_path / "key").write_text(f"{KEY}\n")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/nvidia-smi").symlink_to(NVIDIA_SMI)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("STAND_IN_NVIDIA", str(tmp_path / "state"))
    write_state(tmp_path / "state", gpu(0, reasons="0x0000000000000044", name='A "B"'))
    monkeypatch.setattr(module, "WEIGHTS", weights)
    monkeypatch.setattr(module, "LEASE", tmp_path / "lease")
    monkeypatch.setattr(module, "KEY", tmp_path / "key")
    (tmp_path / "out").mkdir()
    return tmp_path


def written(node: Path, port: int = 1) -> dict[str, str]:
    assert main(["textfile", str(node / "out"), str(port)]) == 0
    assert [path.name for path in (node / "out").iterdir()] == ["freehold.prom"]
    lines = (node / "out/freehold.prom").read_text().splitlines()
    return dict(line.rsplit(" ", 1) for line in lines)


def test_weights_lease_and_gpus_are_told(node: Path) -> None:
    found = written(node)
    assert found["freehold_server_up"] == "0"
    assert found['freehold_weights_verified_timestamp_seconds{set="m-1"}'] == "1700000000"
    assert found['freehold_weights_verified_timestamp_seconds{set="never"}'] == "0"
    assert found['freehold_weights_bad_pieces{set="m-1"}'] == "2"
    assert not any("m-2" in name for name in found)
    assert found["freehold_lease_deadline_timestamp_seconds"] == "1800000000"
    labels = r'gpu="0",name="A \"B\""'
    assert found[f"freehold_gpu_watts{{{labels}}}"] == "301.5"
    held = {name for name, value in found.items() if "held_back" in name and value == "1"}
    assert {name.split("reason=")[1] for name in held} == {'"power_cap"}', '"thermal_hardware"}'}
    assert found["freehold_nvidia_smi_up"] == "1"


def test_a_broken_driver_is_told_and_no_gpu_is_nothing(node: Path) -> None:
    (node / "state/fails").write_text("couldn't communicate with the NVIDIA driver")
    assert written(node)["freehold_nvidia_smi_up"] == "0"
    (node / "bin/nvidia-smi").unlink()
    assert not any("nvidia" in name for name in written(node))


class Server(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        is_key = self.headers["Authorization"] == f"Bearer {KEY}"
        self.send_response(200 if is_key else 401)
        self.end_headers()
        self.wfile.write(b"# HELP x\nllamacpp:requests_processing 2\npython_info 1\n")

    def log_message(self, *_: object) -> None:
        """Nothing."""


def test_the_servers_own_metrics_are_among_them(node: Path) -> None:
    with HTTPServer(("127.0.0.1", 0), Server) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        found = written(node, server.server_port)
        server.shutdown()
    assert (found["freehold_server_up"], found["llamacpp:requests_processing"]) == ("1", "2")
    assert "python_info" not in found


def test_where_it_cannot_be_written_the_old_one_stays(
    node: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    written(node)
    before = (node / "out/freehold.prom").read_text()
    (node / "lease").write_text("not-a-time")
    # A name that is a folder: the rename fails, as every write does on a full disk.
    monkeypatch.setattr(module, "NAME", "sub")
    (node / "out/sub/full").mkdir(parents=True)
    assert main(["textfile", str(node / "out"), "1"]) == 1
    assert sorted(path.name for path in (node / "out").iterdir()) == ["freehold.prom", "sub"]
    assert (node / "out/freehold.prom").read_text() == before
    assert main(["textfile", str(node / "none"), "1"]) == 1
    assert "is prometheus-node-exporter installed?" in capsys.readouterr().err
