"""What a layout is made from, and what is told of it: between properties and the sizing rooms."""

from __future__ import annotations

from freehold.account.size_node import NodeSizing, Served, report, size_machine, size_node
from freehold.catalog.instances import instance_hardware, instances
from freehold.hosts.host import Host
from freehold.infra.values import Properties, has_unknown
from freehold.sizing.held import Interval
from freehold.sizing.layout import Layout
from freehold.spec.economy import Policy, Prices
from freehold.spec.hardware import KnownHardware
from freehold.spec.model import Node, Server
from freehold.weights.chosen import Chosen
from freehold.weights.manifest import Kind
from freehold.weights.objects import StoreError
from freehold.weights.store import Store


def sized(host: Host, inputs: Properties, store: Store) -> tuple[str, Properties]:
    """The report for a person, and the outputs. Raises FreeholdError as size_node does."""
    sizing = size_node(host, _node(inputs), _served(inputs, store))
    return "\n".join(report(sizing)), _told(sizing)


def sized_from_catalogue(instance_type: str, inputs: Properties, store: Store) -> str:
    """The report for a machine that is yet to be rented. Raises FreeholdError as size_machine."""
    instance = instances().get(instance_type)
    if instance is None:
        return f"{instance_type} is not in the catalogue: sized once it is there"
    hardware = {key: each for key, each in inputs["hardware"].items() if not has_unknown(each)}
    node = _node({**inputs, "hardware": hardware})
    sizing = size_machine(instance_hardware(instance), node, _served(inputs, store))
    return "\n".join([f"as the catalogue has {instance_type}:", *report(sizing)])


def _node(inputs: Properties) -> Node:
    server = dict(inputs["server"])
    if "devices" in server:
        server["devices"] = tuple(server["devices"]) or "none"  # as a stack says it
    return Node(
        name=inputs["node"],
        ssh=inputs["ssh"],
        server=Server(**server),
        hardware=KnownHardware(**inputs["hardware"]),
    )


def _told(sizing: NodeSizing) -> Properties:
    verdict = sizing.verdict
    told: Properties = {
        "planned": sizing.planned.to_properties(),
        "engine_asked": sizing.account is not None,
        "mode": "by hand",
        "devices": {},
        "speed": {},
        "cost": {},
    }
    if verdict is None or verdict.speed is None or not isinstance(verdict.answer, Layout):
        return told
    layout, speed = verdict.answer, verdict.speed
    told["mode"] = layout.mode.value
    told["devices"] = {
        use.device: {
            "weights_bytes": use.weights_bytes,
            "kv_bytes": use.kv_bytes + use.indexer_kv_bytes,
            "compute_bytes": int(use.compute.expected),
            "left_bytes": use.left_bytes,
        }
        for use in layout.uses
    }
    told["speed"] = {
        "decode_tokens_per_s": _rounded(speed.decode),
        "prompt_tokens_per_s": _rounded(speed.prompt),
        "load_s": _rounded(speed.load_s),
        "is_measured": speed.measured_at is not None,
    }
    if verdict.cost is not None:
        told["cost"] = {
            "basis": verdict.cost.basis,
            "usd_per_hour": round(verdict.cost.usd_per_hour, 4),
            "usd_per_million_tokens": _rounded(verdict.cost.per_million),
        }
    return told


def _rounded(interval: Interval) -> list[float]:
    """Low, expected, high; to three figures, so that a state does not claim more."""
    return [float(f"{each:.3g}") for each in (interval.low, interval.expected, interval.high)]


def _served(inputs: Properties, store: Store) -> Served:
    chosen = Chosen(
        store.manifest(Kind.ENGINE, inputs["engine"]),
        store.manifest(Kind.WEIGHTS, inputs["weights"]),
    )
    for manifest, digest in (
        (chosen.engine, inputs["engine_digest"]),
        (chosen.weights, inputs["weights_digest"]),
    ):
        if manifest.digest != digest:
            raise StoreError.of(
                store.place, f"{manifest.name}: it was changed while the stack ran", "run again"
            )
    return Served.of(store, chosen, Prices(**inputs["prices"]), Policy(**inputs["policy"]))
