"""One node sized: by formula from what it is, then by the engine where it has the build."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache

from freehold.account.account import Account, AccountError
from freehold.account.account_lines import account_lines
from freehold.account.ask import ask_engine, asked_flags
from freehold.catalog.by_hand import overridden
from freehold.catalog.calibration import calibration
from freehold.catalog.measurements import Measurements
from freehold.catalog.read import hardware_from
from freehold.catalog.terrain import alternatives, catalogued, market_of, unlike_catalogue
from freehold.errors import FreeholdError, Problem
from freehold.facts.fact import gather
from freehold.facts.hardware import hardware_fact
from freehold.gguf.header import Header
from freehold.hosts.command import Command
from freehold.hosts.host import Host
from freehold.render.engine_flags import flag_problems, known_flags
from freehold.render.paths import UNIT
from freehold.sizing.choose import lay_out
from freehold.sizing.hardware import Hardware
from freehold.sizing.layout import Layout
from freehold.sizing.measurement import Subject, subject_of
from freehold.sizing.model import ModelShape
from freehold.sizing.planned import Planned
from freehold.sizing.policy import policy_problems
from freehold.sizing.shape import shape_of
from freehold.sizing.table import lines
from freehold.sizing.verdict import Verdict, judge
from freehold.sizing.verdict_lines import verdict_lines
from freehold.sizing.wanted import wishes_of
from freehold.sizing.ways_out import ways_out
from freehold.sizing.wishes import GIB, MIB, Wishes
from freehold.spec.economy import Policy, Prices
from freehold.spec.model import Node
from freehold.weights.chosen import Chosen
from freehold.weights.header import header_of
from freehold.weights.manifest import Kind
from freehold.weights.store import Store

_ATTEMPTS = 3
_REFUSED = "error while handling argument"  # a device that it does not see, say (common/arg.cpp)


@dataclass(frozen=True)
class NodeSizing:
    """`verdict` is None where the person places the model; `account` where no engine was asked."""

    hardware: Hardware
    planned: Planned
    verdict: Verdict | None
    account: Account | None
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Served:
    """What all nodes of a stack are sized with."""

    chosen: Chosen
    header: Header
    model: ModelShape
    prices: Prices
    policy: Policy
    measurements: Measurements

    @classmethod
    def of(cls, store: Store, chosen: Chosen, prices: Prices, policy: Policy) -> Served:
        """Of what lies in the stack's store. Raises GgufError for weights that are no model."""
        header = _header(store, chosen.weights.digest, chosen.weights.name)
        model = shape_of(header, chosen.weights.name)
        return cls(chosen, header, model, prices, policy, Measurements(store))


@cache  # all nodes of a stack serve one model
def _header(store: Store, _digest: str, name: str) -> Header:
    return header_of(store, store.manifest(Kind.WEIGHTS, name))


def size_node(host: Host, node: Node, served: Served, *, asks_engine: bool = True) -> NodeSizing:
    """Read the node, lay the model out on it, and ask its engine where it has the build.

    Raises FreeholdError naming everything that is short, or misses the stack's policy.
    """
    facts = gather(host, [hardware_fact(UNIT)])[0]
    return _sized(hardware_from(facts, node.name), node, served, host if asks_engine else None)


def size_machine(machine: Hardware, node: Node, served: Served) -> NodeSizing:
    """The same of a machine that is known and not there yet: nothing is read, no engine asked."""
    return _sized(machine, node, served, None)


def _sized(machine: Hardware, node: Node, served: Served, host: Host | None) -> NodeSizing:
    """The engine of `host` is asked, where there is one."""
    hardware = overridden(machine, node.hardware, f"{node.name}: hardware")
    known = known_flags(served.chosen.engine.engine_help or "")
    if node.server.placement == "by_hand":
        planned = Planned.by_hand(node.server, hardware.cores, known)
        return NodeSizing(hardware, planned, None, None, ("the placement is by hand: not sized",))
    asked = host if host is not None and has_engine(host, served.chosen) else None
    like = catalogued(served.model)
    wishes, notes = (
        wishes_of(node.server),
        [*(unlike_catalogue(served.model, like) if like else ())],
    )
    for _ in range(_ATTEMPTS):
        layout = _fitting(node.name, served, hardware, wishes)
        planned = Planned.of(layout, known)
        if lacking := flag_problems(node.name, _words(planned), served.chosen.engine):
            raise FreeholdError(lacking)
        account = _asked(asked, served, planned, notes) if asked else None
        over_bytes = _over(layout, account)
        if not over_bytes:
            verdict = _verdict(served, hardware, wishes, planned)
            _require(node.name, served.policy, layout, verdict)
            return NodeSizing(hardware, planned, verdict, account, tuple(notes))
        notes.append(
            f"by the engine's account a device needs {over_bytes / MIB:.0f} MiB more: laid out "
            "again with so much more head-room"
        )
        headroom_bytes = wishes.headroom_gpu_bytes + over_bytes
        wishes = replace(wishes, headroom_gpu_bytes=headroom_bytes)
    raise FreeholdError.of(
        node.name,
        f"expected a layout that the engine's own account confirms, found none in {_ATTEMPTS}",
        "set freehold:server.headroom_gpu_gib higher",
    )


