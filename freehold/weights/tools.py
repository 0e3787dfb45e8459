"""libtorrent for the nodes: its wheels in the store, each by the hash that the kit pins."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from freehold.weights.objects import Objects, StoreError

LOCK = Path(__file__).with_name("libtorrent.lock")  # of PyPI: a line `SHA256  FILE` a wheel
PREFIX = "tools/libtorrent/"


@dataclass(frozen=True)
class Wheel:
    """A build of libtorrent for one Python (`cp311`) on one machine (`x86_64`)."""

    name: str
    sha256: str

    @property
    def version(self) -> str:
        """Of libtorrent."""
        return self.name.split("-")[1]

    @property
    def python(self) -> str:
        """The Python that it is for, as wheels call it."""
        return self.name.split("-")[2]

    @property
    def platform(self) -> str:
        """The first of the platforms that it is for (PEP 600)."""
        return self.name.split("-")[4].partition(".")[0]

    def fits(self, python: str, machine: str) -> bool:
        """Whether this Python on this `uname -m` can load it."""
        return self.python == python and self.platform.endswith(f"_{machine}")


def wheels() -> tuple[Wheel, ...]:
    """All that the kit knows."""
    lines = (line.split() for line in LOCK.read_text().splitlines())
    return tuple(Wheel(name, sha256) for sha256, name in lines)


def wheel_for(objects: Objects, python: str, machine: str) -> Wheel | None:
    """The wheel that fits, if the store has it."""
    fitting = (wheel for wheel in wheels() if wheel.fits(python, machine))
    return next((w for w in fitting if objects.size_bytes(PREFIX + w.name) is not None), None)


def read_wheel(objects: Objects, wheel: Wheel) -> bytes:
    """Its bytes. Raises StoreError where they are not those that the kit pins."""
    content = b"".join(objects.stream(PREFIX + wheel.name))
    found = hashlib.sha256(content).hexdigest()
    if found != wheel.sha256:
        raise StoreError.of(
            f"{objects.place}/{PREFIX}{wheel.name}",
            f"expected sha256 {wheel.sha256}\nfound    sha256 {found}",
            "fab weights.tools",
        )
    return content


def put_wheels(objects: Objects, folder: Path, on_bytes: Callable[[int], None]) -> list[Wheel]:
    """Put the wheels that lie in `folder` into the store; those that are none of ours stay out.

    Raises StoreError where there is none, or one is not what the kit pins.
    """
    found = [wheel for wheel in wheels() if (folder / wheel.name).is_file()]
    if not found:
        raise StoreError.of(
            str(folder),
            f"expected wheels of libtorrent {wheels()[0].version}, found none",
            "fab weights.tools downloads them",
        )
    for wheel in found:
        objects.put_file(PREFIX + wheel.name, folder / wheel.name, wheel.sha256, on_bytes)
    return found


def download_wheels(folder: Path, wanted: tuple[Wheel, ...]) -> None:
    """Fetch wheels by pip, from wherever it is set up to, each by its hash. Raises StoreError."""
    for wheel in wanted:
        with tempfile.NamedTemporaryFile("w", suffix=".txt") as lock:
            lock.write(f"libtorrent=={wheel.version} --hash=sha256:{wheel.sha256}\n")
            lock.flush()
            pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
            pip += ["--only-binary=:all:", "--implementation=cp", f"--abi={wheel.python}"]
            pip += [f"--python-version={wheel.python.removeprefix('cp')}"]
            pip += [f"--platform={wheel.platform}", "--require-hashes", "-r", lock.name]
            done = subprocess.run(
                [*pip, "-d", str(folder)],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                check=False,
            )
        if done.returncode:
            said = done.stderr.strip().splitlines()[-3:]
            raise StoreError.of(
                wheel.name,
                "\n".join(["expected to download it with pip, got", *said]),
                "where there is no network: fab weights.tools --wheels FOLDER",
            )
