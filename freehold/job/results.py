"""What a job has found: brought home file by file, each held against its hash on the node."""

from __future__ import annotations

import hashlib
import shutil
import tarfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from freehold.errors import FreeholdError
from freehold.hosts.command import Command
from freehold.hosts.host import Host, HostError, UnreachableError, run_or_raise
from freehold.hosts.talk import CutOffError
from freehold.job.job import Job
from freehold.weights.objects import CHUNK_BYTES

SUMS = "SHA256SUMS"
ROUNDS_MAX = 5


@dataclass(frozen=True)
class ResultFile:
    """One file of the results; `path` is relative to their folder, with forward slashes."""

    path: str
    sha256: str


def results_of(host: Host, job: Job) -> tuple[ResultFile, ...]:
    """The files that the node's job has left, by name. What is no file is none of them.

    Raises HostError for a name that cannot be had here.
    """
    script = (
        # The job may have put a link in the folder's place: what is behind it is not its own.
        f"[ ! -L {job.results} ] && cd {job.results} 2>/dev/null || exit 0\n"
        "find . -type f -print0 | sort -z | xargs -0 -r sha256sum -b -z"
    )
    said = run_or_raise(host, Command(script, "hashing the results"))
    found = []
    for line in filter(None, said.split("\0")):
        sha256, _, path = line.partition(" *./")
        known = PurePosixPath(path)
        is_within = path == str(known) != "." and ".." not in known.parts and path[0] != "/"
        if "\ufffd" in path or not is_within:
            message = f"results: expected a path within them, in UTF-8, got {path!r}"
            raise HostError.of(host.name, message)
        found.append(ResultFile(path, sha256))
    return tuple(found)


def fetch(
    host: Host,
    job: Job,
    home: Path,
    on_lost: Callable[[str], object],
    pause: Callable[[float], object],
) -> tuple[ResultFile, ...]:
    """Bring the results into the folder `home`; what they are. A file that is there already with
    its hash stays as it is.

    A file is under its name only once its bytes are the node's: what a lost connection cut off is
    asked for again, after a `pause` in seconds and telling `on_lost` why. Raises HostError where
    that has not helped.
    """
    why = ""
    for attempt in range(ROUNDS_MAX):
        if attempt:
            on_lost(why)
            pause(2.0**attempt)
        try:
            found = results_of(host, job)
            left = [each for each in found if not _is_here(each, home)]
            if left:
                why = _copied(host, job, left, home)
                left = [each for each in left if not _is_here(each, home)]
            if not left:
                return found
        except UnreachableError as error:
            if host.is_cancelled:
                raise
            why = error.problems[0].message.splitlines()[0]
        except (CutOffError, tarfile.ReadError):
            why = "the connection was lost"
    raise HostError.of(
        host.name, f"results: expected them as on the node in {ROUNDS_MAX} rounds, got {why}"
    )


def sums_text(found: Sequence[ResultFile]) -> str:
    """The list that `sha256sum -c` takes, as it writes it."""
    return "".join(_sum_line(each) for each in sorted(found, key=lambda each: each.path))


def hash_of(path: Path) -> str:
    """A file's SHA-256 in hex. Raises OSError."""
    with path.open("rb") as source:
        return hashlib.file_digest(source, "sha256").hexdigest()


def results_in(home: Path) -> tuple[ResultFile, ...]:
    """The files that lie in a folder here, by name.

    Raises FreeholdError for a name that is no text.
    """
    files = (path for path in home.rglob("*") if path.is_file() and not path.is_symlink())
    found = {path.relative_to(home).as_posix(): path for path in files}
    for name in found:
        if any("\udc80" <= each <= "\udcff" for each in name):  # see PEP 383
            raise FreeholdError.of(str(home), f"expected a path in UTF-8, got {name!r}")
    return tuple(ResultFile(name, hash_of(found[name])) for name in sorted(found))


def _sum_line(each: ResultFile) -> str:
    # Source: sha256sum(1) of GNU coreutils, "a \\ at the start of the line".
    escaped = each.path.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r")
    return f"{'' if escaped == each.path else chr(92)}{each.sha256}  {escaped}\n"


def _is_here(each: ResultFile, home: Path) -> bool:
    path = home / each.path
    return path.is_file() and not path.is_symlink() and hash_of(path) == each.sha256


def _copied(host: Host, job: Job, wanted: Sequence[ResultFile], home: Path) -> str:
    """One tar of them all; what was wrong with it, "" if nothing."""
    names = b"".join(f"./{each.path}\0".encode() for each in wanted)
    script = (
        f"list={job.folder}/wanted && head -c {len(names)} >$list && cd {job.results} && "
        "tar --null --no-recursion --verbatim-files-from --hard-dereference -T $list -cf -"
    )
    hashes, wrong = {each.path: each.sha256 for each in wanted}, ""
    # Beside the folder: within it every name may be a result's.
    partial = home.with_name(f".{home.name}.partial")
    with host.talk(Command(script, "copying the results", takes_input=True)) as talk:
        talk.send(names)
        with tarfile.open(fileobj=talk.stdout, mode="r|") as tar:
            for member in tar:
                path = member.name.removeprefix("./")
                source = tar.extractfile(member) if member.isreg() else None
                # A name that was not asked for leads nowhere here.
                if source is None or path not in hashes:
                    wrong = f"another thing than a file at {path!r}"
                elif not _kept(source, home / path, hashes[path], partial):
                    wrong = f"other bytes than its hash has, in {path}"
    return wrong


def _kept(source: IO[bytes], path: Path, sha256: str, partial: Path) -> bool:
    """Write it as `partial` and rename it, if it is what was asked for."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with partial.open("wb") as out:
            shutil.copyfileobj(source, out, CHUNK_BYTES)
        if hash_of(partial) != sha256:
            return False
        partial.replace(path)
        return True
    finally:
        partial.unlink(missing_ok=True)