def node_subject(hardware: Hardware, chosen: Chosen, planned: Planned) -> Subject:
    """What a measurement of a node that serves so is kept under."""
    return subject_of(hardware, chosen.engine.digest, chosen.weights.digest, asked_flags(planned))


def report(sizing: NodeSizing) -> list[str]:
    """As a person reads it."""
    text = verdict_lines(sizing.verdict) if sizing.verdict else []
    if sizing.verdict and sizing.account and isinstance(sizing.verdict.answer, Layout):
        text += ["", *account_lines(sizing.verdict.answer, sizing.account)]
    return [*text, *(f"- {note}" for note in sizing.notes)]


def has_engine(host: Host, chosen: Chosen) -> bool:
    """Whether the stack's build lies on the host, whole."""
    script = f'[ -x "{chosen.engine.node_entry}" ] && [ -f "{chosen.engine.node_proof}" ]'
    return host.run(Command(script, "looking for the engine")).exit_status == 0


def _words(planned: Planned) -> list[str]:
    return [flag[0] for flag in planned.flags]


def _fitting(place: str, served: Served, hardware: Hardware, wishes: Wishes) -> Layout:
    answer = lay_out(served.model, hardware, wishes)
    if isinstance(answer, Layout):
        return answer
    market = alternatives(served.model)
    ways = ways_out(answer, wishes, market.quants, market.machines)
    head, *rest = lines(replace(answer, ways_out=ways))
    raise FreeholdError.of(place, "\n".join([f"expected a model that fits: {head}", *rest]))


def _verdict(served: Served, hardware: Hardware, wishes: Wishes, planned: Planned) -> Verdict:
    measured = served.measurements.find(node_subject(hardware, served.chosen, planned))
    known = catalogued(served.model)
    return judge(
        served.model,
        hardware,
        wishes,
        calibration(),
        market_of(served.prices),
        thinking=known.thinking if known else None,
        measured=measured,
    )


def _asked(host: Host, served: Served, planned: Planned, notes: list[str]) -> Account | None:
    """None where the engine cannot say: it is asked for more certainty, and is not needed.

    Flags that it refuses it would refuse after the weights were moved as well: that raises.
    """
    try:
        return ask_engine(host, served.chosen.engine, served.header, asked_flags(planned))
    except AccountError as error:
        if _REFUSED in str(error):
            raise
        notes.append(f"the engine was asked in vain: {error}")
        return None


def _over(layout: Layout, account: Account | None) -> int:
    """By how much the engine's own account exceeds a device's room; 0 where it does not."""
    if account is None:
        return 0
    over = 0
    for use in layout.devices:
        found = account.device(use.device)
        if found is not None:
            room = use.capacity_bytes - use.headroom_bytes - use.overhead_bytes
            over = max(over, found.total_bytes - room)
    return over


def _require(place: str, policy: Policy, layout: Layout, verdict: Verdict) -> None:
    """Raises FreeholdError for each limit that is missed, and for memory that others hold."""
    problems = (
        [] if verdict.speed is None else policy_problems(place, policy, layout, verdict.speed)
    )
    free_bytes = {device.name: device.free_bytes for device in layout.hardware.devices}
    for use in layout.devices:
        free = free_bytes.get(use.device)
        if free is not None and use.total.high > free:
            problems.append(
                Problem(
                    place,
                    f"{use.device}: expected {use.total.high / GIB:.1f} GiB free, found "
                    f"{free / GIB:.1f} of {use.capacity_bytes / GIB:.1f}: others hold the rest",
                    "nvidia-smi names the processes",
                )
            )
    if problems:
        raise FreeholdError(problems)
