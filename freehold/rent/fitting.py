"""Which instance types carry the model, and how fast: what the sizing room says of each."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from freehold.catalog.calibration import calibration
from freehold.rent.machine import Machine
from freehold.rent.need import BOOT_S, Need
from freehold.sizing.choose import lay_out
from freehold.sizing.layout import Refusal
from freehold.sizing.policy import policy_problems
from freehold.sizing.speed import predict_speed
from freehold.sizing.wishes import GIB, MIB

IMAGE_GIB = 40
"""Left to the image, the engine and logs on a root disk that holds the weights: our own choice."""

ROOT_BYTES_PER_S = 125.0 * MIB
"""What a gp3 volume reads and writes unless more is bought (source: AWS, EBS volume types)."""


@dataclass(frozen=True)
class Fit:
    """`reasons` say why it does not carry the model; () where it does.

    `sync_s` is how long the weights take to get there, `load_s` a cold start's, `tokens_per_s` is
    one stream's and `all_tokens_per_s` that of all slots: predictions, None where nothing was
    sized. `mode` says where the weights lie.
    """

    machine: Machine
    sync_s: float = 0.0
    mode: str = ""
    load_s: float | None = None
    tokens_per_s: float | None = None
    all_tokens_per_s: float | None = None
    reasons: tuple[str, ...] = ()

    @property
    def carries(self) -> bool:
        return not self.reasons

    @property
    def ready_hours(self) -> float:
        """From the request to the first answer; a load that nobody predicted counts nothing."""
        return (BOOT_S + self.sync_s + (self.load_s or 0.0)) / 3600


def fitting(machine: Machine, need: Need, root_gib: int) -> Fit:
    """The machine sized for what is needed; the weights need a disk as well."""
    reasons = [*_disk_reasons(machine, need, root_gib)]
    has_local = need.weights_bytes <= machine.local_disk_bytes
    sync_s = need.sync_s(None if has_local else ROOT_BYTES_PER_S)
    if need.model is None:
        return Fit(machine, sync_s, "not sized: placed by hand", reasons=tuple(reasons))
    if machine.hardware is None:
        return Fit(machine, sync_s, reasons=(f"not sized: {machine.unsized}", *reasons))
    hardware = machine.hardware
    if not has_local:
        hardware = replace(hardware, disk_read_bytes_per_s=ROOT_BYTES_PER_S)
    if hardware.arch != "x86_64":
        reasons.append(f"its processor is {hardware.arch}, the image is for x86_64")
    answer = lay_out(need.model, hardware, need.wishes)
    if isinstance(answer, Refusal):
        return Fit(machine, sync_s, reasons=(_shortage(answer), *reasons))
    speed = predict_speed(answer, calibration())
    problems = policy_problems(machine.instance_type, need.policy, answer, speed)
    reasons += [problem.message for problem in problems]
    return Fit(
        machine,
        sync_s,
        answer.mode.value,
        speed.load_s.expected,
        speed.decode.expected,
        speed.decode_total.expected,
        tuple(reasons),
    )


def _shortage(refusal: Refusal) -> str:
    shorts = ", ".join(
        f"{each.device} {each.missing_bytes / GIB:.1f} GiB" for each in refusal.shortfalls
    )
    return f"the model does not fit: short of {shorts}"


def _disk_reasons(machine: Machine, need: Need, root_gib: int) -> Iterable[str]:
    """On its own disks, else on the root disk."""
    root_bytes = (root_gib - IMAGE_GIB) * GIB
    if need.weights_bytes <= max(machine.local_disk_bytes, root_bytes):
        return
    least = int(-(-need.weights_bytes // GIB)) + IMAGE_GIB
    yield (
        f"no disk for {need.weights_bytes / 1e9:.1f} GB of weights: {_local(machine)}, "
        f"the root disk is of {root_gib} GiB; set freehold:rented.root_gib to at least {least}"
    )


def _local(machine: Machine) -> str:
    size = machine.local_disk_bytes
    return f"its own disks hold {size / 1e9:.0f} GB" if size else "it has no disks of its own"
