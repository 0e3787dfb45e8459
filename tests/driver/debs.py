"""Small real packages, and flat apt repositories of them, signed by a key of the tests' own."""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from email.utils import formatdate
from pathlib import Path

STANDINS = Path(__file__).with_name("standins")


@dataclass(frozen=True)
class Deb:
    """`files` are texts by path, those in a bin or sbin executable; a text "-> X" is a link to X.
    `scripts` are the maintainer's: postinst, prerm."""

    name: str
    version: str
    files: Mapping[str, str] = field(default_factory=dict)
    scripts: Mapping[str, str] = field(default_factory=dict)
    control: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class SigningKey:
    """An OpenPGP key in a folder of its own."""

    home: Path
    fingerprint: str

    @classmethod
    def make(cls, home: Path) -> SigningKey:
        home.mkdir(mode=0o700)
        _gpg(
            home, "--quick-gen-key", "--passphrase", "", "lab <lab@example.org>", "ed25519", "sign"
        )
        listed = _gpg(home, "--with-colons", "--list-keys")
        line = next(line for line in listed.splitlines() if line.startswith("fpr:"))
        return cls(home, line.split(":")[9])

    @property
    def public(self) -> str:
        return _gpg(self.home, "--armor", "--export")

    def close(self) -> None:
        """End the agent that gpg started."""
        argv = ["gpgconf", "--homedir", str(self.home), "--kill", "all"]
        subprocess.run(argv, check=True, capture_output=True)

    def sign(self, text: str) -> str:
        return _gpg(self.home, "--clearsign", stdin=text)


def write_repository(folder: Path, debs: Sequence[Deb], key: SigningKey, origin: str) -> None:
    """A flat one: packages, Packages, and InRelease."""
    folder.mkdir(parents=True)
    stanzas = [_stanza(_build(folder, deb)) for deb in debs]
    packages = "\n".join(stanzas)
    (folder / "Packages").write_text(packages)
    digest = hashlib.sha256(packages.encode()).hexdigest()
    release = (
        f"Origin: {origin}\nLabel: {origin}\nDate: {formatdate(usegmt=True)}\n"
        f"SHA256:\n {digest} {len(packages.encode())} Packages\n"
    )
    (folder / "InRelease").write_text(key.sign(release))


def _build(folder: Path, deb: Deb) -> tuple[Path, str]:
    root = folder / "root"
    control = {
        "Package": deb.name,
        "Version": deb.version,
        "Architecture": "all",
        "Maintainer": "lab <lab@example.org>",
        "Description": "a stand-in",
        **deb.control,
    }
    text = "".join(f"{name}: {value}\n" for name, value in control.items())
    (root / "DEBIAN").mkdir(parents=True)
    (root / "DEBIAN/control").write_text(text)
    for name, script in deb.scripts.items():
        path = root / "DEBIAN" / name
        path.write_text(f"#!/bin/sh\nset -e\n{script}\n")
        path.chmod(0o755)
    for name, content in deb.files.items():
        path = root / name.lstrip("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        if content.startswith("-> "):
            path.symlink_to(content.removeprefix("-> "))
            continue
        path.write_text(content)
        path.chmod(0o755 if path.parent.name in ("bin", "sbin") else 0o644)
    for each in root.rglob("*"):
        if each.is_dir():
            each.chmod(0o755)
    place = folder / f"{deb.name}_{deb.version}_all.deb"
    argv = ["dpkg-deb", "--root-owner-group", "-Znone", "--build", str(root), str(place)]
    subprocess.run(argv, check=True, capture_output=True)
    subprocess.run(["rm", "-r", str(root)], check=True)
    return place, text


def _stanza(built: tuple[Path, str]) -> str:
    place, control = built
    data = place.read_bytes()
    digest = hashlib.sha256(data).hexdigest()
    return f"{control}Filename: ./{place.name}\nSize: {len(data)}\nSHA256: {digest}\n"


def _gpg(home: Path, *arguments: str, stdin: str = "") -> str:
    argv = ["gpg", "--homedir", str(home), "--batch", "--quiet", "--pinentry-mode", "loopback"]
    done = subprocess.run(
        [*argv, *arguments], input=stdin, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
