"""The door of one node: HAProxy's package, its files, and the service over them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pulumi

from freehold.infra.certificates import fingerprint, read_own
from freehold.infra.placing import Text, after, hashes, sha256
from freehold.infra.resources import (
    Authority,
    Box,
    Certificate,
    Door,
    File,
    Package,
    Service,
    Where,
)
from freehold.plan.door import FILES, rights
from freehold.render import door as files
from freehold.sizing.planned import Planned
from freehold.spec import door as spec
from freehold.spec.model import Node


@dataclass(frozen=True)
class DoorArgs:
    """What a door is for; `api_key` is a secret, `planned` the layout's. Without an `authority` it
    shows a certificate of the site's own."""

    door: spec.Door
    node: Node
    where: Where
    api_key: pulumi.Output[str]
    planned: pulumi.Output[dict[str, Any]]
    authority: Authority | None


def door_of(args: DoorArgs, box: Box, service: Service, opts: pulumi.ResourceOptions) -> Door:
    """Declare it; `opts` have the node as parent. All is placed while the model still loads, and
    the door opens when it answers."""
    door, where = args.door, args.where
    once_there = pulumi.ResourceOptions.merge(opts, after(box))
    package = Package(where, files.DOOR_PACKAGE, once_there, files.DOOR_PACKAGE_UNITS)
    shown = _certificate(args, box, opts)
    texts: dict[str, Text] = {
        files.DOOR_CONFIG_PATH: args.planned.apply(
            lambda planned: files.door_config(
                door, args.node.server.port, Planned.of_properties(planned).slots
            )
        ),
        files.NAMES_PATH: args.api_key.apply(lambda key: files.names_map(door, sha256(key))),
        **files.fixed_files(door),
    }
    secrets: dict[str, Text] = {
        files.SERVER_KEY_PATH: args.api_key.apply(files.server_key_map),
        files.CERTIFICATE_PATH: shown,
    }
    on_box = pulumi.ResourceOptions.merge(opts, after(box, package))
    placed = [_file(where, path, text, on_box) for path, text in texts.items()]
    placed += [_file(where, path, text, on_box, is_secret=True) for path, text in secrets.items()]
    taken_up = {path: text for path, text in {**texts, **secrets}.items() if path in FILES}
    props = {
        "unit": files.DOOR_UNIT,
        "port": door.port,
        "certificate_sha256": pulumi.Output.unsecret(shown.apply(fingerprint)),
        "restart_on": {
            path: pulumi.Output.unsecret(pulumi.Output.from_input(digest))
            for path, digest in hashes(taken_up).items()
        },
    }
    return Door(
        where, props, pulumi.ResourceOptions.merge(opts, after(box, package, *placed, service))
    )


def _certificate(args: DoorArgs, box: Box, opts: pulumi.ResourceOptions) -> pulumi.Output[str]:
    """Chain and key, PEM, a secret."""
    if args.authority is None:
        assert args.door.certificate is not None  # noqa: S101 - the program made no authority
        own = read_own(args.door.certificate, "freehold:door.certificate", datetime.now(UTC))
        return pulumi.Output.secret(own)
    names = box.address.apply(
        lambda address: list(
            dict.fromkeys([args.node.name, address, "localhost", "127.0.0.1", *args.door.hostnames])
        )
    )
    made = Certificate(f"{args.node.name}-certificate", args.authority, names, opts)
    return pulumi.Output.secret(pulumi.Output.concat(made.certificate, made.key))


def _file(
    where: Where,
    path: str,
    text: Text,
    on_box: pulumi.ResourceOptions,
    *,
    is_secret: bool = False,
) -> File:
    mode, group = rights(path)
    return File(where, path, text, on_box, mode, is_secret, group)
