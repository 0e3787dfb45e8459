"""From a bucket over TLS: a real S3 server on this machine, and what fetches from it on a box."""

from __future__ import annotations

import contextlib
import os
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

from bench.cargo import Cargo, copied
from bench.legs import FOLDER, shell
from bench.legs_peers import HASH, ssh
from bench.tls import Certificate
from bench.wire import Wire
from freehold.lab import Box, Lab
from freehold.weights.s3_client import bucket_client
from freehold.weights.store import blob_name
from tests.bucket_server import bucket_server

BUCKET, PREFIX = "freehold-bench", "store"


@contextlib.contextmanager
def in_bucket(
    cargo: Cargo, lab: Lab, folder: Path, certificate: Certificate
) -> Iterator[tuple[Cargo, Mapping[str, str]]]:
    """The cargo in a bucket of a server at the lab's gateway, and the environment to reach it,
    which is also that of this process for as long as it lasts."""
    tls = (certificate.certificate, certificate.key)
    with bucket_server(folder, tls=tls, address=lab.gateway) as server:
        variables = {**server.environment, "AWS_CA_BUNDLE": str(certificate.certificate)}
        with patch.dict(os.environ, variables):
            bucket_client().create_bucket(Bucket=BUCKET)
            yield copied(cargo, f"s3://{BUCKET}/{PREFIX}"), variables


@dataclass(frozen=True)
class Boto3:
    """boto3 on the box, and a hash of what arrived."""

    name = "boto3, then hash"
    proves = "sha256, read back"
    environment: Mapping[str, str]

    def argv(self, cargo: Cargo, wire: Wire, boxes: Sequence[Box]) -> Sequence[str]:
        """See Leg.argv."""
        there = f"{FOLDER}/set"
        authority = Path(self.environment["AWS_CA_BUNDLE"]).read_text()
        variables = {**self.environment, "AWS_CA_BUNDLE": f"{FOLDER}/ca.pem"}
        pairs = [f"{PREFIX}/{blob_name(f.sha256)}={f.path}" for f in cargo.manifest.files]
        words = ["env", *(f"{name}={value}" for name, value in variables.items())]
        words += ["python3", "-", BUCKET, there, *pairs]
        command = f"printf %s {shlex.quote(authority)} >{FOLDER}/ca.pem; {shlex.join(words)}"
        command += f" && {HASH} {there}/*"
        script = Path(__file__).with_name("fetch_boto3.py")
        line = f"{ssh(wire)} {boxes[0].name} {shlex.quote(command)} <{shlex.quote(str(script))}"
        return shell(line)

    def folder(self, cargo: Cargo) -> str:  # noqa: ARG002 - as Leg
        """See Leg.folder."""
        return f"{FOLDER}/set"
