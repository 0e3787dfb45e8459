"""The provider's process: started by the engine for each operation, ended with it."""

from __future__ import annotations

import ctypes
import importlib.util
import os
import signal
import sys
import types
from concurrent.futures import ThreadPoolExecutor

import grpc

# Each call of the engine waits in a thread of its own; they wait for boxes, not for processors.
THREADS = 256
MESSAGE_BYTES = 64 << 20


def main() -> None:
    """Serve until the engine ends this process, or ends itself."""
    _end_with_parent()
    _bare_sdk()
    from pulumi.runtime.proto import provider_pb2_grpc

    from freehold.infra.engine_log import EngineLog
    from freehold.infra.servicer import Servicer

    server = grpc.server(
        ThreadPoolExecutor(THREADS),
        options=[
            ("grpc.max_receive_message_length", MESSAGE_BYTES),
            ("grpc.max_send_message_length", MESSAGE_BYTES),
        ],
    )
    servicer = Servicer(EngineLog(sys.argv[1] if len(sys.argv) > 1 else None))
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    print(port, flush=True)  # the protocol: the first line of stdout is the port

    # A pipe, because several signals may come at once: setting an Event in a handler that
    # interrupts its own waiter, or another handler, waits for ever.
    ended, end = os.pipe()
    # The engine calls Cancel and then sends SIGINT, to this process's own group: a person's Ctrl-C
    # reaches the engine alone. SIGTERM comes when the engine was killed.
    for ending in (signal.SIGINT, signal.SIGTERM):
        signal.signal(ending, lambda *_: os.write(end, b"."))
    os.read(ended, 1)
    servicer.close()
    os._exit(0)  # calls that still wait for a box have nobody left to answer to


def _bare_sdk() -> None:
    """Have `pulumi.runtime.proto` without the SDK around it, whose import takes half a second.

    A provider needs the protocol's generated modules alone; every `pulumi up` waits for it.
    """
    found = importlib.util.find_spec("pulumi")
    if found is None or not found.submodule_search_locations:
        return
    for name in ("pulumi", "pulumi.runtime", "pulumi.runtime.proto"):
        package = types.ModuleType(name)
        inner = name.removeprefix("pulumi").replace(".", "/")
        package.__path__ = [f"{found.submodule_search_locations[0]}{inner}"]
        sys.modules[name] = package


def _end_with_parent() -> None:
    """A killed engine must not leave a provider behind that goes on changing boxes."""
    if sys.platform == "linux":
        pr_set_pdeathsig = 1
        ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGTERM)


if __name__ == "__main__":
    main()
