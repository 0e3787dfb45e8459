"""Ask a build for its `--help` on a node, where this machine cannot run it."""

from __future__ import annotations

import tarfile
import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from freehold.hosts.command import Command
from freehold.hosts.host import Host
from freehold.weights.objects import CHUNK_BYTES
from freehold.weights.put import HELP_TIMEOUT_S, help_of

# As its user: it is a program that nobody has seen yet. Root hands it to nobody.
_SCRIPT = f"""\
set -eu
folder=$(mktemp -d /var/tmp/freehold-help.XXXXXX)
trap 'rm -rf "$folder"' EXIT
trap 'exit 1' HUP INT TERM
tar -C "$folder" --no-same-owner -xf -
chmod 755 "$folder"
set --
if [ "$(id -u)" = 0 ]; then
  set -- setpriv --reuid=65534 --regid=65534 --clear-groups --no-new-privs
fi
cd "$folder"
env -i PATH="$PATH" HOME="$folder" timeout {HELP_TIMEOUT_S} "$@" "$folder/$entry" --help </dev/null
"""


def ask_help_on(host: Host, entry: Path, paths: Sequence[Path]) -> str:
    """What the build prints there; nothing of it stays. `paths` lie in the folder of `entry`.

    Raises PutError where it does not run, HostError as the host.
    """
    with tempfile.TemporaryFile(dir="/var/tmp") as packed:
        with tarfile.open(fileobj=packed, mode="w", dereference=True) as tar:
            for path in paths:
                info = tar.gettarinfo(path, path.relative_to(entry.parent).as_posix())
                info.mode = 0o755
                # Two names of one file are two files there too.
                info.type, info.size = tarfile.REGTYPE, path.stat().st_size
                with path.open("rb") as source:
                    tar.addfile(info, source)
        packed.seek(0)
        command = Command(
            f"entry={entry.name}\n{_SCRIPT}",
            "asking the build for its --help",
            takes_input=True,
            root=False,
        )
        done = host.run(command, iter(partial(packed.read, CHUNK_BYTES), b""))
    return help_of(f"{host.name}: {entry.name}", done.exit_status, done.stdout, done.stderr)
