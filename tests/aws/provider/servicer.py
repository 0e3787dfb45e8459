"""A provider named `aws` over boto3, on the engine's own protocol: what the tests' stacks need."""

# ruff: noqa: N802, ARG002 (names are the protocol's)
from __future__ import annotations

import hashlib
import os
import threading
import uuid
from collections.abc import Callable
from typing import Any, TypeVar

import boto3
import grpc
from botocore.exceptions import BotoCoreError, ClientError
from google.protobuf import empty_pb2
from pulumi.runtime.proto import plugin_pb2, provider_pb2, provider_pb2_grpc

from freehold.infra.values import UNKNOWN, difference, from_struct, to_struct
from tests.aws.provider import ec2, iam, scheduler
from tests.aws.provider.kind import Inputs, Kind, Name, same_document
from tests.aws.provider.types import problems, resource
from tests.aws.sdk import version

Response = TypeVar("Response")

KINDS: dict[str, Kind] = {
    kind.token: kind
    for kind in (
        ec2.SecurityGroup(),
        ec2.KeyPair(),
        iam.Role(),
        iam.RolePolicy(),
        iam.InstanceProfile(),
        scheduler.Schedule(),
    )
}
_CHANGES = {"add": "ADD", "delete": "DELETE", "update": "UPDATE"}


