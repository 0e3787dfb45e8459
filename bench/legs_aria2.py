"""aria2 on the box: ranges over HTTPS, every piece held against the hash that a metalink has."""

from __future__ import annotations

import hashlib
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import escape

from bench.cargo import BLOCK_BYTES, Cargo
from bench.legs import FOLDER, shell
from bench.legs_peers import program, ssh
from bench.tls import Certificate
from bench.wire import Wire
from freehold.lab import Box

# The server is one of the sending processes; it ends with the script, whichever way that ends.
_SCRIPT = """
"$@" & server=$!
trap 'kill $server' EXIT
until (exec 3<>/dev/tcp/%s/%d) 2>/dev/null; do kill -0 $server; sleep 0.02; done
"""


@dataclass(frozen=True)
class Aria2:
    """By two connections a file, four files at a time, from rclone's own server."""

    name = "aria2, metalink"
    proves = "sha256 of pieces"
    folder_here: Path
    certificate: Certificate

    def argv(self, cargo: Cargo, wire: Wire, boxes: Sequence[Box]) -> Sequence[str]:
        """See Leg.argv."""
        metalink = self._metalink(cargo, wire.service)
        authority = shlex.quote(self.certificate.certificate.read_text())
        there = (
            f"printf %s {authority} >{FOLDER}/ca.pem && aria2c --quiet -M - -d {FOLDER}/set "
            f"--ca-certificate={FOLDER}/ca.pem --file-allocation=none -j 4 -x 2 -s 2 "
            "--min-split-size=4M --disable-ipv6 --no-conf"
        )
        server = [*program(wire.lab, "rclone"), "serve", "http", "--config", ""]
        server += ["--addr", f"{wire.lab.gateway}:{wire.service_port}", "--read-only"]
        server += ["--cert", self.certificate.certificate, "--key", self.certificate.key]
        serve = _SCRIPT % (wire.lab.gateway, wire.service_port)
        script = f"{serve}{ssh(wire)} {boxes[0].name} {shlex.quote(there)} <{metalink}"
        return shell(script, *server, cargo.plain)

    def folder(self, cargo: Cargo) -> str:  # noqa: ARG002 - as Leg
        """See Leg.folder."""
        return f"{FOLDER}/set"

    def _metalink(self, cargo: Cargo, service: str) -> str:
        """A file by RFC 5854 with the hash of every piece; the quoted path of it."""
        place = self.folder_here / f"{cargo.manifest.name}-{service.replace(':', '-')}.meta4"
        if not place.exists():
            files = "".join(_file(path, f"https://{service}/{path.name}") for path in cargo.paths)
            place.write_text(
                f'<metalink xmlns="urn:ietf:params:xml:ns:metalink">{files}</metalink>'
            )
        return shlex.quote(str(place))


def _file(path: Path, url: str) -> str:
    with path.open("rb") as shard:
        blocks = iter(lambda: shard.read(BLOCK_BYTES), b"")
        hashes = "".join(f"<hash>{hashlib.sha256(block).hexdigest()}</hash>" for block in blocks)
    pieces = f'<pieces length="{BLOCK_BYTES}" type="sha-256">{hashes}</pieces>'
    size = f"<size>{path.stat().st_size}</size>"
    return f'<file name="{path.name}">{size}{pieces}<url>{escape(url)}</url></file>'
