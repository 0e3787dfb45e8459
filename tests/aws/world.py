"""AWS for tests: moto's answers on loopback, with what moto lacks, and faults on demand."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable, Mapping
from typing import Any

from moto.backends import get_backend
from moto.core.base_backend import BackendDict
from moto.ec2.models.amis import Ami

from freehold.rent.aws import Aws
from freehold.spec.rented import IMAGE
from tests.aws import ec2_rules, schedules
from tests.aws.answer import Answer, Refusal, answer_of
from tests.aws.call import Call, Environ
from tests.aws.clock import Clock
from tests.aws.faults import Faults
from tests.aws.machines import Ledger, Machine, machine_of
from tests.aws.policy import action_of, allows
from tests.aws.schedules import Fired
from tests.aws.server import server

CarryOut = Callable[[], Answer]
Rule = Callable[["World", Call, CarryOut], Answer]
Handler = Callable[[Call], Mapping[str, Any]]

REGIONS = ("us-east-1", "us-west-2", "eu-central-1")
REGIONS_OFF = ("ap-east-1", "me-south-1")
_GLOBAL = ("iam", "sts", "pricing")
_RULES: dict[str, dict[str, Rule]] = {"ec2": ec2_rules.RULES, "scheduler": schedules.RULES}


class World:
    """One account, empty at first. Several may be at once; `environment` leads to this one.

    `calls_until_running`, `calls_until_terminated`: DescribeInstances calls that an instance is
    `pending` or `shutting-down` for. `calls_until_described`: those that do not show a new one.
    `calls_until_console`: GetConsoleOutput calls that give no text. `on_launch` and `on_end` are
    told the ids of instances; they are not called for a power-off from within.
    """

    def __init__(
        self, regions: tuple[str, ...] = REGIONS, regions_off: tuple[str, ...] = REGIONS_OFF
    ) -> None:
        self.regions, self.regions_off = regions, regions_off
        self.clock, self.faults, self.ledger = Clock(), Faults(), Ledger()
        self.calls: list[Call] = []
        self.calls_until_running = self.calls_until_terminated = 1
        self.calls_until_described = self.calls_until_console = 0
        self.on_launch: Callable[[str], None] = lambda _: None
        self.on_end: Callable[[str], None] = lambda _: None
        self.launched: dict[tuple[str, str], tuple[dict[str, Any], Answer, str]] = {}
        self.scheduled: dict[tuple[str, str], tuple[dict[str, Any], Answer]] = {}
        self._handlers: dict[tuple[str, str], Handler] = {}
        self._policy: Mapping[str, Any] | None = None
        self._lock = threading.RLock()
        self._server = server()
        self.account, self._key = self._server.register(self)

    # What a test does with it

    def environment(self) -> dict[str, str]:
        """What leads boto3, in this process or another, here and nowhere else."""
        return {
            "AWS_ENDPOINT_URL": self._server.endpoint,
            "AWS_ACCESS_KEY_ID": self._key,
            "AWS_SECRET_ACCESS_KEY": "no secret of anybody",
            "AWS_DEFAULT_REGION": self.regions[0],
            "AWS_CONFIG_FILE": "/nowhere",
            "AWS_SHARED_CREDENTIALS_FILE": "/nowhere",
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def aws(self) -> Aws:
        """A new one; the environment must lead here (the fixture `world` sees to that)."""
        return Aws()

    def handle(self, service: str, action: str, handler: Handler) -> None:
        """Answer an action by a function of the call; it gives boto3's shape, or raises Refusal.

        `service` is the name that requests are signed with: ec2, pricing, servicequotas.
        """
        self._handlers[service, action] = handler

    def allow_only(self, policy: Mapping[str, Any] | None) -> None:
        """Refuse what this IAM policy does not allow, by action; None: everything is allowed."""
        self._policy = policy

    def machines(self, token: str | None = None) -> tuple[Machine, ...]:
        """All instances there ever were, or those of a lease, as they are and not as AWS says."""
        with self._lock:
            found = [
                machine_of(self, region, instance)
                for region in self.regions
                for instance in self.ec2(region).all_instances()
            ]
        return tuple(m for m in found if token in (None, m.tags.get("freehold:lease")))

    def billing(self, token: str | None = None) -> tuple[Machine, ...]:
        """Those that cost money now."""
        return tuple(machine for machine in self.machines(token) if machine.bills)

    def left(self) -> tuple[str, ...]:
        """Whatever is there that a new account lacks, but for ended instances: "KIND ID"."""
        with self._lock:
            found = [f"instance {m.id}" for m in self.machines() if m.state != "terminated"]
            for region in self.regions:
                ec2 = self.ec2(region)
                found += [f"volume {name}" for name in ec2.volumes]
                found += [f"interface {name}" for name in ec2.enis]
                found += [f"address {name}" for name in ec2.addresses]
                found += [f"key {name}" for name in ec2.key_pairs]
                found += [
                    f"group {group.id}"
                    for groups in ec2.groups.values()
                    for group in groups.values()
                    if group.name != "default"
                ]
                for group in self.scheduler(region).schedule_groups.values():
                    found += [f"schedule {name}" for name in group.schedules]
            found += [f"role {role.name}" for role in self.iam.roles.values()]
            found += [f"profile {p.name}" for p in self.iam.instance_profiles.values()]
        return tuple(sorted(found))

    def fire_schedules(self) -> tuple[Fired, ...]:
        """Carry out the schedules that are due by `clock`."""
        with self._lock:
            return schedules.fire(self)

    def instance_powered_off(self, instance_id: str) -> None:
        """Its own operating system shut down: it is terminated, or stopped, as it was launched."""
        with self._lock:
            ec2_rules.power_off(self, instance_id)

    def set_console(self, instance_id: str, text: str | None) -> None:
        """What its console shows from now on; None: nothing."""
        self.ledger.console[instance_id] = text

    def set_address(self, instance_id: str, address: str) -> None:
        """Its public address."""
        self.moto_instance(instance_id).nics[0].public_ip = address

    def forget_ended(self) -> None:
        """Terminated instances are no longer described, as after an hour or so."""
        with self._lock:
            for region in self.regions:
                reservations = self.ec2(region).reservations
                for key, reservation in list(reservations.items()):
                    if all(i.state == "terminated" for i in reservation.instances):
                        del reservations[key]

    def image(self, region: str) -> str:
        """The image that `IMAGE` names in a region."""
        return f"ami-{hashlib.sha256(region.encode()).hexdigest()[:17]}"

    def close(self) -> None:
        """No call is answered any more, and its state is gone."""
        self.faults.clear()
        self._server.forget(self._key)
        with self._lock:
            for backend in list(BackendDict._instances):
                backend.pop(self.account, None)

    # What the rules do with it

    def ec2(self, region: str) -> Any:
        """moto's records of a region."""
        found = get_backend("ec2")[self.account][region]
        name = self.image(region)
        if name not in found.amis:
            found.amis[name] = Ami(
                found,
                name,
                name="Deep Learning Base OSS Nvidia Driver GPU AMI (Ubuntu 24.04)",
                owner_id="898082745236",
                owner_alias="amazon",
                public=True,
                architecture="x86_64",
                virtualization_type="hvm",
                root_device_type="ebs",
            )
        return found

    def scheduler(self, region: str) -> Any:
        """moto's records of schedules."""
        return get_backend("scheduler")[self.account][region]

    @property
    def iam(self) -> Any:
        """moto's records of roles and profiles."""
        return get_backend("iam")[self.account]["aws"]

    def moto_instance(self, instance_id: str) -> Any:
        """moto's record of an instance, wherever it is."""
        for region in self.regions:
            found = self.ec2(region).get_instance_by_id(instance_id)
            if found:
                return found
        raise LookupError(instance_id)

    @staticmethod
    def tags_of(record: Any) -> dict[str, str]:
        """The tags of one of moto's records."""
        return {tag["key"]: tag["value"] for tag in record.get_tags()}

    def policies_of_role(self, name: str) -> list[Mapping[str, Any]]:
        """Its inline policies; none where there is no such role."""
        role = next((role for role in self.iam.roles.values() if role.name == name), None)
        return [json.loads(text) for text in role.policies.values()] if role else []

    def answer(self, call: Call, environ: Environ, body: bytes) -> Answer:
        """One call; see `Account`."""
        self.calls.append(call)
        self.faults.strike(call, "before", "drop")
        if call.service not in _GLOBAL and call.region not in self.regions:
            raise Refusal(*_region_off(call))
        if self._policy is not None and not allows([self._policy], action_of(call)):
            raise Refusal(*_denied(call))
        with self._lock:
            answer = self._carried_out(call, environ, body)
        if answer.status >= 300:
            call.code = str(answer.status)
        self.faults.strike(call, "after", "timeout")
        return answer

    def _carried_out(self, call: Call, environ: Environ, body: bytes) -> Answer:
        handler = self._handlers.get((call.service, call.action))
        if handler:
            return answer_of(call, handler(call))
        if call.service == "ssm" and call.parameters.get("Name") == IMAGE:
            value = {"Name": IMAGE, "Type": "String", "Value": self.image(call.region)}
            return answer_of(call, {"Parameter": value})
        if call.service == "ec2":
            self.ec2(call.region)  # with its image

        def carry_out() -> Answer:
            return self._server.moto(environ, body, self.account)

        rule = _RULES.get(call.service, {}).get(call.action)
        return rule(self, call, carry_out) if rule else carry_out()


def _region_off(call: Call) -> tuple[str, str]:
    if call.service == "ec2":
        return (
            "AuthFailure",
            "AWS was not able to validate the provided access credentials",
        )
    return "UnrecognizedClientException", "The security token included in the request is invalid."


def _denied(call: Call) -> tuple[str, str]:
    if call.service == "ec2":
        return "UnauthorizedOperation", "You are not authorized to perform this operation."
    code = "AccessDenied" if call.protocol == "query" else "AccessDeniedException"
    return code, f"User is not authorized to perform: {action_of(call)}"
