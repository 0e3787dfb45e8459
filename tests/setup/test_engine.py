"""Which Pulumi engine .venv/bin/pulumi runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.setup.machine import HERE, Machine, executable


@pytest.fixture
def checkout(machine: Machine) -> Path:
    return machine.clone("checkout")


def builds(machine: Machine) -> int:
    return sum(call.startswith("go build pulumi ") for call in machine.asked())


def test_a_pulumi_that_is_new_enough_is_used_and_nothing_is_built(
    machine: Machine, checkout: Path
) -> None:
    own = machine.install("pulumi", "echo v3.200.0")
    machine.install("pulumi-language-python", "exit 0")
    done = machine.run(checkout / "bin/setup")
    assert f"pulumi in .venv/bin runs {own}" in done.stdout
    assert builds(machine) == 0
    assert machine.run(checkout / ".venv/bin/pulumi", "version").stdout == "v3.200.0\n"


@pytest.mark.parametrize(
    ("version", "reason"),
    [
        ("v3.199.1", "version v3.199.1, and 3.200.0 or newer is needed"),
        ("v3.99.0", "version v3.99.0, and 3.200.0 or newer is needed"),
        ("", "version unknown, and 3.200.0 or newer is needed"),
        ("v3.200.0", "pulumi-language-python is neither beside it nor on PATH"),
    ],
)
def test_a_pulumi_that_will_not_do_is_left_alone_and_said_why(
    machine: Machine, checkout: Path, version: str, reason: str
) -> None:
    own = machine.install("pulumi", f"echo {version}")
    if version != "v3.200.0":
        machine.install("pulumi-language-python", "exit 0")
    done = machine.run(checkout / "bin/setup")
    assert f"not using {own}: {reason}" in done.stderr
    assert builds(machine) == 1
    assert machine.run(checkout / ".venv/bin/pulumi", "version").stdout == "v3.259.0\n"


def test_the_second_pulumi_on_path_is_used_if_the_first_is_too_old(
    machine: Machine, checkout: Path
) -> None:
    old = executable(machine.home / "old/pulumi", "echo v3.1.0")
    machine.install("pulumi", "echo v3.300.0")
    machine.install("pulumi-language-python", "exit 0")
    machine.run(checkout / "bin/setup", path_first=old.parent)
    assert machine.run(checkout / ".venv/bin/pulumi", "version").stdout == "v3.300.0\n"


def test_the_wrapper_of_an_activated_checkout_is_not_taken_for_the_users_own(
    machine: Machine, checkout: Path
) -> None:
    machine.install("pulumi-language-python", "exit 0")
    machine.run(checkout / "bin/setup")
    other = machine.clone("other")
    machine.run(other / "bin/setup", path_first=checkout / ".venv/bin")
    machine.run(other / "bin/setup", path_first=other / ".venv/bin")
    assert str(machine.cache) in (other / ".venv/bin/pulumi").read_text()
    assert machine.run(other / ".venv/bin/pulumi", "version").stdout == "v3.259.0\n"


def test_the_wrapper_puts_python_first_and_keeps_the_users_settings(
    machine: Machine, checkout: Path
) -> None:
    machine.install("pulumi-language-python", "exit 0")
    machine.install(
        "pulumi",
        '[ "$1" = version ] && echo v3.200.0 && exit\n'
        'echo "$1|${PATH%%:*}|$PULUMI_SKIP_UPDATE_CHECK|'
        '$PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION"',
    )
    machine.run(checkout / "bin/setup")
    shown = machine.run(checkout / ".venv/bin/pulumi", "two words", PULUMI_SKIP_UPDATE_CHECK="no")
    assert shown.stdout == f"two words|{checkout}/.venv/bin|no|true\n"


def test_pulumis_installer_is_preferred_to_a_build(machine: Machine, checkout: Path) -> None:
    done = machine.run(
        checkout / "bin/setup", PULUMI_INSTALLER=str(HERE / "fakes/pulumi-install.sh")
    )
    assert done.returncode == 0, done
    (call,) = [call for call in machine.asked() if call.startswith("installer")]
    assert call.startswith(f"installer --version 3.259.0 --install-root {machine.cache}/partial.")
    assert call.endswith(" --no-edit-path")
    assert builds(machine) == 0
    assert machine.run(checkout / ".venv/bin/pulumi", "version").stdout == "v3.259.0\n"
    assert "Pulumi's release" in machine.run(checkout / "bin/setup", "--check").stdout


def test_an_installer_that_fails_halfway_is_followed_by_a_build(
    machine: Machine, checkout: Path
) -> None:
    done = machine.run(
        checkout / "bin/setup",
        PULUMI_INSTALLER=str(HERE / "fakes/pulumi-install.sh"),
        BROKEN_INSTALLER="yes",
    )
    assert done.returncode == 0, done
    assert builds(machine) == 1
    assert "built from Go modules" in machine.run(checkout / "bin/setup", "--check").stdout


def test_an_engine_that_cannot_be_had_ends_with_a_hint(machine: Machine, checkout: Path) -> None:
    (machine.path / "go").unlink()
    machine.install("go", 'echo "go version go1.99.0"; [ "$1" = version ]')
    done = machine.run(checkout / "bin/setup")
    assert done.returncode == 1
    assert "the Pulumi engine could be neither downloaded nor built" in done.stderr
    assert "Hint: " in done.stderr
    assert not list(machine.cache.glob("p*"))
