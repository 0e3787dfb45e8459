"""A call as AWS is asked it: which action of which service, where, with which parameters."""

from __future__ import annotations

import io
import re
from dataclasses import dataclass, field
from typing import Any

from moto.core.parse import PROTOCOL_PARSERS
from moto.core.request import Request, determine_request_protocol
from moto.core.routing import get_service_router
from moto.core.utils import get_service_model

Environ = dict[str, Any]

_SCOPE = re.compile(r"Credential=([^/]+)/\d+/([^/]+)/([^/]+)/aws4_request")
_MODELS = {"servicequotas": "service-quotas"}  # by the name that requests are signed with


@dataclass
class Call:
    """`parameters` are as boto3 takes them; `code` is the refusal's, "" where there was none.

    botocore's repeats of one call are calls of the same `invocation`.
    """

    service: str
    action: str
    region: str
    parameters: dict[str, Any]
    key: str = field(repr=False)
    protocol: str = field(repr=False)
    invocation: str = field(repr=False)
    code: str = ""

    def __str__(self) -> str:
        return f"{self.service}:{self.action} in {self.region} {self.code}".rstrip()


def call_of(environ: Environ, body: bytes) -> Call | None:
    """The call of an HTTP request; None for one that nobody signed."""
    found = _SCOPE.search(environ.get("HTTP_AUTHORIZATION", ""))
    if not found:
        return None
    key, region, signed = found.groups()
    service = _MODELS.get(signed, signed)
    model = get_service_model(service)
    request = Request({**environ, "wsgi.input": io.BytesIO(body)})
    operation, from_path = get_service_router(service).match(request)
    protocol = determine_request_protocol(model, request.content_type)
    parser = PROTOCOL_PARSERS[protocol](model.operation_model(operation.name), map_type=dict)
    parameters = parser.parse(
        {
            "method": request.method,
            "values": request.values,
            "headers": request.headers,
            "body": body,
            "url_path": request.path,
            "url_params": from_path,
        }
    )
    invocation = environ.get("HTTP_AMZ_SDK_INVOCATION_ID", "")
    return Call(signed, operation.name, region, parameters, key, protocol, invocation)


def model_name(call: Call) -> str:
    """The service's name in botocore's models."""
    return _MODELS.get(call.service, call.service)
