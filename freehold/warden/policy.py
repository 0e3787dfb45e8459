"""What a guard does about heat and a failing supply: pure, from readings and the time.

A ladder of rungs: each takes more of the heat away than the one below. It goes up one rung at a
time, and down one at a time and much later, so that it cannot flap.
"""

from __future__ import annotations

from typing import Dict, List, NamedTuple, Optional, Tuple

CONFIRM_S = 10.0
"""So long must it be too warm before the first rung: one reading may be wrong."""
BLIND_S = 60.0
"""So long may nothing tell before that is taken for danger."""
FROZEN_S = 3600.0
FROZEN_OTHERS_MOVED_C = 15.0
"""A value that has not changed for so long, while another of its kind moved so far, is no value."""
RELAPSES_MAX = 6
"""Each return of the heat soon after a rung was left doubles the wait before the next descent."""


class Rules(NamedTuple):
    """`rungs`: "power 85" lowers the GPUs' limit to 85 %, "stop" stops the server; limits in
    degrees C by kind; times in seconds."""

    rungs: Tuple[str, ...]
    limits: Dict[str, float]
    hysteresis_celsius: float
    dwell_s: float
    recover_s: float


class Reading(NamedTuple):
    """One sensor; `celsius` is None where it cannot be believed."""

    name: str
    kind: str
    celsius: Optional[float]


class Supply(NamedTuple):
    """A UPS; None in place of it is one that does not answer."""

    on_battery: bool
    is_low: bool


class Seen(NamedTuple):
    """A sensor's value, since when, and how far others of its kind went in that time."""

    celsius: float
    since_s: float
    others_low: float
    others_high: float


class State(NamedTuple):
    """`rung` 0 is the ground. Times by a clock that only goes forward."""

    rung: int = 0
    changed_s: Optional[float] = None
    went_down: bool = False
    relapses: int = 0
    hot_since_s: Optional[float] = None
    cool_since_s: Optional[float] = None
    seen: Tuple[Tuple[str, Seen], ...] = ()
    told_s: Tuple[Tuple[str, float], ...] = ()
    """By kind, when it last told something."""
    supply: Optional[Supply] = None
    supply_told_s: Optional[float] = None


class Verdict(NamedTuple):
    """`top` is the highest rung that the evidence allows; `why` is for the journal."""

    top: int
    is_hot: bool
    is_cool: bool
    why: str


def decide(
    rules: Rules,
    state: State,
    readings: List[Reading],
    throttled: bool,
    supply: Optional[Supply],
    now_s: float,
) -> Tuple[State, Optional[str]]:
    """The next state, and one line where the rung changed.

    `throttled`: a GPU's own hardware slows it for heat or power. Neither that nor silence ever
    stops a server: only a temperature over its limit does, or a UPS that is low.
    """
    state = _remember(state, readings, supply, now_s)
    verdict = _judge(rules, state, readings, throttled, now_s)
    state = state._replace(
        hot_since_s=_since(state.hot_since_s, verdict.is_hot, now_s),
        cool_since_s=_since(state.cool_since_s, verdict.is_cool, now_s),
    )
    if _is_low(state):
        return _to(state, len(rules.rungs), now_s, verdict.why)
    waits_s = CONFIRM_S if state.rung == 0 else rules.dwell_s
    if state.rung < verdict.top and _lasts(state.hot_since_s, CONFIRM_S, now_s):
        if _lasts(state.changed_s, waits_s, now_s, never=True):
            return _to(state, state.rung + 1, now_s, verdict.why, rules)
    recover_s = rules.recover_s * 2 ** min(state.relapses, RELAPSES_MAX)
    if state.rung > 0 and _lasts(state.cool_since_s, recover_s, now_s):
        if _lasts(state.changed_s, recover_s, now_s, never=True):
            return _to(state, state.rung - 1, now_s, "cool again", rules)
    return state, None


def _since(before_s: Optional[float], holds: bool, now_s: float) -> Optional[float]:
    if not holds:
        return None
    return now_s if before_s is None else before_s


def _lasts(since_s: Optional[float], wait_s: float, now_s: float, never: bool = False) -> bool:
    return never if since_s is None else now_s - since_s >= wait_s


