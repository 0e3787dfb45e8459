"""The provider's resources as the program declares them."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import pulumi

from freehold.infra import type_names
from freehold.plan.driver_wanted import DriverWanted
from freehold.spec.model import Spec
from freehold.weights.manifest import Kind, Manifest

Where: TypeAlias = Mapping[str, pulumi.Input[Any]]
"""What each resource on a box begins with: `node`, `ssh`, and of a rented one `rented`."""


class Provider(pulumi.ProviderResource):
    """The connections' settings, and the store that syncs come from."""

    def __init__(self, name: str, spec: Spec) -> None:
        settings = {
            "store": spec.store,
            "ssh_config": str(spec.ssh.config) if spec.ssh.config else None,
            "connect_timeout_s": spec.ssh.connect_timeout_s,
            "parallel_nodes": spec.parallel_nodes,
            "owner": str(spec.owner) if spec.owner else None,
            "nodes": len(spec.nodes),
            "transfer": spec.transfer.model_dump_json(),
        }
        # One string: the engine hands configuration to providers as strings.
        super().__init__("freehold", name, {"settings": json.dumps(settings)})


class ApiKey(pulumi.CustomResource):
    """A key that the provider makes once."""

    value: pulumi.Output[str]

    def __init__(self, name: str, opts: pulumi.ResourceOptions) -> None:
        secret = pulumi.ResourceOptions(additional_secret_outputs=["value"])
        super().__init__(
            type_names.API_KEY,
            name,
            {"value": None},
            pulumi.ResourceOptions.merge(opts, secret),
        )


class Authority(pulumi.CustomResource):
    """A stack's certificate authority."""

    certificate: pulumi.Output[str]
    key: pulumi.Output[str]

    def __init__(self, name: str, stack: str, opts: pulumi.ResourceOptions) -> None:
        secret = pulumi.ResourceOptions(additional_secret_outputs=["key"])
        props = {"stack": stack, "certificate": None, "key": None}
        opts = pulumi.ResourceOptions.merge(opts, secret)
        super().__init__(type_names.AUTHORITY, name, props, opts)


class Certificate(pulumi.CustomResource):
    """What a door shows: of an authority, for these names."""

    certificate: pulumi.Output[str]
    key: pulumi.Output[str]

    def __init__(
        self,
        name: str,
        authority: Authority,
        names: pulumi.Input[list[str]],
        opts: pulumi.ResourceOptions,
    ) -> None:
        secret = pulumi.ResourceOptions(additional_secret_outputs=["key"])
        props = {
            "names": names,
            "ca_certificate": authority.certificate,
            "ca_key": authority.key,
            "state": "good",
            "certificate": None,
            "key": None,
        }
        opts = pulumi.ResourceOptions.merge(opts, secret)
        super().__init__(type_names.CERTIFICATE, name, props, opts)


class Lease(pulumi.CustomResource):
    """What may be rented until when, in the ledger; `tags` are for all that is rented under it."""

    token: pulumi.Output[str]
    deadline: pulumi.Output[str]
    name: pulumi.Output[str]
    tags: pulumi.Output[dict[str, str]]
    offers: pulumi.Output[list[dict[str, Any]]]

    def __init__(self, name: str, props: Mapping[str, Any], opts: pulumi.ResourceOptions) -> None:
        told = ("token", "deadline", "name", "tags", "offers")
        state = {"state": "open", **dict.fromkeys(told)}
        super().__init__(type_names.LEASE, name, {**props, **state}, opts)


class Instance(pulumi.CustomResource):
    """A rented instance; `ssh` and `rented` say how a resource on it gets there."""

    instance_id: pulumi.Output[str]
    region: pulumi.Output[str]
    instance_type: pulumi.Output[str]
    usd_per_hour: pulumi.Output[float]
    ssh: pulumi.Output[str]
    rented: pulumi.Output[dict[str, Any]]

    def __init__(self, name: str, props: Mapping[str, Any], opts: pulumi.ResourceOptions) -> None:
        told = (
            "instance_id", "region", "zone", "instance_type", "market", "usd_per_hour",
            "address", "launched_at", "ssh", "rented",
        )  # fmt: skip
        super().__init__(type_names.INSTANCE, name, {**props, **dict.fromkeys(told)}, opts)


class Box(pulumi.CustomResource):
    """A box that carries a node: its facts, and the checks before anything is placed."""

    cores: pulumi.Output[int]
    memory_bytes: pulumi.Output[int]
    address: pulumi.Output[str]
    gpus: pulumi.Output[list[str]]
    nvidia: pulumi.Output[list[str]]

    def __init__(
        self,
        name: str,
        where: Where,
        arch: str,
        wipe: str,
        opts: pulumi.ResourceOptions,
    ) -> None:
        outputs = ("os", "machine_id", "cpu_model", "cores", "threads", "memory_bytes")
        props = {**where, "arch": arch, "wipe": wipe, **dict.fromkeys(outputs)}
        props |= {"gpus": None, "nvidia": None, "address": None}
        super().__init__(type_names.BOX, name, props, opts)


