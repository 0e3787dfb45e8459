"""A certificate for what this machine serves to the boxes while the bench lasts."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from freehold.lab.root import run


@dataclass(frozen=True)
class Certificate:
    """PEM files: the certificate, which is its own authority, and its key."""

    certificate: Path
    key: Path


def self_signed(folder: Path, address: str) -> Certificate:
    """A new one for an IP address, good for a day."""
    made = Certificate(folder / "service.crt", folder / "service.key")
    argv = ["openssl", "req", "-x509", "-nodes", "-days", "1", "-subj", f"/CN={address}"]
    argv += ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    argv += ["-addext", f"subjectAltName=IP:{address}"]
    run("bench", [*argv, "-keyout", str(made.key), "-out", str(made.certificate)])
    return made
