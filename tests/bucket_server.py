"""A real S3 server on this machine: versitygw, built by `bin/setup --lab`."""

from __future__ import annotations

import contextlib
import os
import re
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.deadline import in_time

ROOT = Path(__file__).parents[1]
ACCESS_KEY, SECRET_KEY = "the-tests", "no secret of anybody"


@dataclass(frozen=True)
class BucketServer:
    """`environment` is what leads a client of S3 to it."""

    endpoint: str
    folder: Path

    @property
    def environment(self) -> dict[str, str]:
        return {
            "AWS_ENDPOINT_URL_S3": self.endpoint,
            "AWS_ACCESS_KEY_ID": ACCESS_KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_CONFIG_FILE": "/nowhere",
            "AWS_SHARED_CREDENTIALS_FILE": "/nowhere",
            "AWS_EC2_METADATA_DISABLED": "true",
        }


def program() -> Path:
    """Fails where it was not built: a test of buckets without it would prove nothing."""
    lock = (ROOT / "tools/versitygw/go.mod").read_text()
    found = re.search(r"github\.com/versity/versitygw v(\S+)", lock)
    assert found is not None
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    path = cache / f"freehold/versitygw-{found[1]}/versitygw"
    assert path.is_file(), f"{path} is not there: bin/setup --lab builds it"
    return path


@contextlib.contextmanager
def bucket_server(
    folder: Path, *, tls: tuple[Path, Path] | None = None, address: str = "127.0.0.1"
) -> Iterator[BucketServer]:
    """It keeps its objects in `folder`; with `tls`, a certificate and its key, it speaks HTTPS.

    `address` is what it listens at: boxes reach a lab's gateway.
    """
    with socket.socket() as free:
        free.bind((address, 0))
        port = free.getsockname()[1]
    (folder / "buckets").mkdir(parents=True)
    (folder / "versions").mkdir()
    argv = [program(), "--quiet", "--keep-alive", "--port", f"{address}:{port}"]
    argv += ["--cert", tls[0], "--key", tls[1]] if tls else []
    argv += ["posix", "--versioning-dir", folder / "versions", folder / "buckets"]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            argv,
            stdout=log,
            stderr=subprocess.STDOUT,
            env={"ROOT_ACCESS_KEY": ACCESS_KEY, "ROOT_SECRET_KEY": SECRET_KEY},
        )
    try:

        def answers() -> bool:
            with contextlib.suppress(OSError), socket.create_connection((address, port), 1):
                return True
            return process.poll() is not None

        assert in_time(answers)
        assert process.poll() is None, (folder / "log").read_text()[-2000:]
        yield BucketServer(f"http{'s' if tls else ''}://{address}:{port}", folder)
    finally:
        process.terminate()
        process.wait()
