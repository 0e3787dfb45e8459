"""The files of the service: its unit, and where its key lies."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

from freehold.render.engine_flags import CREDENTIAL, engine_flags
from freehold.render.paths import KEY_PATH, UNIT_PATH, VERIFY_TIMER_PATH, VERIFY_UNIT_PATH
from freehold.render.templates import render
from freehold.sizing.planned import Planned
from freehold.spec.model import Model, Server
from freehold.weights.manifest import NODE_FOLDER, Manifest


@dataclass(frozen=True)
class ServiceContext:
    """What the unit's template may use."""

    alias: str
    engine_name: str
    command: str
    check: str
    credential: str
    key_path: str
    has_gpu: bool
    is_local: bool


@dataclass(frozen=True)
class VerifyContext:
    """What the template of the verifying service may use."""

    command: str


@dataclass(frozen=True)
class NoContext:
    """A file that is the same on every node."""


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
        check=_check(server, weights, engine),
        credential=CREDENTIAL,
        key_path=KEY_PATH,
        has_gpu=has_gpu,
        is_local=is_loopback(server.listen),
    )
    return render(UNIT_PATH, context)


def _check(server: Server, *sets: Manifest) -> str:
    """The command that says whether the server may start: the sets' own checker over all."""
    program = ["python3", "-I", sets[0].node_program, "check", str(server.verified_within_days)]
    lines = [" ".join(map(escape, program)), *(escape(each.node_folder) for each in sets)]
    return " \\\n    ".join(lines)


def verify_unit(weights: Manifest) -> str:
    """The text of freehold-verify.service, which reads every set on the node again."""
    command = ["python3", "-I", weights.node_program, "scrub", NODE_FOLDER]
    return render(VERIFY_UNIT_PATH, VerifyContext(" ".join(map(escape, command))))


def verify_timer() -> str:
    """The text of freehold-verify.timer."""
    return render(VERIFY_TIMER_PATH, NoContext())


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
