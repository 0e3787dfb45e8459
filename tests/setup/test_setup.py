"""bin/setup on a fresh machine, again, and in bad luck."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from tests.setup.machine import Machine

BUILT = ["go build pulumi-language-python v3.50.0", "go build pulumi v3.259.0"]
SERVER = "go build versitygw v1.8.0"


def snapshot(*folders: Path) -> dict[Path, int]:
    return {
        file: file.lstat().st_mtime_ns
        for folder in folders
        for file in [folder, *folder.rglob("*")]
    }


def test_a_fresh_checkout_gets_its_packages_and_an_engine(machine: Machine) -> None:
    checkout = machine.clone("checkout")
    done = machine.run(checkout / "bin/setup")
    assert done.returncode == 0, done
    assert machine.asked() == ["uv venv", "uv pip install", *BUILT]
    assert machine.run(checkout / ".venv/bin/pulumi", "version").stdout == "v3.259.0\n"
    assert [entry.name for entry in machine.cache.iterdir() if entry.is_dir()] == [
        entry.name for entry in machine.cache.glob("pulumi-3.259.0-*")
    ]


def test_a_second_run_asks_and_writes_nothing_and_is_quick(machine: Machine) -> None:
    checkout = machine.clone("checkout")
    machine.run(checkout / "bin/setup")
    asked, before = machine.asked(), snapshot(checkout, machine.cache)
    started = time.monotonic()
    assert machine.run(checkout / "bin/setup").returncode == 0
    assert time.monotonic() - started < 2
    assert machine.asked() == asked
    assert snapshot(checkout, machine.cache) == before


def test_another_clone_on_the_machine_does_not_build_again(machine: Machine) -> None:
    machine.run(machine.clone("first") / "bin/setup")
    second = machine.clone("second")
    assert machine.run(second / "bin/setup").returncode == 0
    assert machine.asked() == ["uv venv", "uv pip install", *BUILT, "uv venv", "uv pip install"]
    assert machine.run(second / ".venv/bin/pulumi", "version").stdout == "v3.259.0\n"


def test_a_changed_lock_installs_into_the_same_environment(machine: Machine) -> None:
    checkout = machine.clone("checkout")
    machine.run(checkout / "bin/setup")
    (checkout / "requirements.lock").write_text("# other packages\n")
    machine.run(checkout / "bin/setup")
    assert machine.asked() == ["uv venv", "uv pip install", *BUILT, "uv pip install"]


def test_a_moved_checkout_gets_a_new_environment(machine: Machine) -> None:
    checkout = machine.clone("checkout")
    machine.run(checkout / "bin/setup")
    moved = checkout.rename(checkout.with_name("moved"))
    assert machine.run(moved / "bin/setup").returncode == 0
    assert machine.asked()[-2:] == ["uv venv", "uv pip install"]
    assert f"{moved}/.venv/bin" in (moved / ".venv/bin/pulumi").read_text().replace("'\\''", "'")


def test_without_uv_pip_installs_the_packages(machine: Machine) -> None:
    checkout = machine.clone("checkout")
    done = machine.run(checkout / "bin/setup", NO_UV="yes")
    assert done.returncode == 0, done
    assert machine.asked()[:4] == [
        "python -m venv uv-venv",
        "pip install uv",
        "python -m venv .venv",
        "pip install requirements.lock",
    ]


def test_a_python_that_is_too_old_is_named(machine: Machine) -> None:
    done = machine.run(machine.clone("checkout") / "bin/setup", OLD_PYTHON="9")
    assert done.returncode == 1
    assert "Python 3.11 or newer is needed; python3 is Python 3.9.0" in done.stderr
    assert "Hint: " in done.stderr


def test_an_entry_without_its_language_host_is_replaced(machine: Machine) -> None:
    checkout = machine.clone("checkout")
    machine.run(checkout / "bin/setup")
    (entry,) = machine.cache.glob("pulumi-*")
    (entry / "bin/pulumi-language-python").unlink()
    assert machine.run(checkout / "bin/setup").returncode == 0
    assert machine.asked()[-2:] == BUILT
    assert (entry / "bin/pulumi-language-python").exists()


def test_a_setup_killed_halfway_leaves_no_entry_and_the_next_one_clears_up(
    machine: Machine,
) -> None:
    checkout, gate = machine.clone("checkout"), machine.home / "gate"
    os.mkfifo(gate)
    setup = machine.start(checkout / "bin/setup", GATE=str(gate))
    with gate.open("w"):  # opens once the build has come to the gate
        setup.kill()
        setup.wait()
        gate.unlink()
        assert not list(machine.cache.glob("pulumi-*"))
        assert list(machine.cache.glob("partial.*"))
    assert machine.run(checkout / "bin/setup").returncode == 0
    assert list(machine.cache.glob("pulumi-*"))
    assert not list(machine.cache.glob("partial.*"))


def test_ctrl_c_ends_a_build_and_leaves_nothing(machine: Machine) -> None:
    checkout, gate = machine.clone("checkout"), machine.home / "gate"
    os.mkfifo(gate)
    setup = machine.start(checkout / "bin/setup", GATE=str(gate))
    with gate.open("w"):
        setup.send_signal(signal.SIGINT)
        setup.communicate(timeout=30)
    assert setup.returncode == 130
    assert [entry.name for entry in machine.cache.iterdir()] == ["setup.lock"]


def test_two_setups_at_once_build_once(machine: Machine) -> None:
    first, second, gate = machine.clone("first"), machine.clone("second"), machine.home / "gate"
    os.mkfifo(gate)
    builder = machine.start(first / "bin/setup", GATE=str(gate))
    with gate.open("w"):
        waiter = machine.start(second / "bin/setup")
        assert waiter.stdout
        assert "waiting for another bin/setup" in waiter.stdout.readline()
        gate.unlink()
    builder.communicate(timeout=30)
    waiter.communicate(timeout=30)
    assert (builder.returncode, waiter.returncode) == (0, 0)
    assert [call for call in machine.asked() if call.startswith("go build")] == BUILT


def test_check_says_what_is_missing_and_changes_nothing(machine: Machine) -> None:
    checkout = machine.clone("checkout")
    done = machine.run(checkout / "bin/setup", "--check")
    assert done.returncode == 1
    assert "missing  python" in done.stdout
    assert "missing  engine" in done.stdout
    assert not (checkout / ".venv").exists()
    assert not machine.cache.exists()


def test_check_says_what_is_there_and_where_from(machine: Machine) -> None:
    checkout = machine.clone("checkout")
    machine.run(checkout / "bin/setup")
    done = machine.run(checkout / "bin/setup", "--check")
    assert done.returncode == 0
    assert "ok       engine         v3.259.0, built from Go modules: " in done.stdout
    assert "ok       language host" in done.stdout


def test_an_unknown_option_shows_the_usage(machine: Machine) -> None:
    done = machine.run(machine.clone("checkout") / "bin/setup", "--labs")
    assert done.returncode == 2
    assert "usage: bin/setup" in done.stderr


def test_lab_tools_are_announced_before_they_are_installed(machine: Machine) -> None:
    done = machine.run(machine.clone("checkout") / "bin/setup", "--lab")
    assert done.returncode == 0, done
    packages = "systemd-container mmdebstrap"
    assert f": {packages}" in done.stdout.split("apt-get install")[0]
    assert machine.asked()[-2] == "apt-get update"
    assert machine.asked()[-1].startswith(f"apt-get install {packages}")


def test_lab_tools_that_are_there_are_not_installed(machine: Machine) -> None:
    for tool in ("systemd-nspawn", "mmdebstrap", "ip", "ssh", "shellcheck", "gpg", "modprobe"):
        machine.install(tool, "exit 1")
    machine.run(machine.clone("checkout") / "bin/setup", "--lab")
    assert machine.asked()[-3:-1] == [BUILT[-1], SERVER]
    assert machine.asked()[-1] == "pip install requirements.lock"


def test_the_tests_s3_server_is_built_once_and_not_for_the_demo(machine: Machine) -> None:
    checkout = machine.clone("checkout")
    machine.run(checkout / "bin/setup", "--need-lab")
    assert SERVER not in machine.asked()
    for _ in range(2):
        assert machine.run(checkout / "bin/setup", "--lab").returncode == 0
    assert machine.asked().count(SERVER) == 1
    done = machine.run(checkout / "bin/setup", "--check")
    assert "ok       S3 server" in done.stdout


def test_a_machine_that_is_not_linux_is_told_what_still_works(machine: Machine) -> None:
    (machine.path / "uname").unlink()
    machine.install("uname", '[ "$1" = -m ] && echo arm64 || echo Darwin')
    done = machine.run(machine.clone("checkout") / "bin/setup", "--lab")
    assert done.returncode == 0
    assert "lab boxes cannot run here: they are Linux containers, and this is Darwin" in done.stdout
    assert "everything else works, against your own hosts" in done.stdout
    assert (machine.cache / "pulumi-3.259.0-darwin-arm64").is_dir()
