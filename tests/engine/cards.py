"""Stand-in graphics cards: ggml-rpc-server processes on this machine with the memory of a card."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from freehold.sizing.hardware import Backend, Device
from freehold.sizing.wishes import MIB
from tests.deadline import in_time
from tests.engine.parts import PRELOAD, RPC_SERVER


@dataclass(frozen=True)
class Cards:
    """Those that run, in the engine's order: card N is its device RPCN."""

    endpoints: tuple[str, ...]
    processes: tuple[subprocess.Popen[bytes], ...]
    memory_bytes: tuple[int, ...]

    @property
    def flags(self) -> tuple[tuple[str, ...], ...]:
        """What makes the engine use them."""
        return (("--rpc", ",".join(self.endpoints)),) if self.endpoints else ()

    @property
    def devices(self) -> tuple[Device, ...]:
        """As sizing sees them."""
        return tuple(
            Device(
                f"RPC{n}",
                "stand-in",
                memory,
                memory,
                backend=Backend.RPC,
                buffer_type=buffer_type(endpoint),
            )
            for n, (endpoint, memory) in enumerate(
                zip(self.endpoints, self.memory_bytes, strict=True)
            )
        )

    def end(self, number: int) -> None:
        """Take one away; its endpoint stays in `flags`."""
        _end(self.processes[number])


def buffer_type(endpoint: str) -> str:
    """What --override-tensor calls the memory behind an endpoint: each counts its own devices."""
    return f"RPC0[{endpoint}]"


@contextlib.contextmanager
def cards(engine: Path, memory_mib: Sequence[int]) -> Iterator[Cards]:
    """One card for each size, on the loopback, ended with the block or with this process."""
    with contextlib.ExitStack() as stack:
        running = [stack.enter_context(_card(engine, mib)) for mib in memory_mib]
        yield Cards(
            tuple(endpoint for endpoint, _ in running),
            tuple(process for _, process in running),
            tuple(mib * MIB for mib in memory_mib),
        )


@contextlib.contextmanager
def _card(engine: Path, memory_mib: int) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    environment = {
        "PATH": os.environ["PATH"],
        "LD_PRELOAD": str(engine / PRELOAD),
        "FH_CARD_MIB": str(memory_mib),
    }
    for _attempt in range(5):
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        process = subprocess.Popen(
            [engine / RPC_SERVER, "--host", "127.0.0.1", "--port", str(port), "--threads", "1"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=environment,
        )
        try:
            if in_time(lambda p=process, at=port: p.poll() is not None or _answers(at)) and (
                process.poll() is None
            ):
                yield f"127.0.0.1:{port}", process
                return
        finally:
            _end(process)
    raise RuntimeError(f"{RPC_SERVER} did not come up in {engine}")


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()


def _answers(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False
