"""A store's objects as the files of a server's folder, over SSH and as the user who connects."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from shlex import quote

from freehold.errors import Problem
from freehold.hosts.command import Command
from freehold.hosts.host import Host, HostError, UnreachableError
from freehold.hosts.talk import CutOffError
from freehold.weights.objects import CHUNK_BYTES, Listed, StoreError, TakenError, require_name

LIBRARY = Path(__file__).with_name("ssh_store.sh").read_text()


class SshObjects:
    """`folder` is absolute on `host` and must be there; `place` is how the store is called."""

    def __init__(self, host: Host, folder: str, place: str) -> None:
        self._host, self._folder = host, folder
        self.place = place

    def is_there(self, *, is_made: bool = False) -> bool:
        """Whether the folder is, after it was made where `is_made`."""
        folder = quote(self._folder)
        make = f"mkdir -p {folder} && " if is_made else ""
        with self._told(""):
            script = f"{make}{{ [ ! -d {folder} ] || echo there; }}"
            return self._said(Command(script, "looking for the store", root=False)) == "there\n"

    def names(self, prefix: str) -> list[str]:
        """See Objects.names."""
        return [each.name for each in self.listed(prefix)]

    def listed(self, prefix: str) -> list[Listed]:
        """See Objects.listed."""
        with self._told(prefix):
            top = prefix.rpartition("/")[0]
            folder = f"./{require_name(self.place, top)}" if top else "."
            now, *lines = self._ask(f"list {quote(folder)}", "listing").splitlines()
            found = []
            for size, written, path in (line.split(" ", 2) for line in lines if line):
                name = path.removeprefix("./")
                if name.startswith(prefix):
                    found.append(Listed(name, int(size), int(now) - int(written)))
        return sorted(found, key=lambda each: each.name)

    def size_bytes(self, name: str) -> int | None:
        """See Objects.size_bytes."""
        with self._told(name):
            said = self._ask(f"size {self._path(name)}", "reading").strip()
            return int(said) if said else None

    def stream(self, name: str, offset: int = 0, size_bytes: int | None = None) -> Iterator[bytes]:
        """See Objects.stream: one command, however much it is."""
        script = f"read_from {self._path(name)} {offset}"
        if size_bytes is not None:
            # A shell reads a line from a pipe byte by byte: `head` counts what follows it.
            script = f"{script} | {{ read -r line; echo $line; head -c {size_bytes}; }}"
        left = size_bytes
        with self._told(name), self._host.talk(self._command(script, "reading")) as talk:
            if talk.line() != "here":
                raise self._wrong(name, "expected it in the store, found nothing")
            while left != 0:
                wanted = CHUNK_BYTES if left is None else min(CHUNK_BYTES, left)
                chunk = talk.stdout.read(wanted)
                if not chunk:
                    break
                left = None if left is None else left - len(chunk)
                yield chunk

    def put(self, name: str, content: bytes, *, is_new: bool = False) -> None:
        """See Objects.put."""
        script = f"put {self._path(name)} {len(content)} {'ln' if is_new else 'mv'}"
        with self._told(name):
            said = self._said(self._command(script, "writing"), content)
        if said != "put\n":
            raise TakenError.of(f"{self.place}/{name}", "expected a new name, it is taken")

    def put_file(
        self,
        name: str,
        source: Path,
        sha256: str,
        on_bytes: Callable[[int], None],
        *,
        is_mine: bool = False,  # noqa: ARG002 - it cannot be moved to another machine
    ) -> None:
        """See Objects.put_file."""
        path = self._path(name)
        with self._told(name):
            if self._ask(f"has {path} {sha256}", "looking for it"):
                return
            script = f"put_file {path} {sha256}"
            with (
                source.open("rb", buffering=0) as file,
                self._host.talk(self._command(script, "writing")) as talk,
            ):
                sent, size = 0, os.fstat(file.fileno()).st_size
                while sent < size:
                    count = talk.send_file(file.fileno(), sent, min(CHUNK_BYTES, size - sent))
                    if not count:
                        break
                    sent += count
                    on_bytes(count)

    def delete(self, name: str) -> None:
        """See Objects.delete."""
        with self._told(name):
            self._ask(f"rm -f {self._path(name)}", "removing")

    def url(self, name: str, expires_s: int) -> None:  # noqa: ARG002 - of the protocol
        """See Objects.url: none."""
        return

    def local_path(self, name: str) -> None:  # noqa: ARG002 - of the protocol
        """See Objects.local_path: none."""
        return

    def _path(self, name: str) -> str:
        return quote(f"./{require_name(self.place, name)}")

    def _command(self, script: str, description: str) -> Command:
        whole = f"{LIBRARY}\ncd {quote(self._folder)}\n{script}"
        return Command(whole, f"{description} there", takes_input=True, root=False)

    def _ask(self, script: str, description: str) -> str:
        return self._said(self._command(script, description))

    def _said(self, command: Command, content: bytes = b"") -> str:
        done = self._host.run(command, [content])
        if done.exit_status:
            last = done.stderr.strip().splitlines()[-5:]
            message = "\n".join([f"{command.description}: exit {done.exit_status}", *last])
            raise HostError.of(self._host.name, message)
        return done.stdout

    def _wrong(self, name: str, message: str) -> StoreError:
        return StoreError.of(f"{self.place}/{name}".rstrip("/"), message)

    @contextlib.contextmanager
    def _told(self, name: str) -> Iterator[None]:
        """What the server refuses, as the store's error about this object."""
        place = f"{self.place}/{name}".rstrip("/")
        try:
            yield
        except UnreachableError as error:
            raise StoreError(Problem(place, p.message, p.hint) for p in error.problems) from None
        except HostError as error:  # its hint is for a node
            raise StoreError(Problem(place, p.message) for p in error.problems) from None
        except CutOffError:
            raise StoreError.of(place, "the server ended before it had answered") from None
        except OSError as error:
            raise StoreError.of(str(error.filename or place), f"{error.strerror}") from None
