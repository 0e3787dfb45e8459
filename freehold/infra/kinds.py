"""The provider's resource types: their properties to items of a plan, and facts to properties."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from typing import Any, ClassVar

from freehold.facts.box import BoxFacts
from freehold.facts.file import FileFacts
from freehold.facts.fileset import FileSetFacts
from freehold.facts.package import PackageFacts
from freehold.facts.tuning import TuningFacts
from freehold.facts.unit import UnitFacts
from freehold.hosts.host import Host
from freehold.infra import type_names
from freehold.infra.values import Properties, has_unknown
from freehold.plan.box import Box
from freehold.plan.door import door_unit_item
from freehold.plan.file import File
from freehold.plan.fileset import FileSet
from freehold.plan.item import Item
from freehold.plan.package import Package
from freehold.plan.package import state_of as package_state
from freehold.plan.tuning import Tuning
from freehold.plan.unit import Unit
from freehold.service.door import door_state, require_door
from freehold.service.state import state_of
from freehold.weights.manifest import FileEntry, Kind, Manifest

STALE = "changed since the service started"


class ResourceKind(ABC):
    """One resource type. Every one has the inputs `node` (its name) and `ssh` (its destination)."""

    type_name: ClassVar[str]
    told_after: ClassVar[frozenset[str]] = frozenset()
    """Outputs that an update changes to what cannot be known before."""

    @abstractmethod
    def id(self, inputs: Properties) -> str:
        """The resource's id, the same whenever it is created again."""

    @abstractmethod
    def item(self, inputs: Properties) -> Item:
        """What is wanted on the box."""

    @abstractmethod
    def found(self, inputs: Properties, facts: Any, host: Host) -> Properties | None:
        """The inputs as they are on the box now; None where the thing is proven absent."""

    def is_known(self, inputs: Properties) -> bool:
        """Whether `item` can be made of `inputs`, of which some are known only after an update."""
        return not has_unknown(inputs)

    def outputs(self, inputs: Properties, facts: Any, host: Host) -> Properties:  # noqa: ARG002
        """All properties, those that only the box knows among them."""
        return inputs

    def prove(self, inputs: Properties, host: Host, cancelled: threading.Event) -> None:  # noqa: B027
        """Once it is converged, what facts do not say: whether it answers. Raises HostError."""


class BoxKind(ResourceKind):
    """`arch` and `wipe` in; what the box is, out."""

    type_name = type_names.BOX

    def id(self, inputs: Properties) -> str:
        return str(inputs["node"])

    def item(self, inputs: Properties) -> Item:
        return Box(inputs["arch"], inputs.get("wipe", "auto"))

    def found(self, inputs: Properties, facts: BoxFacts, host: Host) -> Properties:  # noqa: ARG002
        return inputs

    def outputs(self, inputs: Properties, facts: BoxFacts, host: Host) -> Properties:
        stable = ("os", "machine_id", "cpu_model", "cores", "threads", "memory_bytes")
        told = {name: getattr(facts, name) for name in stable}
        told |= {"gpus": list(facts.gpus), "nvidia": list(facts.nvidia)}
        return {**inputs, **told, "address": host.address}


class FileKind(ResourceKind):
    """`path`, `content` (text), `mode`, `is_secret`, and `group` where it is not root's."""

    type_name = type_names.FILE

    def id(self, inputs: Properties) -> str:
        return f"{inputs['node']}:{inputs['path']}"

    def item(self, inputs: Properties) -> Item:
        content = str(inputs["content"]).encode()
        secret, group = bool(inputs["is_secret"]), inputs.get("group", "root")
        return File(inputs["path"], content, inputs["mode"], secret, group)

    def found(self, inputs: Properties, facts: FileFacts | None, host: Host) -> Properties | None:  # noqa: ARG002
        if facts is None:
            return None
        text = facts.content.decode("utf-8", "replace")
        wanted = f"root:{inputs.get('group', 'root')}"
        mode = facts.mode if facts.owner == wanted else f"{facts.mode} {facts.owner}"
        return {**inputs, "content": text, "mode": mode}


class FileSetKind(ResourceKind):
    """`set` (its name), `entry`, `digest`, `files` by path, and `missing` (wanted empty): the
    paths that are not proven on the box; `wipe`, how weights go. `proof` out: another after each
    sync. One type for each Kind."""

    told_after = frozenset({"proof"})

    def __init__(self, kind: Kind, type_name: str) -> None:
        self._kind = kind
        self.type_name = type_name  # type: ignore[misc]  # two types of the same make

    def id(self, inputs: Properties) -> str:
        return f"{inputs['node']}:{self._manifest(inputs).node_folder}"

    def item(self, inputs: Properties) -> Item:
        return FileSet(self._manifest(inputs), inputs.get("wipe", "auto"))

    def found(self, inputs: Properties, facts: FileSetFacts, host: Host) -> Properties | None:  # noqa: ARG002
        if not facts.is_there:
            return None
        return {**inputs, "missing": sorted(set(inputs["files"]) - facts.proven)}

    def outputs(self, inputs: Properties, facts: FileSetFacts, host: Host) -> Properties:  # noqa: ARG002
        return {**inputs, "proof": facts.proof_sha256}

    def _manifest(self, inputs: Properties) -> Manifest:
        files = tuple(
            FileEntry.of_identity(path, text) for path, text in sorted(inputs["files"].items())
        )
        return Manifest(kind=self._kind, name=inputs["set"], entry=inputs["entry"], files=files)