class Driver(pulumi.CustomResource):
    """The NVIDIA driver of a box, of the stack's branch; it stays when the stack goes."""

    nvidia: pulumi.Output[list[str]]

    def __init__(
        self, where: Where, wanted: DriverWanted, port: int, opts: pulumi.ResourceOptions
    ) -> None:
        inputs = {
            "branch": wanted.branch,
            "cuda": wanted.cuda,
            "reboot": wanted.reboot.text,
            "mirror": dataclasses.asdict(wanted.mirror) if wanted.mirror else None,
            "port": port,
            "state": "in place",
        }
        told = dict.fromkeys(("version", "nvidia", "installed"))
        super().__init__(
            type_names.DRIVER, f"{where['node']}-driver", {**where, **inputs, **told}, opts
        )


class Layout(pulumi.CustomResource):
    """Where each part of the model goes on a box, how fast that is, and what it costs."""

    planned: pulumi.Output[dict[str, Any]]
    mode: pulumi.Output[str]
    speed: pulumi.Output[dict[str, Any]]

    def __init__(
        self, where: Where, inputs: Mapping[str, Any], opts: pulumi.ResourceOptions
    ) -> None:
        told = ("planned", "mode", "engine_asked", "devices", "speed", "cost")
        props = {**where, **inputs, **dict.fromkeys(told)}
        super().__init__(type_names.LAYOUT, f"{where['node']}-layout", props, opts)


class FileSet(pulumi.CustomResource):
    """Weights or an engine build on a box."""

    proof: pulumi.Output[str]

    def __init__(
        self,
        where: Where,
        manifest: Manifest,
        wipe: str,
        opts: pulumi.ResourceOptions,
    ) -> None:
        is_weights = manifest.kind is Kind.WEIGHTS
        type_name = type_names.WEIGHTS if is_weights else type_names.ENGINE
        files = {file.path: file.identity for file in manifest.files}
        props: dict[str, Any] = {
            **where,
            "set": manifest.name,
            "entry": manifest.entry,
            "digest": manifest.digest,
            "size_bytes": manifest.size_bytes,
            "files": files,
            "missing": [],
            "proof": None,
        }
        if is_weights:
            props["wipe"] = wipe
        name = f"{where['node']}-{'weights' if is_weights else 'engine'}"
        super().__init__(type_name, name, props, opts)


class File(pulumi.CustomResource):
    """A file on a box."""

    def __init__(
        self,
        where: Where,
        path: str,
        content: pulumi.Input[str],
        opts: pulumi.ResourceOptions,
        mode: str = "0644",
        is_secret: bool = False,
        group: str = "root",
    ) -> None:
        props = {**where, "path": path, "content": content, "mode": mode, "is_secret": is_secret}
        props |= {"group": group} if group != "root" else {}
        super().__init__(type_names.FILE, f"{where['node']}:{path}", props, opts)


class Package(pulumi.CustomResource):
    """A package of the distribution."""

    version: pulumi.Output[str]

    def __init__(
        self,
        where: Where,
        package: str,
        opts: pulumi.ResourceOptions,
        units_off: Sequence[str] = (),
    ) -> None:
        props = {**where, "package": package, "units_off": list(units_off)}
        name = f"{where['node']}:package {package}"
        super().__init__(
            type_names.PACKAGE, name, {**props, "state": "installed", "version": None}, opts
        )


class Service(pulumi.CustomResource):
    """The server: enabled, started with what its files say now, and answering."""

    def __init__(
        self, where: Where, props: Mapping[str, Any], opts: pulumi.ResourceOptions
    ) -> None:
        name = f"{where['node']}:{props['unit']}"
        super().__init__(type_names.SERVICE, name, {**where, **props, "state": "ready"}, opts)


class Door(pulumi.CustomResource):
    """What stands before the server: enabled, with what its files say now, and answering."""

    def __init__(
        self, where: Where, props: Mapping[str, Any], opts: pulumi.ResourceOptions
    ) -> None:
        name = f"{where['node']}:{props['unit']}"
        super().__init__(type_names.DOOR, name, {**where, **props, "state": "ready"}, opts)


class Tuning(pulumi.CustomResource):
    """The machine's switches, set at each boot; `left_alone` are those that it has not."""

    left_alone: pulumi.Output[list[str]]

    def __init__(
        self, where: Where, props: Mapping[str, Any], opts: pulumi.ResourceOptions
    ) -> None:
        told: dict[str, Any] = {"state": "active", "off": {}, "left_alone": None}
        super().__init__(
            type_names.TUNING, f"{where['node']}:tuning", {**where, **props, **told}, opts
        )


class Timer(pulumi.CustomResource):
    """A timer, or a unit of ours that nobody asks: enabled and running with what its files say."""

    def __init__(
        self, where: Where, props: Mapping[str, Any], opts: pulumi.ResourceOptions
    ) -> None:
        name = f"{where['node']}:{props['unit']}"
        super().__init__(type_names.TIMER, name, {**where, **props, "state": "active"}, opts)
