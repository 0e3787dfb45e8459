"""Keys that must agree with one another: in a server, in the node that overrides it, among nodes.

What is checked are the file's own values, beside their types: all problems are told at once, and
each at the key that causes it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from freehold.spec.document import Document, Mark, show
from freehold.spec.door_agreement import report_door
from freehold.spec.flags import PLACING, THINKING
from freehold.spec.model import Spec
from freehold.spec.schema import NAMESPACE, Location, path_of
from freehold.spec.server import Server


@dataclass(frozen=True)
class _Written:
    """A server as it is written at a place, and as the keys that it overrides are written."""

    at: Location
    own: Mapping[str, Any]
    base: Mapping[str, Any]

    def value(self, key: str) -> Any:
        """The merged value, which may be of the wrong type."""
        default = Server.model_fields[key].default
        return self.own.get(key, self.base.get(key, default))

    @property
    def own_flags(self) -> Mapping[str, Any]:
        return _mapping(self.own.get("flags"))


def report_disagreements(values: Mapping[str, Any], document: Document) -> None:
    """Add a problem for each; a value of the wrong type is a problem of its own."""
    _report_nodes(values, document)
    _report_duplicate_nodes(values.get("nodes"), document)
    report_door(values, document)
    thinking = _mapping(values.get("model")).get("thinking")
    for server in _servers(values):
        _report_batches(server, document)
        _report_duplicate_devices(server, document)
        _report_placing_flags(server, document)
        if thinking is not None:
            _report_thinking_flags(server, document)


def report_no_nodes(values: Mapping[str, Any], document: Document, top: Mark) -> None:
    """Add a problem where nothing serves the model; `top` is where `config:` stands."""
    if "nodes" not in values and "rented" not in values:
        described = Spec.model_fields["nodes"].description
        document.report(top, f'missing key "{NAMESPACE}:nodes"', f"nodes: {described}")


def _servers(values: Mapping[str, Any]) -> Iterator[_Written]:
    base = _mapping(values.get("server"))
    yield _Written(("server",), base, {})
    for index, node in enumerate(_entries(values.get("nodes"))):
        yield _Written(("nodes", index, "server"), _mapping(_mapping(node).get("server")), base)
    rented = _mapping(_mapping(values.get("rented")).get("server"))
    yield _Written(("rented", "server"), rented, base)


def _report_batches(server: _Written, document: Document) -> None:
    """The engine would lower ubatch in silence. Source: llama_context's constructor."""
    batch, ubatch = server.value("batch_tokens"), server.value("ubatch_tokens")
    if not _is_count(batch) or not _is_count(ubatch) or ubatch <= batch:
        return
    if "ubatch_tokens" in server.own:
        at: Location = (*server.at, "ubatch_tokens")
        message = f"expected at most batch_tokens ({batch}), got {ubatch}"
    elif "batch_tokens" in server.own:
        at = (*server.at, "batch_tokens")
        message = f"expected at least ubatch_tokens ({ubatch}), got {batch}"
    else:
        return  # both come from freehold:server, where it is told
    document.report(document.values[at], f"{path_of(at)}: {message}")


def _report_duplicate_devices(server: _Written, document: Document) -> None:
    first: dict[str, int] = {}  # the engine finds a device in any case of its letters
    for index, device in enumerate(_entries(server.own.get("devices"))):
        other = first.setdefault(device.casefold(), index) if isinstance(device, str) else index
        if other != index:
            at = (*server.at, "devices", index)
            document.report(
                document.values[at], f"{path_of(at)}: {show(device)} is devices[{other}] already"
            )


def _report_placing_flags(server: _Written, document: Document) -> None:
    placement = server.value("placement")
    if placement == "by_hand":
        return
    for flag in server.own_flags.keys() & PLACING:
        reason = "Freehold computes where each part of the model goes"
        _report_flag(server, flag, reason, "set placement: by_hand to do it yourself", document)
    inherited = _mapping(server.base.get("flags")).keys() & PLACING - server.own_flags.keys()
    if "placement" in server.own and placement == "computed":
        at = (*server.at, "placement")
        for flag in sorted(inherited):
            message = f"expected by_hand, as {path_of(('server', 'flags'))} has {flag}"
            document.report(document.values[at], f"{path_of(at)}: {message}, got computed")


def _report_thinking_flags(server: _Written, document: Document) -> None:
    for flag, value in server.own_flags.items():
        names_it = flag == "--chat-template-kwargs" and any(
            word in str(value) for word in ("enable_thinking", "reasoning_effort")
        )
        if flag in THINKING or names_it:
            reason = "freehold:model.thinking stands for it"
            _report_flag(server, flag, reason, "leave out one of them", document)


def _report_flag(server: _Written, flag: str, reason: str, hint: str, document: Document) -> None:
    flags = (*server.at, "flags")
    message = f"{path_of(flags)}: {flag} is refused: {reason}"
    document.report(document.keys[(*flags, flag)], message, hint)


def _report_nodes(values: Mapping[str, Any], document: Document) -> None:
    """Boxes that are owned, or one that is rented."""
    nodes, rented = values.get("nodes"), values.get("rented")
    if rented is not None and nodes is not None:
        message = f"{path_of(('rented',))}: expected nodes or rented, got both"
        document.report(document.keys[("rented",)], message, "a stack for each")
    if nodes == ():
        message = f"{path_of(('nodes',))}: expected at least one node, got an empty list"
        document.report(document.values[("nodes",)], message)
    rented = _mapping(rented)
    zones, regions = _entries(rented.get("zones")), _entries(rented.get("regions"))
    for index, zone in enumerate(zones):
        if isinstance(zone, str) and not any(zone[:-1] == region for region in regions):
            at = ("rented", "zones", index)
            message = f"{path_of(at)}: expected a zone of the regions, got {show(zone)}"
            document.report(document.values[at], message)
    blocks = "capacity-block" in _entries(rented.get("markets"))
    if blocks and "reservation" not in rented:
        of = ("rented", "markets")
        message = f"{path_of(of)}: expected reservation beside capacity-block, found none"
        document.report(document.values[of], message, "fab rent.quote lists blocks on offer")
    if not blocks and rented.get("reservation") is not None:
        of = ("rented", "reservation")
        message = f"{path_of(of)}: expected the market capacity-block too"
        document.report(document.values[of], message, "markets: [capacity-block]")


def _report_duplicate_nodes(nodes: Any, document: Document) -> None:
    """Two nodes of one name, or two that are one box."""
    names: dict[str, int] = {}
    boxes: dict[str, int] = {}
    for index, node in enumerate(map(_mapping, _entries(nodes))):
        name = node.get("name")
        box = node.get("ssh", name)
        if not isinstance(name, str) or not isinstance(box, str):
            continue  # a problem of its own
        where = path_of(("nodes", index))
        name_mark = document.values[("nodes", index, "name")]
        if (other := names.setdefault(name, index)) != index:
            message = f"{where}: {show(name)} is the name of {path_of(('nodes', other))} already"
            document.report(name_mark, message)
        elif (other := boxes.setdefault(box, index)) != index:
            message = f"{where}: {show(box)} is the box of {path_of(('nodes', other))} already"
            document.report(document.values.get(("nodes", index, "ssh"), name_mark), message)


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _entries(value: Any) -> tuple[Any, ...]:
    return value if isinstance(value, tuple) else ()


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0
