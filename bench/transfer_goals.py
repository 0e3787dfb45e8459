"""The goals of transfers, each as a figure of what was measured."""

from __future__ import annotations

from collections.abc import Iterator

from bench.gauge import Measure
from bench.transfer_rows import Finding, Route

PEAK_MB = 300
FIRST_RATIO = 1.0
RSYNC_SPEED = 2.4
FOUR_TIME, FOUR_BYTES = 1.3, 1.2
NOTHING_S = 1.0
BUCKET_CPU_S, BUCKET_SPEED = 3.0, 1.5


def beside_cat(route: Route, ours: str, cat: str) -> Iterator[Finding]:
    """The time of a first sync, as a ratio; and the memory of both ends."""
    us, them = route.of(ours), route.of(cat)
    if us is not None and them is not None:
        ratio = us.took_s / them.took_s
        yield Finding(f"{route.what}: time of {ours} / {cat}", ratio, FIRST_RATIO, "x")
    if us is not None:
        yield from memory(route.what, us.measures)


def beside_rsync(route: Route, ours: str, rsync: str) -> Iterator[Finding]:
    """The rate of a first sync over a link with delay, as a ratio."""
    us, them = route.of(ours), route.of(rsync)
    if us is not None and them is not None:
        ratio = them.took_s / us.took_s
        yield Finding(f"{route.what}: rate of {ours} / {rsync}", ratio, RSYNC_SPEED, "x", True)


def memory(what: str, measures: tuple[Measure, ...]) -> Iterator[Finding]:
    """The most that either end held."""
    for end, peaks in (
        ("sender", [one.sender_peak_bytes for one in measures]),
        ("receiver", [one.receiver_peak_bytes for one in measures]),
    ):
        yield Finding(f"{what}: memory of the {end}", max(peaks) / 1e6, PEAK_MB, " MB")


def four_beside_one(route: Route, one: str, four: str) -> Iterator[Finding]:
    """Time, and bytes that left the store's machine."""
    single, all_four = route.of(one), route.of(four)
    if single is None or all_four is None:
        return
    yield Finding(
        f"{route.what}: time of {four} / {one}", all_four.took_s / single.took_s, FOUR_TIME, "x"
    )
    sent = [some.median(lambda measure: measure.wire_bytes) for some in (all_four, single)]
    what = f"{route.what}: uplink bytes of {four} / {one}"
    yield Finding(what, sent[0] / sent[1], FOUR_BYTES, "x")
    yield from memory(f"{route.what}, {four}", all_four.measures)


def beside_boto3(route: Route, ours: str, boto3: str) -> Iterator[Finding]:
    """From a bucket over TLS: the node's CPU, and the rate as a ratio."""
    us, them = route.of(ours), route.of(boto3)
    if us is None:
        return
    cpu_s = us.median(lambda one: one.receiver_cpu_s) / (route.size_bytes / (1 << 30))
    yield Finding(f"{route.what}: the node's CPU, {ours}", cpu_s, BUCKET_CPU_S, " s/GiB")
    if them is not None:
        ratio = them.took_s / us.took_s
        yield Finding(f"{route.what}: rate of {ours} / {boto3}", ratio, BUCKET_SPEED, "x", True)
    yield from memory(route.what, us.measures)
