"""ssh_config files of the tests, in place of the lab's own."""

from __future__ import annotations

from pathlib import Path

from freehold import lab


def write_config(tmp_path: Path, box: lab.Box, alias: str = "", **options: str) -> Path:
    """An ssh_config for one box, with `options` in place of the lab's own."""
    stated = {
        "HostName": box.address,
        "User": "admin",
        "HostKeyAlias": box.name,
        "IdentityFile": str(box.lab_folder / "client_key"),
        "IdentitiesOnly": "yes",
        "UserKnownHostsFile": str(box.lab_folder / "known_hosts"),
        "GlobalKnownHostsFile": "/dev/null",
        **options,
    }
    path = tmp_path / f"config-{alias or box.name}"
    lines = [f"Host {alias or box.name}", *(f"  {key} {value}" for key, value in stated.items())]
    path.write_text("\n".join([*lines, ""]))
    return path


def two_hops(tmp_path: Path, boxes: lab.Lab, known: dict[int, Path]) -> Path:
    """An ssh_config to box 2 through box 1; `known` names other known_hosts files by box."""
    first, second = boxes.boxes
    inner = write_config(tmp_path, second, "inner", ProxyJump=first.name, **_known(known, 2))
    config = tmp_path / "two-hops"
    jump = write_config(tmp_path, first, **_known(known, 1))
    config.write_text(jump.read_text() + inner.read_text())
    return config


def _known(known: dict[int, Path], number: int) -> dict[str, str]:
    return {"UserKnownHostsFile": str(known[number])} if number in known else {}
