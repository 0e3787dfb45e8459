"""How long sizing takes from the catalogue, and from the header of a model behind HTTP."""

from __future__ import annotations

import re
import statistics
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from bench.sizing_cases import GLM
from bench.sizing_rows import Speed
from freehold.catalog.instances import instance_hardware, instances
from freehold.catalog.models import catalogue_header, known_model
from freehold.gguf.read import read_model
from freehold.sizing.choose import lay_out
from freehold.sizing.shape import shape_of
from freehold.sizing.wishes import Wishes
from tests.engine.catalogued import write_catalogued

CATALOGUE_GOAL_S = 0.05
_QUANT = "UD-IQ2_M"


def speeds() -> list[Speed]:
    """In this process, without what its imports take."""
    return [*_from_catalogue(), _over_http()]


def _from_catalogue() -> Iterator[Speed]:
    wishes = Wishes(131072)
    for name in ("g6e.48xlarge", "p5.48xlarge"):
        hardware = instance_hardware(instances()[name])
        quants = [quant.name for quant in known_model(GLM)[0].quants]
        samples = []
        for quant in quants:  # each but once: the catalogue remembers what it has made
            began = time.perf_counter()
            lay_out(shape_of(catalogue_header(GLM, quant)), hardware, wishes)
            samples.append(time.perf_counter() - began)
        what = f"size {GLM} from the catalogue on {name}"
        told = f"median of its {len(quants)} quants; the slowest {max(samples) * 1e3:.0f} ms"
        yield Speed(what, statistics.median(samples), CATALOGUE_GOAL_S, told)


def _over_http() -> Speed:
    quant = known_model(GLM)[0].quant(_QUANT)
    with tempfile.TemporaryDirectory(prefix="freehold-bench-", dir="/var/tmp") as folder:
        first = write_catalogued(GLM, _QUANT, Path(folder, "model.gguf"), quant.shards)
        with _serving(Path(folder)) as (url, requests):
            began = time.perf_counter()
            header = read_model(f"{url}/{first.name}")
            took_s = time.perf_counter() - began
    told = (
        f"{len(requests)} requests, {sum(requests) / 1e6:.1f} MB "
        f"of {sum(shard.size_bytes for shard in header.shards) / 1e9:.1f} GB"
    )
    return Speed(f"a header of {quant.shards} shards over HTTP, loopback", took_s, None, told)


@contextmanager
def _serving(folder: Path) -> Iterator[tuple[str, list[int]]]:
    """The URL of a folder behind a server with ranges, and the bytes of each answer so far."""
    answered: list[int] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            path = folder / Path(self.path).name
            size = path.stat().st_size
            found = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers["Range"])
            assert found is not None  # noqa: S101 - our own reader asks
            begin, end = int(found[1]), min(int(found[2]), size - 1)
            with path.open("rb") as file:
                file.seek(begin)
                body = file.read(end - begin + 1)
            answered.append(len(body))
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {begin}-{end}/{size}")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Nobody reads it."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}", answered
        finally:
            server.shutdown()
            thread.join()