def _to(
    state: State, rung: int, now_s: float, why: str, rules: Optional[Rules] = None
) -> Tuple[State, Optional[str]]:
    if rung == state.rung:
        return state, None
    relapses = state.relapses
    if rules is not None and state.changed_s is not None:
        since_s = now_s - state.changed_s
        if rung > state.rung and state.went_down and since_s < 4 * rules.recover_s:
            relapses = min(relapses + 1, RELAPSES_MAX)
        elif rung > state.rung and state.rung == 0 and since_s > 24 * 3600:
            relapses = 0
    down = rung < state.rung
    line = f"{'down' if down else 'up'} from rung {state.rung} to {rung}: {why}"
    return state._replace(rung=rung, changed_s=now_s, went_down=down, relapses=relapses), line


def _judge(
    rules: Rules, state: State, readings: List[Reading], throttled: bool, now_s: float
) -> Verdict:
    believed = [each for each in readings if _is_believed(state, each, now_s)]
    # How far each is above its limit, where its kind has one.
    above = {
        r.name: (r.celsius or 0) - rules.limits[r.kind] for r in believed if r.kind in rules.limits
    }
    over = [r for r in believed if above.get(r.name, -1) >= 0]
    is_warm = any(degrees > -rules.hysteresis_celsius for degrees in above.values())
    blind = _blind(rules, state, believed, now_s)
    gentle = sum(1 for rung in rules.rungs if rung != "stop")
    on_battery = state.supply is not None and state.supply.on_battery
    if _is_low(state):
        return Verdict(len(rules.rungs), True, False, "the UPS is low, or silent on battery")
    if over:
        why = ", ".join(f"{r.name} at {r.celsius:.0f} C" for r in over)
        return Verdict(len(rules.rungs), True, False, why)
    if throttled:
        return Verdict(gentle, True, False, "a GPU is slowed by its own hardware")
    if blind:
        return Verdict(gentle, True, False, f"nothing tells the temperature of {', '.join(blind)}")
    # Kinds that are silent for less than BLIND_S are not known to be cool.
    told = {r.kind for r in believed}
    is_known = all(kind in told for kind, _ in state.told_s if kind in rules.limits)
    return Verdict(0, False, not (is_warm or on_battery) and is_known, "")


def _blind(rules: Rules, state: State, believed: List[Reading], now_s: float) -> List[str]:
    """Kinds with a limit that have told something once, and nothing for too long."""
    told = {each.kind for each in believed}
    return [
        kind
        for kind, at_s in state.told_s
        if kind in rules.limits and kind not in told and now_s - at_s >= BLIND_S
    ]


def _is_low(state: State) -> bool:
    return state.supply is not None and state.supply.on_battery and state.supply.is_low


def _is_believed(state: State, reading: Reading, now_s: float) -> bool:
    seen = dict(state.seen).get(reading.name)
    if reading.celsius is None or seen is None:
        return reading.celsius is not None
    moved = seen.others_high - seen.others_low
    return now_s - seen.since_s < FROZEN_S or moved < FROZEN_OTHERS_MOVED_C


def frozen(state: State, now_s: float) -> List[str]:
    """Sensors that have stood still too long to be believed, for the journal."""
    return [
        name
        for name, seen in state.seen
        if not _is_believed(state, Reading(name, "", seen.celsius), now_s)
    ]


def _remember(
    state: State, readings: List[Reading], supply: Optional[Supply], now_s: float
) -> State:
    before, seen = dict(state.seen), {}
    for each in readings:
        if each.celsius is None:
            continue
        others = [
            other.celsius
            for other in readings
            if other.kind == each.kind and other.name != each.name and other.celsius is not None
        ] or [each.celsius]
        low, high = min(others), max(others)
        old = before.get(each.name)
        if old is None or old.celsius != each.celsius:
            seen[each.name] = Seen(each.celsius, now_s, low, high)
        else:
            seen[each.name] = old._replace(
                others_low=min(low, old.others_low), others_high=max(high, old.others_high)
            )
    told = dict(state.told_s)
    state = state._replace(seen=tuple(seen.items()))
    told.update({r.kind: now_s for r in readings if _is_believed(state, r, now_s)})
    state = state._replace(told_s=tuple(told.items()))
    if supply is not None:
        return state._replace(supply=supply, supply_told_s=now_s)
    # A UPS that fell silent on battery may be at its end; one that did on mains says nothing.
    silent_s = now_s - state.supply_told_s if state.supply_told_s is not None else 0.0
    if state.supply is not None and state.supply.on_battery and silent_s >= BLIND_S:
        return state._replace(supply=Supply(True, True))
    return state