class ServiceKind(ResourceKind):
    """`unit`, `port`, `state` ("ready"), and in `restart_on` the SHA-256 by path of each
    file that the running server must have been started with."""

    type_name = type_names.SERVICE

    def id(self, inputs: Properties) -> str:
        return f"{inputs['node']}:{inputs['unit']}"

    def item(self, inputs: Properties) -> Item:
        return Unit(inputs["unit"], tuple(sorted(inputs["restart_on"])), inputs["port"])

    def is_known(self, inputs: Properties) -> bool:
        return not has_unknown({**inputs, "restart_on": sorted(inputs["restart_on"])})

    def found(self, inputs: Properties, facts: UnitFacts, host: Host) -> Properties | None:
        if facts.is_absent:
            return None
        restart_on = {path: _started_with(facts, path) for path in inputs["restart_on"]}
        state = state_of(host, facts, inputs["port"])
        return {**inputs, "state": state, "restart_on": restart_on}


class TimerKind(ResourceKind):
    """`unit`, `state` ("active"), and in `restart_on` the SHA-256 by path of its files."""

    type_name = type_names.TIMER

    def id(self, inputs: Properties) -> str:
        return f"{inputs['node']}:{inputs['unit']}"

    def item(self, inputs: Properties) -> Item:
        return Unit(inputs["unit"], tuple(sorted(inputs["restart_on"])))

    def found(self, inputs: Properties, facts: UnitFacts, host: Host) -> Properties | None:  # noqa: ARG002
        if facts.is_absent:
            return None
        restart_on = {path: _started_with(facts, path) for path in inputs["restart_on"]}
        state = facts.active_state if facts.is_enabled else f"{facts.active_state}, not enabled"
        return {**inputs, "state": state, "restart_on": restart_on}


class DoorKind(ResourceKind):
    """`unit`, `port`, `certificate_sha256`, `state` ("ready"), and in `restart_on` the SHA-256 by
    path of each file that it must have taken up."""

    type_name = type_names.DOOR

    def id(self, inputs: Properties) -> str:
        return f"{inputs['node']}:{inputs['unit']}"

    def item(self, inputs: Properties) -> Item:
        watched = tuple(sorted(inputs["restart_on"]))
        return door_unit_item(inputs["port"], watched)

    def is_known(self, inputs: Properties) -> bool:
        return not has_unknown(
            {**inputs, "restart_on": sorted(inputs["restart_on"]), "certificate_sha256": ""}
        )

    def found(self, inputs: Properties, facts: UnitFacts, host: Host) -> Properties | None:
        if facts.is_absent:
            return None
        restart_on = {path: _started_with(facts, path) for path in inputs["restart_on"]}
        state = facts.active_state
        if state == "active":
            state = door_state(host, inputs["port"], inputs["certificate_sha256"])
        state = state if facts.is_enabled else f"{state}, not enabled"
        return {**inputs, "state": state, "restart_on": restart_on}

    def prove(self, inputs: Properties, host: Host, cancelled: threading.Event) -> None:
        require_door(host, inputs["port"], inputs["certificate_sha256"], cancelled)


class PackageKind(ResourceKind):
    """`package` (its name), `units_off`, `state` ("installed"); `version` out, as it is there."""

    type_name = type_names.PACKAGE
    told_after = frozenset({"version"})

    def id(self, inputs: Properties) -> str:
        return f"{inputs['node']}:package {inputs['package']}"

    def item(self, inputs: Properties) -> Item:
        return Package(inputs["package"], tuple(inputs["units_off"]))

    def found(self, inputs: Properties, facts: PackageFacts, host: Host) -> Properties | None:  # noqa: ARG002
        state = package_state(facts)
        return None if state == "absent" else {**inputs, "state": state}

    def outputs(self, inputs: Properties, facts: PackageFacts, host: Host) -> Properties:  # noqa: ARG002
        return {**inputs, "version": facts.version}


class TuningKind(ResourceKind):
    """`settings` (text), `state` ("active"), `restart_on` as a timer's, and `off` (wanted empty):
    the switches that are not as wanted, with their values."""

    type_name = type_names.TUNING

    def id(self, inputs: Properties) -> str:
        return f"{inputs['node']}:tuning"

    def item(self, inputs: Properties) -> Item:
        return Tuning(inputs["settings"])

    def found(self, inputs: Properties, facts: TuningFacts, host: Host) -> Properties | None:  # noqa: ARG002
        if facts.unit.is_absent:
            return None
        restart_on = {path: _started_with(facts.unit, path) for path in inputs["restart_on"]}
        is_enabled, state = facts.unit.is_enabled, facts.unit.active_state
        state = state if is_enabled else f"{state}, not enabled"
        return {**inputs, "state": state, "restart_on": restart_on, "off": facts.off}

    def outputs(self, inputs: Properties, facts: TuningFacts, host: Host) -> Properties:  # noqa: ARG002
        return {**inputs, "left_alone": list(facts.left_alone)}


def _started_with(facts: UnitFacts, path: str) -> str:
    file = facts.watched.get(path)
    if file is None:
        return "absent"
    return STALE if facts.is_stale(path) else file.sha256


KINDS: tuple[ResourceKind, ...] = (
    BoxKind(),
    FileKind(),
    FileSetKind(Kind.ENGINE, type_names.ENGINE),
    FileSetKind(Kind.WEIGHTS, type_names.WEIGHTS),
    PackageKind(),
    ServiceKind(),
    TimerKind(),
    DoorKind(),
    TuningKind(),
)
