"""Host keys that are known from elsewhere: they alone count, and only for their host."""

from __future__ import annotations

from pathlib import Path

import pytest

from freehold import lab
from freehold.hosts.command import Command
from freehold.hosts.host import UnreachableError
from freehold.hosts.ssh_config import Pinned
from tests.hosts.conftest import Open
from tests.hosts.ssh_configs import write_config

WHO = Command("id -un", "asking who", root=False)


def host_key(box: lab.Box) -> str:
    return (box.folder / "seed/etc/ssh/ssh_host_ed25519_key.pub").read_text()


def pinned(box: lab.Box, key: str, **known: Path | str) -> Pinned:
    return Pinned("i-0123456789abcdef0", (key,), **known)  # type: ignore[arg-type]


def test_a_pinned_key_is_enough_where_the_users_files_know_nothing(
    connect: Open, lab_boxes: lab.Lab, tmp_path: Path
) -> None:
    box, empty = lab_boxes.boxes[0], tmp_path / "known_hosts"
    empty.touch()
    config = write_config(
        tmp_path,
        box,
        UserKnownHostsFile=str(empty),
        HostKeyAlias="another",
        IdentityFile=str(tmp_path / "no-key"),
        ProxyCommand="false",
    )
    known = pinned(
        box,
        host_key(box),
        identity=box.lab_folder / "client_key",
        proxy_command=f"ssh -F {lab_boxes.ssh_config} -W {box.address}:22 {box.name}",
    )
    host = connect(f"admin@{box.name}", config, pinned=known)
    assert host.run(WHO).stdout == "admin\n"
    assert empty.read_text() == ""


def test_another_key_is_refused_whatever_the_users_files_allow(
    connect: Open, lab_boxes: lab.Lab, tmp_path: Path
) -> None:
    box, other = lab_boxes.boxes
    # The user's own known_hosts has the key that the box does show.
    config = write_config(tmp_path, box, StrictHostKeyChecking="no", VerifyHostKeyDNS="yes")
    host = connect(box.name, config, pinned=pinned(box, host_key(other)))
    with pytest.raises(UnreachableError) as caught:
        host.run(WHO)
    assert "has changed: refused" in str(caught.value)
    assert "someone stands between" in str(caught.value)
    assert "ssh-keygen -R" not in str(caught.value)


def test_without_a_pinned_key_none_is_accepted(
    connect: Open, lab_boxes: lab.Lab, tmp_path: Path
) -> None:
    box = lab_boxes.boxes[0]
    host = connect(box.name, write_config(tmp_path, box), pinned=Pinned("pinned", ()))
    with pytest.raises(UnreachableError) as caught:
        host.run(WHO)
    assert "expected one of the host keys that were pinned, found another" in str(caught.value)
    assert "once by hand" not in str(caught.value)


def test_what_is_pinned_holds_for_no_host_on_the_way(
    connect: Open, lab_boxes: lab.Lab, tmp_path: Path
) -> None:
    first, second = lab_boxes.boxes
    config = tmp_path / "both"
    inner = write_config(tmp_path, second, "inner", ProxyJump=first.name)
    config.write_text(inner.read_text() + write_config(tmp_path, first).read_text())
    host = connect("admin@inner", config, pinned=pinned(second, host_key(second)))
    assert host.run(Command("hostname", "a test", root=False)).stdout.strip() == second.name


@pytest.mark.parametrize("form", ["{}", "admin@{}", "ssh://admin@{}", "ssh://admin@{}:22"])
def test_every_form_of_a_destination_names_its_host(
    connect: Open, lab_boxes: lab.Lab, tmp_path: Path, form: str
) -> None:
    box, empty = lab_boxes.boxes[0], tmp_path / "known_hosts"
    empty.touch()
    config = write_config(tmp_path, box, UserKnownHostsFile=str(empty))
    host = connect(form.format(box.name), config, pinned=pinned(box, host_key(box)))
    assert host.run(WHO).stdout == "admin\n"
