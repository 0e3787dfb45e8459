"""What AWS answers, in the wire format of each service."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from xml.sax.saxutils import escape

from moto.core.serialize import get_serializer_class
from moto.core.utils import get_service_model

from tests.aws.call import Call, model_name

_STATUS = {
    "RequestLimitExceeded": 503,
    "Throttling": 400,
    "ThrottlingException": 400,
    "InternalError": 500,
    "InternalFailure": 500,
    "InternalServerException": 500,
    "Unavailable": 503,
    "ServiceUnavailable": 503,
    "UnauthorizedOperation": 403,
    "AccessDenied": 403,
    "AccessDeniedException": 403,
    "AuthFailure": 401,
    "InvalidClientTokenId": 403,
    "InsufficientInstanceCapacity": 500,
    "InsufficientHostCapacity": 500,
}
"""HTTP's; 400 where it is not here (source: AWS's lists of common and of EC2's error codes)."""

REQUEST_ID = "00000000-0000-4000-8000-000000000000"


@dataclass(frozen=True)
class Answer:
    """An HTTP response."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


class Refusal(Exception):  # noqa: N818
    """An action refused with AWS's own code; `status` is HTTP's where it is not the usual."""

    def __init__(self, code: str, message: str = "", status: int | None = None) -> None:
        super().__init__(f"{code}: {message}")
        self.code, self.message = code, message or f"{code} (of the tests)"
        self.status = status or _STATUS.get(code, 400)


def answer_of(call: Call, result: Mapping[str, Any]) -> Answer:
    """The result of an action in the shape that boto3 gives, as it goes over the wire."""
    model = get_service_model(model_name(call))
    operation = model.operation_model(call.action)
    serializer = get_serializer_class(model.service_name, call.protocol)
    done = serializer(operation_model=operation).serialize(dict(result))
    headers = {"Content-Type": _content_type(call), **done["headers"]}
    body = done["body"]
    return Answer(
        int(done["status_code"]),
        tuple((name, str(value)) for name, value in headers.items()),
        body if isinstance(body, bytes) else body.encode(),
    )


def refused(call: Call, refusal: Refusal) -> Answer:
    """The error document of the service's protocol."""
    code, message = escape(refusal.code), escape(refusal.message)
    error = f"<Code>{code}</Code><Message>{message}</Message>"
    headers = [("Content-Type", _content_type(call)), ("x-amzn-RequestId", REQUEST_ID)]
    if call.protocol == "ec2":
        text = (
            f"<Response><Errors><Error>{error}</Error></Errors>"
            f"<RequestID>{REQUEST_ID}</RequestID></Response>"
        )
    elif call.protocol in ("query", "rest-xml"):
        text = (
            f"<ErrorResponse><Error><Type>Sender</Type>{error}</Error>"
            f"<RequestId>{REQUEST_ID}</RequestId></ErrorResponse>"
        )
    else:
        headers.append(("x-amzn-ErrorType", refusal.code))
        # Both spellings are out there: some services have Message, most have message.
        text = json.dumps(
            {"__type": refusal.code, "message": refusal.message, "Message": refusal.message}
        )
    return Answer(refusal.status, tuple(headers), text.encode())


def _content_type(call: Call) -> str:
    if call.protocol in ("ec2", "query", "rest-xml"):
        return "text/xml"
    return "application/x-amz-json-1.1" if call.protocol == "json" else "application/json"
