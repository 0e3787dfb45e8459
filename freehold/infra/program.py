"""The Pulumi program: the stack's file, declared."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pulumi

from freehold.errors import FreeholdError
from freehold.infra.node import NodeArgs, NodeComponent
from freehold.infra.resources import ApiKey, Authority, Provider, Where
from freehold.infra.upkeep import Upkeep
from freehold.render.engine_flags import engine_flags, flag_problems, known_flags
from freehold.sizing.planned import Planned
from freehold.sizing.policy import rent_problems
from freehold.spec import load, stack_file
from freehold.spec.model import Spec
from freehold.weights.chosen import Chosen

if TYPE_CHECKING:
    from freehold.infra.rented import RentedComponent
    from freehold.plan.driver_wanted import DriverWanted


def declare(root: Path) -> None:
    """Declare every node of the selected stack, and export how it is reached.

    A FreeholdError becomes the engine's own error, whole and without a traceback.
    """
    try:
        _declare(root)
    except FreeholdError as error:
        raise pulumi.RunError(str(error)) from None


def _declare(root: Path) -> None:
    path = stack_file(pulumi.get_stack(), root)
    key = pulumi.Config("freehold").get("api_key")
    spec = load(path, root=root, secrets={"freehold:api_key": key} if key else {})
    chosen = Chosen.of(spec)
    place = str(path.relative_to(root))
    _check_flags(spec, chosen, place)
    _check_rent(spec, place)

    provider = Provider("freehold", spec)
    api_key = _api_key(spec, provider)
    rental = _rental(spec, provider)
    authority = _authority(spec, provider)
    nodes = {}
    for node in spec.nodes:
        where: Where = {"node": node.name, "ssh": node.ssh}
        args = NodeArgs(
            node,
            spec.model,
            chosen,
            spec.prices,
            spec.policy,
            spec.wipe,
            api_key,
            where,
            Upkeep(spec.tuning, spec.guard, spec.telemetry),
            door=spec.door,
            authority=authority,
            driver=_driver(spec, chosen),
        )
        if rental is not None:
            args = replace(args, where=rental.where, usd_per_hour=rental.instance.usd_per_hour)
        nodes[node.name] = NodeComponent(args, provider)
    pulumi.export("endpoints", {name: node.endpoint for name, node in nodes.items()})
    pulumi.export("layouts", {name: node.layout for name, node in nodes.items()})
    pulumi.export("model", spec.model.alias)
    pulumi.export("api_key", api_key)
    if authority is not None:
        pulumi.export("ca_certificate", authority.certificate)


def _rental(spec: Spec, provider: Provider) -> RentedComponent | None:
    """What is rented for the stack's one node, and its exports."""
    if spec.rented is None:
        return None
    # Not for a stack of owned boxes: it takes pulumi-aws, and seconds to import.
    from freehold.infra.rented import RentedArgs, RentedComponent

    rental = RentedComponent(
        RentedArgs(
            rented=spec.rented,
            node=spec.nodes[0],
            stack=_stack_id(),
            store=spec.store,
            weights=spec.model.weights,
            policy=spec.policy,
        ),
        provider,
    )
    pulumi.export(
        "lease",
        {
            "token": rental.lease.token,
            "deadline": rental.lease.deadline,
            "instance": rental.instance.instance_id,
            "region": rental.instance.region,
            "instance_type": rental.instance.instance_type,
            "usd_per_hour": rental.instance.usd_per_hour,
        },
    )
    return rental


def _authority(spec: Spec, provider: Provider) -> Authority | None:
    """Where doors have no certificate of the site's own."""
    if spec.door is None or spec.door.certificate is not None:
        return None
    return Authority("authority", _stack_id(), pulumi.ResourceOptions(provider=provider))


def _stack_id() -> str:
    return f"{pulumi.get_project()}/{pulumi.get_stack()}"


def _driver(spec: Spec, chosen: Chosen) -> DriverWanted | None:
    """None where it is its owner's business."""
    if spec.driver is None:
        return None
    # Not for those stacks: what knows of drivers takes its time to import.
    from freehold.plan.driver_wanted import driver_wanted

    return driver_wanted(spec.driver, chosen.engine)


def _api_key(spec: Spec, provider: Provider) -> pulumi.Output[str]:
    if spec.api_key is not None:
        return pulumi.Output.secret(spec.api_key.reveal())
    return ApiKey("api-key", pulumi.ResourceOptions(provider=provider)).value


def _check_flags(spec: Spec, chosen: Chosen, place: str) -> None:
    """Every flag of every node, against the pinned build, before any box is touched."""
    known = known_flags(chosen.engine.engine_help or "")
    flags = {
        flag[0]: None
        for node in spec.nodes
        for flag in engine_flags(
            spec.model,
            node.server,
            chosen.weights,
            chosen.engine,
            Planned.by_hand(node.server, cores=1, known_flags=known),
        )
    }
    problems = flag_problems(place, flags, chosen.engine)
    if problems:
        raise FreeholdError(problems)


def _check_rent(spec: Spec, place: str) -> None:
    """What the nodes cost together, as far as the stack says it."""
    priced = {node.name: node.hardware.usd_per_hour for node in spec.nodes}
    known = {name: price for name, price in priced.items() if price is not None}
    if problems := rent_problems(place, spec.policy, known):
        raise FreeholdError(problems)
