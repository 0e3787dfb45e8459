"""The files of the service: its unit, and where its key lies."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

from freehold.render.engine_flags import CREDENTIAL, engine_flags
from freehold.render.paths import KEY_PATH, UNIT_PATH
from freehold.render.templates import render
from freehold.sizing.planned import Planned
from freehold.spec.model import Model, Server
from freehold.weights.manifest import Manifest


@dataclass(frozen=True)
class ServiceContext:
    """What the unit's template may use."""

    alias: str
    engine_name: str
    command: str
    credential: str
    key_path: str
    has_gpu: bool
    is_local: bool


def service_unit(
    model: Model,
    server: Server,
    weights: Manifest,
    engine: Manifest,
    planned: Planned,
    has_gpu: bool,
) -> str:
    """The text of llama-server.service."""
    flags = engine_flags(model, server, weights, engine, planned)
    lines = [escape(engine.node_entry), *(" ".join(map(escape, flag)) for flag in flags)]
    context = ServiceContext(
        alias=model.alias.replace("%", "%%"),
        engine_name=engine.name,
        command=" \\\n    ".join(lines),
        credential=CREDENTIAL,
        key_path=KEY_PATH,
        has_gpu=has_gpu,
        is_local=is_loopback(server.listen),
    )
    return render(UNIT_PATH, context)


def is_loopback(address: str) -> bool:
    """Whether only the box itself can reach a server that listens there."""
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return address == "localhost"


def escape(word: str) -> str:
    """One word of an ExecStart= line, by systemd.syntax(7) and systemd.unit(5).

    Specifiers and variables are taken literally, but for the directory of the credentials.
    """
    own = "${CREDENTIALS_DIRECTORY}"
    if word.startswith(own):
        return own + escape(word.removeprefix(own))
    text = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    plain = text and all(c.isalnum() or c in "%$/.,:=@_+-" for c in text)
    return text if plain else '"' + text.replace("\n", "\\n").replace("\t", "\\t") + '"'
