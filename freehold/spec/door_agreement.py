"""What a door and the servers behind it must agree on: addresses, ports, and whose a key is."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping
from typing import Any

from freehold.spec.document import Document, show
from freehold.spec.door import Door
from freehold.spec.schema import Location, path_of


def report_door(values: Mapping[str, Any], document: Document) -> None:
    """Add a problem for each; a value of the wrong type is a problem of its own."""
    door = values.get("door")
    if not isinstance(door, dict):
        return
    port = door.get("port", Door.model_fields["port"].default)
    for at, server in _servers(values):
        listen = server.get("listen")
        if isinstance(listen, str) and not _is_loopback(listen):
            where = (*at, "listen")
            message = f"{path_of(where)}: expected 127.0.0.1 behind a door, got {show(listen)}"
            document.report(document.values[where], message, "set freehold:door.listen")
        if "port" in server and server["port"] == port:
            where = (*at, "port")
            message = f"{path_of(where)}: {port} is the port of freehold:door already"
            document.report(document.values[where], message)
    _report_keys(door.get("keys"), document)


def _servers(values: Mapping[str, Any]) -> Iterator[tuple[Location, Mapping[str, Any]]]:
    nodes = values.get("nodes")
    places: list[tuple[Location, Any]] = [(("server",), values.get("server"))]
    for index, node in enumerate(nodes if isinstance(nodes, tuple) else ()):
        if isinstance(node, dict):
            places.append((("nodes", index, "server"), node.get("server")))
    if isinstance(rented := values.get("rented"), dict):
        places.append((("rented", "server"), rented.get("server")))
    yield from ((at, server) for at, server in places if isinstance(server, dict))


def _report_keys(keys: Any, document: Document) -> None:
    """Two of one name, or one key under two names."""
    for field in ("name", "sha256"):
        first: dict[str, int] = {}
        for index, key in enumerate(keys if isinstance(keys, tuple) else ()):
            value = key.get(field) if isinstance(key, dict) else None
            if isinstance(value, str) and (other := first.setdefault(value, index)) != index:
                at = ("door", "keys", index, field)
                of = path_of(("door", "keys", other))
                document.report(
                    document.values[at], f"{path_of(at)}: {show(value)} is that of {of} already"
                )


def _is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return True  # no address: told as such