class Servicer(provider_pb2_grpc.ResourceProviderServicer):
    """One process serves one operation of the engine, many calls at a time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._clients: dict[tuple[str, str], Any] = {}
        self._region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION", "")

    def Handshake(self, request: Any, context: Any) -> Any:
        return provider_pb2.ProviderHandshakeResponse(supports_autonaming_configuration=True)

    def GetPluginInfo(self, request: Any, context: Any) -> Any:
        return plugin_pb2.PluginInfo(version=version())

    def CheckConfig(self, request: Any, context: Any) -> Any:
        return provider_pb2.CheckResponse(inputs=request.news)

    def DiffConfig(self, request: Any, context: Any) -> Any:
        old, new = from_struct(request.old_inputs), from_struct(request.news)
        replaces = ["region"] if old.get("region") != new.get("region") else []
        response = provider_pb2.DiffResponse
        changes = response.DIFF_SOME if old != new else response.DIFF_NONE
        return response(changes=changes, replaces=replaces, diffs=replaces)

    def Configure(self, request: Any, context: Any) -> Any:
        self._region = from_struct(request.args).get("region") or self._region
        return provider_pb2.ConfigureResponse(
            supportsPreview=True, supports_autonaming_configuration=True
        )

    def Check(self, request: Any, context: Any) -> Any:
        def check() -> Any:
            kind, olds = _kind(request.type), from_struct(request.olds)
            given = {k: v for k, v in from_struct(request.news).items() if v is not None}
            failures = [*problems(kind.token, given), *_too_long(kind.name, given)]
            defaults = {k: v for k, v in kind.defaults.items() if k not in given}
            if kind.name and not {kind.name.property, kind.name.prefix} & given.keys():
                defaults[kind.name.property] = _autoname(kind.name, olds, request)
            inputs = {**given, **defaults, "__defaults": sorted(defaults)}
            return provider_pb2.CheckResponse(
                inputs=to_struct(inputs),
                failures=[
                    provider_pb2.CheckFailure(property=path, reason=reason)
                    for path, reason in failures
                ],
            )

        return _answer(context, check)

    def Diff(self, request: Any, context: Any) -> Any:
        def diff() -> Any:
            kind, new = _kind(request.type), from_struct(request.news)
            old = from_struct(request.old_inputs)
            changed = _changed(kind, old, new)
            replaces = sorted({_root(path) for path, _ in changed} & kind.replaced_by)
            # The new one cannot have the name of the old while both are there.
            name = kind.name.property if kind.name else ""
            is_own = name in new and name not in new.get("__defaults", [])
            response = provider_pb2.DiffResponse
            return response(
                changes=response.DIFF_SOME if changed else response.DIFF_NONE,
                replaces=replaces,
                diffs=sorted({_root(path) for path, _ in changed}),
                detailedDiff={path: _property_diff(path, how, replaces) for path, how in changed},
                hasDetailedDiff=True,
                deleteBeforeReplace=bool(replaces) and is_own,
            )

        return _answer(context, diff)

    def Create(self, request: Any, context: Any) -> Any:
        def create() -> Any:
            kind, inputs = _kind(request.type), _without_marks(from_struct(request.properties))
            if request.preview:
                unknown = dict.fromkeys(resource(kind.token)["outputs"], UNKNOWN)
                return provider_pb2.CreateResponse(properties=to_struct({**unknown, **inputs}))
            id = kind.create(self._client, inputs)
            return provider_pb2.CreateResponse(
                id=id, properties=to_struct(self._outputs(kind, id, inputs))
            )

        return _answer(context, create)

    def Read(self, request: Any, context: Any) -> Any:
        def read() -> Any:
            kind, inputs = _kind(request.type), from_struct(request.inputs)
            found = kind.read(self._client, request.id, inputs)
            if found is None:
                return provider_pb2.ReadResponse()
            outputs = self._with_region(kind, _without_marks(found[0]))
            return provider_pb2.ReadResponse(
                id=request.id, properties=to_struct(outputs), inputs=to_struct(found[1])
            )

        return _answer(context, read)

    def Update(self, request: Any, context: Any) -> Any:
        def update() -> Any:
            kind, new = _kind(request.type), _without_marks(from_struct(request.news))
            if request.preview:
                outputs = {**from_struct(request.olds), **new}
            else:
                old = _without_marks(from_struct(request.old_inputs))
                kind.update(self._client, request.id, old, new)
                outputs = self._outputs(kind, request.id, new)
            return provider_pb2.UpdateResponse(properties=to_struct(outputs))

        return _answer(context, update)

    def Delete(self, request: Any, context: Any) -> Any:
        def delete() -> Any:
            inputs = from_struct(request.old_inputs) or from_struct(request.properties)
            _kind(request.type).delete(self._client, request.id, inputs)
            return empty_pb2.Empty()

        return _answer(context, delete)

    def Cancel(self, request: Any, context: Any) -> Any:
        return empty_pb2.Empty()

    def _client(self, service: str, region: str | None) -> Any:
        key = service, region or self._region
        with self._lock:
            if key not in self._clients:
                self._clients[key] = boto3.session.Session().client(service, region_name=key[1])
            return self._clients[key]

    def _outputs(self, kind: Kind, id: str, inputs: Inputs) -> Inputs:
        found = kind.read(self._client, id, inputs)
        if found is None:
            raise LookupError(f"{id} is not there")
        return self._with_region(kind, _without_marks(found[0]))

    def _with_region(self, kind: Kind, outputs: Inputs) -> Inputs:
        if not kind.is_regional:
            return outputs
        return {**outputs, "region": outputs.get("region") or self._region}


def _kind(token: str) -> Kind:
    if token not in KINDS:
        raise LookupError(f"the tests' provider has no {token}")
    return KINDS[token]


def _autoname(name: Name, olds: Inputs, request: Any) -> str:
    if name.property in olds.get("__defaults", []) and olds.get(name.property):
        return str(olds[name.property])
    if request.autonaming.proposed_name:
        return str(request.autonaming.proposed_name)
    seed = request.randomSeed or uuid.uuid4().bytes
    return f"{request.urn.rpartition('::')[2]}-{hashlib.sha256(seed).hexdigest()[:7]}"


def _too_long(name: Name | None, given: Inputs) -> list[tuple[str, str]]:
    if name is None:
        return []
    limits = {name.property: name.limit, name.prefix: name.prefix_limit}
    return [
        (key, f"expected length of {key} to be in the range (1 - {limit}), got {given[key]}")
        for key, limit in limits.items()
        if given.get(key) not in (None, UNKNOWN) and not 1 <= len(str(given[key])) <= limit
    ]


def _changed(kind: Kind, old: Inputs, new: Inputs) -> list[tuple[str, str]]:
    return [
        (path, how)
        for path, how in difference(_without_marks(old), _without_marks(new))
        if not (path in kind.documents and same_document(old.get(path), new.get(path)))
    ]


def _property_diff(path: str, how: str, replaces: list[str]) -> Any:
    name = _CHANGES[how] + ("_REPLACE" if _root(path) in replaces else "")
    return provider_pb2.PropertyDiff(kind=getattr(provider_pb2.PropertyDiff, name), inputDiff=True)


def _root(path: str) -> str:
    return path.split(".")[0].split("[")[0]


def _without_marks(value: Any) -> Any:
    """Without the names that the SDK and this provider keep for themselves (`__defaults`)."""
    if isinstance(value, dict):
        return {k: _without_marks(v) for k, v in value.items() if not k.startswith("__")}
    return [_without_marks(entry) for entry in value] if isinstance(value, list) else value


def _answer(context: Any, work: Callable[[], Response]) -> Response:
    try:
        return work()
    except (ClientError, BotoCoreError, LookupError) as error:
        context.abort(grpc.StatusCode.UNKNOWN, str(error))
    raise AssertionError("abort raises")
