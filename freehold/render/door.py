"""The files of the door: HAProxy's configuration, its maps, its unit."""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Mapping
from dataclasses import dataclass

from freehold.render.templates import render
from freehold.spec.door import OWNER, Door

DOOR_UNIT = "freehold-door.service"
DOOR_UNIT_PATH = f"/etc/systemd/system/{DOOR_UNIT}"
DOOR_FOLDER = "/etc/freehold/door"
DOOR_CONFIG_PATH = f"{DOOR_FOLDER}/haproxy.cfg"
NAMES_PATH = f"{DOOR_FOLDER}/names.map"
PER_MINUTE_PATH = f"{DOOR_FOLDER}/per-minute.map"
AT_ONCE_PATH = f"{DOOR_FOLDER}/at-once.map"
SERVER_KEY_PATH = f"{DOOR_FOLDER}/server-key.map"
CERTIFICATE_PATH = f"{DOOR_FOLDER}/certificate.pem"
MAPS_PROGRAM_PATH = "/usr/local/libexec/freehold-door-maps"
RUN_FOLDER = "/run/freehold-door"
STAMP_PATH = f"{RUN_FOLDER}/loaded"
DOOR_PACKAGE = "haproxy"
DOOR_PACKAGE_UNITS = ("haproxy.service",)  # Debian starts it, with a configuration of its own
DOOR_GROUP = "haproxy"

METRICS_PORT, PEERS_PORT = 8405, 8406  # of the node's loopback, as HAProxy's manual has the first
OWNER_PER_MINUTE, OWNER_AT_ONCE = 1_000_000, 10_000
PRIVILEGED_PORTS = 1024


@dataclass(frozen=True)
class ConfigContext:
    """What the configuration's template may use; sizes in bytes, times in seconds."""

    bind: str
    server_port: int
    slots: int
    queue: int
    queue_wait_s: int
    answer_timeout_s: int
    body_limit_bytes: int
    connections_per_address: int
    metrics_port: int
    peers_port: int


@dataclass(frozen=True)
class UnitContext:
    """What the unit's template may use."""

    config: str
    stamp: str
    run_folder: str
    maps_program: str
    capabilities: str


@dataclass(frozen=True)
class MapsContext:
    """What the template of the program that renews maps may use."""

    folder: str
    socket: str
    maps: str


def door_config(door: Door, server_port: int, slots: int) -> str:
    """haproxy.cfg for a server on the node's loopback that answers `slots` requests at a time."""
    return render(
        DOOR_CONFIG_PATH,
        ConfigContext(
            bind=_bind(door),
            server_port=server_port,
            slots=slots,
            queue=door.queue,
            queue_wait_s=door.queue_wait_s,
            answer_timeout_s=door.answer_timeout_s,
            body_limit_bytes=door.body_limit_kib * 1024,
            connections_per_address=door.connections_per_address,
            metrics_port=METRICS_PORT,
            peers_port=PEERS_PORT,
        ),
    )


def door_unit(door: Door) -> str:
    """The text of freehold-door.service."""
    is_privileged = door.port < PRIVILEGED_PORTS
    return render(
        DOOR_UNIT_PATH,
        UnitContext(
            config=DOOR_CONFIG_PATH,
            stamp=STAMP_PATH,
            run_folder=RUN_FOLDER,
            maps_program=MAPS_PROGRAM_PATH,
            capabilities="CAP_NET_BIND_SERVICE" if is_privileged else "",
        ),
    )


def maps_program() -> str:
    """The text of the program that gives the running worker its maps anew."""
    names = [path.rpartition("/")[2] for path in (NAMES_PATH, PER_MINUTE_PATH, AT_ONCE_PATH)]
    return render(
        MAPS_PROGRAM_PATH,
        MapsContext(DOOR_FOLDER, f"{RUN_FOLDER}/admin.sock", json.dumps(names)),
    )


def fixed_files(door: Door) -> dict[str, str]:
    """Those that follow from the stack's file alone, by their paths."""
    return {
        PER_MINUTE_PATH: per_minute_map(door),
        AT_ONCE_PATH: at_once_map(door),
        DOOR_UNIT_PATH: door_unit(door),
        MAPS_PROGRAM_PATH: maps_program(),
    }


def names_map(door: Door, owner_sha256: str) -> str:
    """Whose each key is, by its SHA-256."""
    return _map({owner_sha256: OWNER} | {key.sha256: key.name for key in door.keys})


def per_minute_map(door: Door) -> str:
    """The requests that each may send in a minute; the owner's are not limited."""
    return _map({OWNER: OWNER_PER_MINUTE} | {key.name: key.per_minute for key in door.keys})


def at_once_map(door: Door) -> str:
    """The requests of each that may be under way; the owner's are not limited."""
    return _map({OWNER: OWNER_AT_ONCE} | {key.name: key.at_once for key in door.keys})


def server_key_map(api_key: str) -> str:
    """The key that the door shows to the server."""
    return _map({"server": api_key})


def _map(entries: Mapping[str, object]) -> str:
    return "".join(f"{key} {value}\n" for key, value in entries.items())


def _bind(door: Door) -> str:
    address = ipaddress.ip_address(door.listen)
    return f"[{address}]:{door.port}" if address.version == 6 else f"{address}:{door.port}"
