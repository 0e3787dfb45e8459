"""A file on another host, read by a shell script there."""

from __future__ import annotations

import base64
import shlex
import zlib

from freehold.gguf.error import GgufError
from freehold.hosts.command import Command
from freehold.hosts.host import Host

_GZIP = 16 + zlib.MAX_WBITS  # zlib.h: decode the gzip format only

# What is common to GNU, BusyBox and BSD. The size is the first line, since `read` is told less
# than it asked for only where the file ends.
_SCRIPT = """\
f={path}
if [ ! -f "$f" ]; then echo "no such file: $f" >&2; exit 1; fi
stat -L -c %s -- "$f" 2>/dev/null || stat -L -f %z -- "$f" || exit
tail -c +{first} -- "$f" | head -c {count} | gzip -1 | base64
"""


class HostSource:
    """`path` is absolute there. It is read as the user who connects, root or not."""

    def __init__(self, host: Host, path: str) -> None:
        self._host, self._path = host, path
        self.place = f"{host.name}:{path}"
        self._size: int | None = None

    def size_bytes(self) -> int | None:
        """See ByteSource.size_bytes."""
        return self._size

    def read(self, offset: int, count: int) -> bytes:
        """See ByteSource.read. Raises HostError where the host cannot be asked."""
        script = _SCRIPT.format(path=shlex.quote(self._path), first=offset + 1, count=count)
        result = self._host.run(Command(script, f"read {self._path}", root=False))
        if result.exit_status:
            raise GgufError.of(self.place, f"expected a GGUF file, got: {result.stderr.strip()}")
        size, _, encoded = result.stdout.partition("\n")
        try:
            self._size = int(size)
            # No more than was asked for, whatever it would unpack to.
            data = zlib.decompressobj(_GZIP).decompress(base64.b64decode(encoded), count)
        except (ValueError, zlib.error) as error:
            raise self._unreadable(f"{error}", result.stderr) from None
        wanted = max(0, min(count, self._size - offset))
        if len(data) != wanted:
            raise self._unreadable(f"{len(data)} bytes, not {wanted}", result.stderr)
        return data

    def _unreadable(self, found: str, stderr: str) -> GgufError:
        lines = [f"expected the file's bytes, got {found}", *stderr.strip().splitlines()[-5:]]
        return GgufError.of(self.place, "\n".join(lines))
