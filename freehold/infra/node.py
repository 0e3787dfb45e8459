"""One node of the stack: a box, its engine, weights and files, and the server over them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pulumi

from freehold.infra.layout_inputs import layout_inputs
from freehold.infra.placing import after, hashes, place, sha256
from freehold.infra.resources import (
    Authority,
    Box,
    Driver,
    File,
    FileSet,
    Layout,
    Provider,
    Service,
    Timer,
    Where,
)
from freehold.infra.upkeep import Upkeep, declare_upkeep
from freehold.render.paths import (
    KEY_PATH,
    UNIT,
    UNIT_PATH,
    VERIFY_TIMER,
    VERIFY_TIMER_PATH,
    VERIFY_UNIT_PATH,
)
from freehold.render.service import is_loopback, service_unit, verify_timer, verify_unit
from freehold.sizing.planned import Planned
from freehold.spec.door import Door
from freehold.spec.economy import Policy, Prices
from freehold.spec.model import Model, Node
from freehold.weights.chosen import Chosen

if TYPE_CHECKING:
    from freehold.plan.driver_wanted import DriverWanted


@dataclass(frozen=True)
class NodeArgs:
    """What a node serves; `api_key` is a secret. Of a rented one `where` is known once it is there,
    and `usd_per_hour` too. Without an `authority` a `door` has a certificate of the site's own."""

    node: Node
    model: Model
    chosen: Chosen
    prices: Prices
    policy: Policy
    wipe: str
    api_key: pulumi.Output[str]
    where: Where
    upkeep: Upkeep
    usd_per_hour: pulumi.Output[float] | None = None
    door: Door | None = None
    authority: Authority | None = None
    driver: DriverWanted | None = None
    """None where it is its owner's business."""


class NodeComponent(pulumi.ComponentResource):
    """`endpoint` is the URL that clients use; `layout` says in short how the model lies."""

    endpoint: pulumi.Output[str]
    layout: Mapping[str, pulumi.Output[Any]]

    def __init__(self, args: NodeArgs, provider: Provider) -> None:
        node, server, chosen = args.node, args.node.server, args.chosen
        super().__init__("freehold:index:Node", node.name, {}, pulumi.ResourceOptions())
        where = args.where
        base = pulumi.ResourceOptions(parent=self, provider=provider)
        box = Box(node.name, where, chosen.engine.arch, args.wipe, base)
        on_box = pulumi.ResourceOptions.merge(base, after(box))

        nvidia = box.nvidia
        if args.driver is not None:
            # Before the engine, which needs its libraries; the box was read before it was there.
            driver = Driver(where, args.driver, server.port, on_box)
            nvidia, on_box = driver.nvidia, pulumi.ResourceOptions.merge(on_box, after(driver))
        kept = declare_upkeep(args.upkeep, server.port, where, nvidia, on_box)
        engine = FileSet(where, chosen.engine, args.wipe, on_box)
        machine = {"cores": box.cores, "memory_bytes": box.memory_bytes, "nvidia": nvidia}
        inputs = layout_inputs(node, chosen, args.prices, args.policy, machine)
        if args.usd_per_hour is not None:
            inputs["hardware"] = {**inputs["hardware"], "usd_per_hour": args.usd_per_hour}
        # After the engine, which has a say in it, and before the weights, which take hours.
        layout = Layout(where, inputs, pulumi.ResourceOptions.merge(base, after(box, engine)))
        weights = FileSet(
            where, chosen.weights, args.wipe, pulumi.ResourceOptions.merge(base, after(box, layout))
        )
        key_text = args.api_key.apply(lambda key: f"{key}\n")
        key = File(where, KEY_PATH, key_text, on_box, mode="0600", is_secret=True)

        def render(facts: Mapping[str, Any]) -> str:
            planned, has_gpu = Planned.of_properties(facts["planned"]), bool(facts["nvidia"])
            return service_unit(args.model, server, chosen.weights, chosen.engine, planned, has_gpu)

        unit_text = pulumi.Output.all(planned=layout.planned, nvidia=nvidia).apply(render)
        unit = File(where, UNIT_PATH, unit_text, on_box)
        restart_on = {
            UNIT_PATH: unit_text.apply(sha256),
            KEY_PATH: key_text.apply(sha256),
            # Files that came again after the start: the server has the old ones open.
            chosen.engine.node_proof: engine.proof,
            chosen.weights.node_proof: weights.proof,
        }
        props = {
            "unit": UNIT,
            "port": server.port,
            "ready_timeout_s": server.ready_timeout_s,
            "restart_on": restart_on,
            "planned": layout.planned,
            "serves": {
                "weights": chosen.weights.name,
                "digest": chosen.weights.digest,
                "engine": chosen.engine.name,
            },
        }
        placed = [box, *kept, engine, layout, weights, key, unit]
        service = Service(
            where, props, pulumi.ResourceOptions(parent=self, provider=provider, depends_on=placed)
        )
        _verifying(where, chosen, base, [box, weights])
        entrance: pulumi.CustomResource = service
        scheme, listen, port = "http", server.listen, server.port
        if args.door is not None:
            # Not for a stack without a door: certificates take cryptography, and that its time.
            from freehold.infra.door import DoorArgs, door_of

            scheme, listen, port = "https", args.door.listen, args.door.port
            door_args = DoorArgs(
                args.door, node, where, args.api_key, layout.planned, args.authority
            )
            entrance = door_of(door_args, box, service, base)
        local = is_loopback(listen)
        self.endpoint = pulumi.Output.all(box.address, entrance.id).apply(
            lambda known: f"{scheme}://{'127.0.0.1' if local else known[0]}:{port}/v1"
        )
        self.layout = {"mode": layout.mode, "speed": layout.speed}
        self.register_outputs({"endpoint": self.endpoint})


def _verifying(
    where: Where,
    chosen: Chosen,
    base: pulumi.ResourceOptions,
    first: list[pulumi.Resource],
) -> None:
    """The timer that has every byte of the weights read again."""
    texts = {VERIFY_UNIT_PATH: verify_unit(chosen.weights), VERIFY_TIMER_PATH: verify_timer()}
    on_box = pulumi.ResourceOptions.merge(base, after(*first[:1]))
    files = place(where, texts, on_box)
    props = {"unit": VERIFY_TIMER, "restart_on": hashes(texts)}
    Timer(where, props, pulumi.ResourceOptions.merge(base, after(*first, *files)))
