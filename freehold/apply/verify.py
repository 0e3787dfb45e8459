"""Is every byte on a box what its manifest says: the files themselves are read and hashed."""

from __future__ import annotations

from shlex import quote

from freehold.apply.sync import LIBRARY, sum_lines
from freehold.errors import Problem
from freehold.hosts.command import Command
from freehold.hosts.host import Host, HostError, run_or_raise
from freehold.weights.manifest import Manifest


def verify_on_node(host: Host, manifest: Manifest) -> None:
    """Raises HostError naming every file that is missing or damaged."""
    script = f"{LIBRARY}\nverify {quote(manifest.node_folder)} <<'.'\n{sum_lines(manifest)}\n."
    output = run_or_raise(host, Command(script, f"verifying {manifest.name}"))
    found = {
        path: sha256 for sha256, _, path in (line.partition(" ") for line in output.splitlines())
    }
    problems = [
        Problem(
            host.name,
            f"{manifest.node_folder}/{file.path}\n"
            f"expected sha256 {file.sha256}\nfound    {found.get(file.path, 'nothing')}",
            f"fab -H {host.name} weights.sync fetches it again",
        )
        for file in manifest.files
        if found.get(file.path) != file.sha256
    ]
    if problems:
        raise HostError(problems)
