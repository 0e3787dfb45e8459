"""The provider, on the engine's own protocol: check, diff, create, read, update, delete, cancel.

The raw protocol and not the SDK's layers over it: docs/decisions/001 says why.
"""

from __future__ import annotations

import os
import threading
import traceback
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import grpc
from google.protobuf import any_pb2, empty_pb2
from google.rpc import status_pb2
from pulumi.runtime.proto import plugin_pb2, provider_pb2, provider_pb2_grpc

from freehold.errors import FreeholdError
from freehold.infra.engine_log import EngineLog
from freehold.infra.instance_diff import instance_replaced_by
from freehold.infra.partial_error import PartialError
from freehold.infra.type_names import INSTANCE, REPLACED_BY
from freehold.infra.values import Properties, difference, from_struct, to_struct, touches

if TYPE_CHECKING:
    from freehold.infra.lifecycle import Resource
    from freehold.infra.wiring import Wiring

VERSION = "0.1.0"
Response = TypeVar("Response")


class Servicer(provider_pb2_grpc.ResourceProviderServicer):
    """One process serves one operation of the engine, many calls at a time."""

    def __init__(self, log: EngineLog) -> None:
        self._log = log
        self._settings_json = ""
        self._wiring: Wiring | None = None
        self._wiring_lock = threading.Lock()
        self._instances_in_state: set[str] = set()

    def GetPluginInfo(self, request: Any, context: Any) -> Any:
        return plugin_pb2.PluginInfo(version=VERSION)

    def Handshake(self, request: Any, context: Any) -> Any:
        return provider_pb2.ProviderHandshakeResponse()

    def CheckConfig(self, request: Any, context: Any) -> Any:
        return provider_pb2.CheckResponse(inputs=request.news)

    def DiffConfig(self, request: Any, context: Any) -> Any:
        return _diff_response(
            from_struct(request.old_inputs), from_struct(request.news), frozenset()
        )

    def Configure(self, request: Any, context: Any) -> Any:
        # None of a provider that the engine makes itself, as it does for an import.
        self._settings_json = str(from_struct(request.args).get("settings", ""))
        # Without acceptSecrets the engine itself keeps the secrets of the inputs secret in state.
        return provider_pb2.ConfigureResponse(supportsPreview=True)

    def Check(self, request: Any, context: Any) -> Any:
        return provider_pb2.CheckResponse(inputs=request.news)

    def Diff(self, request: Any, context: Any) -> Any:
        news = from_struct(request.news)
        if request.type == INSTANCE:
            # Should another take its place, it is no orphan that this one's create may take up.
            self._instances_in_state.add(request.id)
            replaced_by = instance_replaced_by(from_struct(request.olds), news)
        else:
            replaced_by = REPLACED_BY[request.type]
        return _diff_response(from_struct(request.old_inputs), news, replaced_by)

    def Create(self, request: Any, context: Any) -> Any:
        inputs = from_struct(request.properties)

        def create() -> Any:
            if request.preview:
                outputs = self._of(request).preview(request.urn, inputs, {})
                return provider_pb2.CreateResponse(properties=to_struct(outputs))
            id, outputs = self._of(request).create(request.urn, inputs)
            return provider_pb2.CreateResponse(
                id=id, properties=to_struct(outputs), refresh_before_update=True
            )

        return _answer(context, create)

    def Read(self, request: Any, context: Any) -> Any:
        inputs, outputs = from_struct(request.inputs), from_struct(request.properties)

        def read() -> Any:
            found = self._of(request).read(inputs, outputs)
            if found is None:
                return provider_pb2.ReadResponse()
            return provider_pb2.ReadResponse(
                id=request.id,
                inputs=to_struct(found.inputs),
                properties=to_struct(found.outputs),
                refresh_before_update=True,
            )

        return _answer(context, read)

    def Update(self, request: Any, context: Any) -> Any:
        news, old = from_struct(request.news), from_struct(request.olds)

        def update() -> Any:
            if request.preview:
                outputs = self._of(request).preview(request.urn, news, old)
            else:
                outputs = self._of(request).update(request.urn, news, old)
            return provider_pb2.UpdateResponse(
                properties=to_struct(outputs), refresh_before_update=True
            )

        return _answer(context, update)

    def Delete(self, request: Any, context: Any) -> Any:
        outputs = from_struct(request.properties)

        def delete() -> Any:
            self._of(request).delete(request.urn, outputs)
            return empty_pb2.Empty()

        return _answer(context, delete)

    def Cancel(self, request: Any, context: Any) -> Any:
        if self._wiring is not None:
            self._wiring.sessions.cancel()
        return empty_pb2.Empty()

    def close(self) -> None:
        """End what is running, and give the connections back."""
        if self._wiring is not None:
            self._wiring.sessions.cancel()
            self._wiring.sessions.close()

    def _of(self, request: Any) -> Resource:
        if not self._settings_json:
            raise FreeholdError.of(
                "provider",
                "expected the settings of a stack's own provider, found none",
                "there is no need to import: pulumi up takes up what is there",
            )
        with self._wiring_lock:
            if self._wiring is None:
                from freehold.infra.wiring import wire  # not for a process that only diffs

                self._wiring = wire(self._settings_json, self._log, self._instances_in_state)
            return self._wiring.resource(request.type)


def _diff_response(old: Properties, new: Properties, replaced_by: frozenset[str]) -> Any:
    kinds = {
        "add": provider_pb2.PropertyDiff.ADD,
        "delete": provider_pb2.PropertyDiff.DELETE,
        "update": provider_pb2.PropertyDiff.UPDATE,
    }
    detailed: dict[str, Any] = {}
    roots: set[str] = set()
    replaces: set[str] = set()
    for path, change in difference(old, new):
        detailed[path] = provider_pb2.PropertyDiff(kind=kinds[change], inputDiff=True)
        root = path.split(".")[0].split("[")[0]
        roots.add(root)
        if any(touches(path, watched) for watched in replaced_by):
            replaces.add(root)
    changes = (
        provider_pb2.DiffResponse.DIFF_SOME if detailed else provider_pb2.DiffResponse.DIFF_NONE
    )
    return provider_pb2.DiffResponse(
        changes=changes,
        replaces=sorted(replaces),
        diffs=sorted(roots),
        detailedDiff=detailed,
        hasDetailedDiff=True,
    )


def _answer(context: Any, work: Callable[[], Response]) -> Response:
    """What `work` returns; its errors as the engine's, without a traceback."""
    try:
        return work()
    except PartialError as failure:
        detail = provider_pb2.ErrorResourceInitFailed(
            id=failure.id,
            inputs=to_struct(failure.inputs),
            properties=to_struct(failure.outputs),
            reasons=[str(failure)],
            refresh_before_update=True,
        )
        packed = any_pb2.Any()
        packed.Pack(detail)
        status = status_pb2.Status(
            code=grpc.StatusCode.UNKNOWN.value[0], message=str(failure), details=[packed]
        )
        context.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()),))
        context.abort(grpc.StatusCode.UNKNOWN, str(failure))
    except FreeholdError as error:
        context.abort(grpc.StatusCode.UNKNOWN, str(error))
    except Exception as error:
        shown = f"internal error of Freehold: {type(error).__name__}: {error}"
        if os.environ.get("FREEHOLD_DEBUG"):
            shown = traceback.format_exc()
        context.abort(grpc.StatusCode.INTERNAL, f"{shown}\nHint: FREEHOLD_DEBUG=1 shows where")
    raise AssertionError("abort raises")
