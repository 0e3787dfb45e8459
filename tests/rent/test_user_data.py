"""User data: as its golden, liked by cloud-init, and run by a shell as a machine would."""

from __future__ import annotations

import shlex
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from freehold.errors import FreeholdError
from freehold.rent import user_data as module
from freehold.rent.guard import LEASE_PATH, PlacedFile, guard_files
from freehold.rent.user_data import SCRATCH_PATH, SCRATCH_UNIT_PATH, SIZE_BYTES_MAX, user_data
from tests.rent.leases import NOON
from tests.rent.user_data_cases import CASES, GOLDENS

DEADLINE = NOON + timedelta(hours=4)


@pytest.fixture
def config() -> dict[str, Any]:
    """As YAML has it."""
    loaded: dict[str, Any] = yaml.safe_load(user_data(DEADLINE, NOON, 30))
    return loaded


def test_it_is_as_its_golden() -> None:
    """After a change that is meant: python -m tests.rent.user_data_cases"""
    for name, text in CASES.items():
        assert text() == (GOLDENS / name).read_text()


def test_it_fits_with_room_for_what_the_longest_lease_needs() -> None:
    longest = user_data(NOON + timedelta(days=182), NOON, 7 * 24 * 60)
    assert len(longest.encode()) < 0.75 * SIZE_BYTES_MAX
    assert longest.startswith("#cloud-config\n")


def test_what_is_longer_than_ec2_takes_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        module, "guard_files", lambda *_: (PlacedFile("/x", 0o644, "x" * SIZE_BYTES_MAX + "\n"),)
    )
    with pytest.raises(FreeholdError, match="expected at most 16384 bytes"):
        user_data(DEADLINE, NOON)


@pytest.mark.parametrize("content", ["no end", " indented\n", "a\nFREEHOLD\nb\n", "\n"])
def test_a_file_that_would_not_arrive_as_it_is_is_refused(
    monkeypatch: pytest.MonkeyPatch, content: str
) -> None:
    monkeypatch.setattr(module, "guard_files", lambda *_: (PlacedFile("/x", 0o644, content),))
    with pytest.raises(ValueError, match="/x"):
        user_data(DEADLINE, NOON)


def test_nobody_gets_in_by_a_password_and_the_host_key_is_the_machines_own(
    config: dict[str, Any],
) -> None:
    assert config["ssh_pwauth"] is False
    assert config["ssh_deletekeys"] is True
    assert config["ssh_genkeytypes"] == ["ed25519"]
    assert config["ssh"] == {"emit_keys_to_console": True}
    assert not {"ssh_keys", "chpasswd", "password", "users"} & config.keys()


def test_the_files_of_the_disks_are_written_with_their_modes(config: dict[str, Any]) -> None:
    written = {file["path"]: file for file in config["write_files"]}
    assert set(written) == {SCRATCH_PATH, SCRATCH_UNIT_PATH}
    assert written[SCRATCH_PATH]["permissions"] == "0755"
    assert written[SCRATCH_PATH]["content"].startswith("#!/bin/sh\n")
    assert written[SCRATCH_UNIT_PATH]["content"].endswith("WantedBy=multi-user.target\n")


@dataclass
class Machine:
    """A folder as a machine's root, and a systemctl that notes what it is told."""

    root: Path
    config: dict[str, Any]

    def start(self) -> int:
        """What bootcmd does at a start, joined into one script as cloud-init does; its exit."""
        script = "".join(
            f"{entry}\n" if isinstance(entry, str) else f"{shlex.join(entry)}\n"
            for entry in self.config["bootcmd"]
        )
        for file in guard_files(DEADLINE, NOON, 30):
            script = script.replace(f"put {file.path} ", f"put {self.root}{file.path} ")
        path = f"{self.root / 'bin'}:/usr/bin:/bin"
        done = subprocess.run(["/bin/sh", "-s"], input=script.encode(), env={"PATH": path})
        return done.returncode

    @property
    def told(self) -> list[str]:
        """What systemctl was told."""
        noted = self.root / "told"
        return noted.read_text().splitlines() if noted.exists() else []


@pytest.fixture
def machine(tmp_path: Path, config: dict[str, Any]) -> Machine:
    program = tmp_path / "bin/systemctl"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\necho "$*" >>{tmp_path}/told\n')
    program.chmod(0o755)
    return Machine(tmp_path, config)


def test_the_switch_arrives_byte_for_byte_before_it_is_started(machine: Machine) -> None:
    assert machine.start() == 0
    for file in guard_files(DEADLINE, NOON, 30):
        placed = Path(f"{machine.root}{file.path}")
        assert placed.read_text() == file.content
        assert placed.stat().st_mode & 0o7777 == file.mode
    assert machine.told == [
        "daemon-reload",
        "enable --now --no-block freehold-lease.timer",
        "mask dlami-nvme.service",
    ]


def test_another_start_keeps_a_deadline_that_was_moved(machine: Machine) -> None:
    machine.start()
    lease = Path(f"{machine.root}{LEASE_PATH}")
    lease.write_text("moved\n")
    assert machine.start() == 0
    assert lease.read_text() == "moved\n"
    assert machine.told.count("enable --now --no-block freehold-lease.timer") == 2


def test_a_part_of_the_switch_that_is_gone_is_back_after_a_start(machine: Machine) -> None:
    machine.start()
    for file in guard_files(DEADLINE, NOON, 30):
        Path(f"{machine.root}{file.path}").unlink()
    machine.start()
    for file in guard_files(DEADLINE, NOON, 30):
        assert Path(f"{machine.root}{file.path}").read_text() == file.content


def test_a_machine_on_which_the_switch_cannot_be_placed_ends_itself(machine: Machine) -> None:
    (machine.root / "etc").write_text("a file where a folder should be")
    assert machine.start() != 0
    assert machine.told == ["--no-block poweroff"]


def test_a_machine_whose_switch_does_not_start_ends_itself(machine: Machine) -> None:
    program = machine.root / "bin/systemctl"
    program.write_text(program.read_text() + '[ "$1" != enable ]\n')
    assert machine.start() != 0
    assert machine.told[-1] == "--no-block poweroff"


def scripts() -> Iterator[tuple[str, str]]:
    """Every piece of shell in it."""
    config = yaml.safe_load(user_data(DEADLINE, NOON))
    for key in ("bootcmd", "runcmd"):
        strings = [entry for entry in config[key] if isinstance(entry, str)]
        yield key, "#!/bin/sh\n" + "\n".join(strings)
    for file in config["write_files"]:
        if file["content"].startswith("#!"):
            yield file["path"], file["content"]


@pytest.mark.skipif(shutil.which("shellcheck") is None, reason="no shellcheck here")
@pytest.mark.parametrize(("name", "text"), list(scripts()), ids=lambda each: each[:20])
def test_shellcheck_finds_nothing_in_its_scripts(name: str, text: str) -> None:
    done = subprocess.run(["shellcheck", "-"], input=text.encode(), capture_output=True)
    assert (done.returncode, done.stdout) == (0, b""), name


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd-analyze here")
def test_systemd_finds_nothing_wrong_with_the_unit_of_the_disks(
    config: dict[str, Any], tmp_path: Path
) -> None:
    unit = tmp_path / "freehold-scratch.service"
    content = config["write_files"][1]["content"]
    unit.write_text(content.replace(SCRATCH_PATH, "/bin/true"))  # it is not on this machine
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(unit)], capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")
