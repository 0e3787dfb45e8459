"""The tools that others move large files with, each told to be as fast as it can be over SSH."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.cargo import Cargo
from bench.legs import FOLDER, shell
from bench.wire import Wire
from freehold.lab import Box, Lab

CIPHER = "aes128-gcm@openssh.com"  # what these ends agree on would be ChaCha20, which is slower
HASH = "openssl dgst -sha256 -r"  # the fastest that is at hand on a box
# Of the distribution, in the boxes.
PACKAGES = ("python3", "openssl", "rsync", "aria2", "rclone", "python3-boto3", "nftables")


def program(lab: Lab, name: str) -> list[str | Path]:
    """The argv of a program of the boxes' packages, run on this machine: nothing is installed."""
    root = lab.rootfs
    loader = next(
        path for path in (root / "lib64", root / "lib") for path in path.glob("ld-linux*")
    )
    libraries = ":".join(str(path) for path in (root / "usr/lib").glob("*-linux-gnu*"))
    return [loader, "--library-path", libraries, root / "usr/bin" / name]


def ssh(wire: Wire) -> str:
    """The words of an ssh to a box as root, host keys verified."""
    return f"ssh -F {shlex.quote(str(wire.ssh_config))} -c {CIPHER} -l root"


@dataclass(frozen=True)
class CatSsh:
    """One stream through one ssh, and a hash of what arrived."""

    name = "cat | ssh, then hash"
    proves = "sha256, read back"

    def argv(self, cargo: Cargo, wire: Wire, boxes: Sequence[Box]) -> Sequence[str]:
        """See Leg.argv."""
        there = f"mkdir -p {FOLDER}/set && cat >{FOLDER}/set/blob && {HASH} {FOLDER}/set/blob"
        return shell(f'cat "$@" | {ssh(wire)} {boxes[0].name} "{there}"', *cargo.paths)

    def folder(self, cargo: Cargo) -> str:  # noqa: ARG002 - as Leg
        """See Leg.folder."""
        return f"{FOLDER}/set"


@dataclass(frozen=True)
class Scp:
    """scp, and a hash of what arrived."""

    name = "scp, then hash"
    proves = "sha256, read back"

    def argv(self, cargo: Cargo, wire: Wire, boxes: Sequence[Box]) -> Sequence[str]:
        """See Leg.argv."""
        box, config = boxes[0].name, shlex.quote(str(wire.ssh_config))
        script = (
            f'{ssh(wire)} {box} mkdir {FOLDER}/set; scp -q -F {config} -c {CIPHER} "$@" '
            f"root@{box}:{FOLDER}/set/; {ssh(wire)} {box} '{HASH} {FOLDER}/set/*'"
        )
        return shell(script, *cargo.paths)

    def folder(self, cargo: Cargo) -> str:  # noqa: ARG002 - as Leg
        """See Leg.folder."""
        return f"{FOLDER}/set"


@dataclass(frozen=True)
class Rsync:
    """rsync, whole files."""

    name = "rsync -W"
    proves = "its checksum of the stream"

    def argv(self, cargo: Cargo, wire: Wire, boxes: Sequence[Box]) -> Sequence[str]:
        """See Leg.argv."""
        target = f"{boxes[0].name}:{FOLDER}/set/"
        words = [*program(wire.lab, "rsync"), "-rW", "-e", ssh(wire), f"{cargo.plain}/", target]
        return [str(word) for word in words]

    def folder(self, cargo: Cargo) -> str:  # noqa: ARG002 - as Leg
        """See Leg.folder."""
        return f"{FOLDER}/set"


@dataclass(frozen=True)
class Rclone:
    """rclone over SFTP by its own SSH, four files at a time."""

    name = "rclone sftp"
    proves = "md5, read back"
    known_hosts: Path

    def argv(self, cargo: Cargo, wire: Wire, boxes: Sequence[Box]) -> Sequence[str]:
        """See Leg.argv."""
        box = boxes[0]
        host, port = wire.ssh_port(box.name)
        # It looks for host keys by address, and not by HostKeyAlias.
        key = wire.lab.known_hosts.read_text().split(f"{box.name} ", 1)[1].split("\n")[0]
        self.known_hosts.write_text(f"[{host}]:{port} {key}\n{host} {key}\n")
        sftp = {
            "host": host,
            "port": str(port),
            "user": "root",
            "key-file": str(wire.lab.folder / "client_key"),
            "known-hosts-file": str(self.known_hosts),
        }
        words = [*program(wire.lab, "rclone"), "copy", "--config", "", "--transfers", "4"]
        words += [word for key, value in sftp.items() for word in (f"--sftp-{key}", value)]
        words += [cargo.plain, f":sftp:{FOLDER}/set"]
        return [str(word) for word in words]

    def folder(self, cargo: Cargo) -> str:  # noqa: ARG002 - as Leg
        """See Leg.folder."""
        return f"{FOLDER}/set"
