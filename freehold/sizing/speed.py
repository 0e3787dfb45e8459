"""Tokens a second and the time to load: predicted from a layout, or as they were measured."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from freehold.sizing.calibration import Calibration, Outlook
from freehold.sizing.held import Interval
from freehold.sizing.layout import Layout
from freehold.sizing.load_time import load_time
from freehold.sizing.measurement import Measurement
from freehold.sizing.step import Load, Pass, Spent, weights_of


@dataclass(frozen=True)
class Speed:
    """`decode` is of one stream alone, `decode_total` of all slots at once, in tokens/s.

    `prompt` is that of a prompt that fills a batch, `load_s` of a cold start. Both decode figures
    are for a context of which `depth_tokens` are filled. `bound` says what decoding is limited
    by, `read_bytes` what a token reads from each device's memory. `assumed` names what the
    hardware did not say; `measured_at` is when decode and prompt were measured, None for a
    prediction.
    """

    decode: Interval
    decode_total: Interval
    prompt: Interval
    load_s: Interval
    bound: str
    prompt_bound: str
    depth_tokens: int
    slots: int
    read_bytes: Mapping[str, int]
    assumed: tuple[str, ...] = ()
    measured_at: str | None = None


def predict_speed(
    layout: Layout,
    calibration: Calibration,
    measured: Measurement | None = None,
    depth_tokens: int | None = None,
) -> Speed:
    """The speed of a layout. A measurement of the same layout replaces what it measured.

    `depth_tokens` is half a slot's context where it is not given.
    """
    depth = layout.run.context_tokens // 2 if depth_tokens is None else depth_tokens
    weights = weights_of(layout)
    passes = {each: Pass(layout, calibration, each, weights) for each in Outlook}
    slots = layout.run.slots
    one = {o: _decode(p, 1, depth) for o, p in passes.items()}
    all_slots = one if slots == 1 else {o: _decode(p, slots, depth) for o, p in passes.items()}
    batch = Load(max(1, min(layout.run.ubatch_tokens, layout.run.context_tokens)), 1, depth)
    prompt = {o: batch.tokens / _seconds(p.spent(batch)) for o, p in passes.items()}
    spent = _step(passes[Outlook.EXPECTED], 1, depth)
    read: dict[str, int] = defaultdict(int)
    for each in passes[Outlook.EXPECTED].spent(Load(1, 1, depth)):
        read[each.place] += int(each.read_bytes)
    predicted = Speed(
        decode=_interval(one),
        decode_total=_interval(all_slots),
        prompt=_interval(prompt),
        load_s=load_time(layout, calibration),
        bound=_bound(spent),
        prompt_bound=_bound(passes[Outlook.EXPECTED].spent(batch)),
        depth_tokens=depth,
        slots=slots,
        read_bytes=dict(read),
        assumed=tuple(_assumed(layout)),
    )
    return predicted if measured is None else _replaced(predicted, measured)


def _step(passed: Pass, streams: int, depth: int) -> list[Spent]:
    """One step of decoding: with drafts, the drafts of all streams and then their check."""
    if not is_drafting(passed.layout):
        return passed.spent(Load(streams, streams, depth))
    drafts = len(passed.calibration.drafts.accepted)
    drafted = passed.spent(Load(streams, streams, depth, of_draft=True)) * drafts
    return [*drafted, *passed.spent(Load((drafts + 1) * streams, streams, depth))]


def is_drafting(layout: Layout) -> bool:
    """Whether the MTP layer drafts: it was asked for, and the model has one."""
    return layout.run.has_mtp and any(block.is_mtp for block in layout.model.blocks)


def _decode(passed: Pass, streams: int, depth: int) -> float:
    """Tokens/s of all streams together."""
    tokens = float(streams)
    if is_drafting(passed.layout):
        accepted = passed.calibration.drafts.accepted
        tokens *= 1 + sum(each.at(passed.outlook) for each in accepted)
    return tokens / _seconds(_step(passed, streams, depth))


def _seconds(spent: Iterable[Spent]) -> float:
    return sum(each.seconds for each in spent)


def _interval(by_outlook: Mapping[Outlook, float]) -> Interval:
    return Interval(*(by_outlook[o] for o in (Outlook.SLOW, Outlook.EXPECTED, Outlook.FAST)))


def _bound(spent: Iterable[Spent]) -> str:
    """What takes most of the time, and where."""
    seconds: dict[str, float] = defaultdict(float)
    places: dict[str, dict[str, None]] = defaultdict(dict)
    for each in spent:
        seconds[each.what] += each.seconds
        places[each.what][each.place] = None
    most = max(seconds, key=seconds.__getitem__)
    where = list(places[most])
    named = where[0] if len(where) == 1 else f"{where[0]} to {where[-1]}"
    return f"{most} ({named}, {seconds[most] / sum(seconds.values()):.0%} of the time)"


def _assumed(layout: Layout) -> Iterable[str]:
    hardware = layout.hardware
    yield from hardware.guessed
    if hardware.ram_bandwidth_bytes_per_s is None and not hardware.is_unified:
        yield "RAM bandwidth: not known"
    for device in hardware.devices:
        unknown = {
            "bandwidth": device.bandwidth_bytes_per_s is None and not hardware.is_unified,
            "arithmetic": device.tflops is None,
            "link": device.link_bytes_per_s is None and not hardware.is_unified,
        }
        if any(unknown.values()):
            what = ", ".join(name for name, is_unknown in unknown.items() if is_unknown)
            yield f"{device.name} {device.model}: {what} not known"
    if hardware.disk_read_bytes_per_s is None:
        yield "the disk's speed: not known"


def _replaced(predicted: Speed, measured: Measurement) -> Speed:
    """What all slots reach was not measured: it keeps its ratio to one stream."""
    ratio = measured.decode_tokens_per_s / predicted.decode.expected
    total = predicted.decode_total
    return replace(
        predicted,
        decode=_exactly(measured.decode_tokens_per_s),
        decode_total=_exactly(measured.decode_tokens_per_s)
        if predicted.slots == 1
        else Interval(total.low * ratio, total.expected * ratio, total.high * ratio),
        prompt=_exactly(measured.prompt_tokens_per_s),
        load_s=predicted.load_s if measured.load_s is None else _exactly(measured.load_s),
        depth_tokens=measured.depth_tokens,
        measured_at=measured.taken_at,
    )


def _exactly(value: float) -> Interval:
    return Interval(value, value, value)
