"""What moto lacks of Service Quotas: the vCPU quotas of EC2."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from tests.aws.answer import Refusal
from tests.aws.call import Call

Handler = Callable[[Call], Mapping[str, Any]]


def get_service_quota(vcpus: Mapping[tuple[str, str], float]) -> Handler:
    """An account's own values by (code, region); where it has none, there is AWS's default."""

    def handler(call: Call) -> Mapping[str, Any]:
        value = vcpus.get((call.parameters["QuotaCode"], call.region))
        if value is None or call.parameters["ServiceCode"] != "ec2":
            raise Refusal("NoSuchResourceException", "The request failed because ...", 400)
        return {"Quota": _quota(call, value)}

    return handler


def get_aws_default_service_quota(vcpus: float) -> Handler:
    """The same for every code."""

    def handler(call: Call) -> Mapping[str, Any]:
        return {"Quota": _quota(call, vcpus)}

    return handler


def _quota(call: Call, value: float) -> dict[str, Any]:
    code = call.parameters["QuotaCode"]
    return {
        "ServiceCode": "ec2",
        "ServiceName": "Amazon Elastic Compute Cloud (Amazon EC2)",
        "QuotaArn": f"arn:aws:servicequotas:{call.region}:123456789012:ec2/{code}",
        "QuotaCode": code,
        "QuotaName": "of the tests",
        "Value": float(value),
        "Unit": "None",
        "Adjustable": True,
        "GlobalQuota": False,
    }
