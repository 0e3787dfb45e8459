"""The constants of the speed model: each with how far it may be off, and where it is from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from freehold.sizing.hardware import Backend


class Outlook(StrEnum):
    """Which end of every constant a prediction is made with."""

    SLOW = "slow"
    EXPECTED = "expected"
    FAST = "fast"


@dataclass(frozen=True)
class Constant:
    """A number of the model; `source` says who measured it, or that it is an estimate."""

    slow: float
    expected: float
    fast: float
    source: str

    def at(self, outlook: Outlook) -> float:
        """Its value at one end, or in the middle."""
        return {
            Outlook.SLOW: self.slow,
            Outlook.EXPECTED: self.expected,
            Outlook.FAST: self.fast,
        }[outlook]


@dataclass(frozen=True)
class BackendConstants:
    """Of one of the engine's back ends. Shares are of what the data sheet promises.

    `read` of memory bandwidth when weights are read, `arithmetic` of dense half-precision
    arithmetic in matrix products, `attention` of the same in attention, `link` of the way to the
    host's memory. `block_ms` passes in each block whatever its size, `hop_ms` from one device to
    the next. Where `gathers_from_cells` is set, sparse attention reads the selected cells alone
    once the cache holds that many; else it reads all and masks.
    """

    read: Constant
    arithmetic: Constant
    attention: Constant
    link: Constant
    block_ms: Constant
    hop_ms: Constant
    gathers_from_cells: int | None = None


@dataclass(frozen=True)
class HostConstants:
    """Of the CPU back end.

    `read` is the share of RAM bandwidth. `elements_g_per_s` says how many 1e9 weights of a
    tensor type one core multiplies in a second with one token, its dequantisation within;
    `processor` how other processors than the one measured compare, by architecture. Beyond
    `useful_threads` decoding gains nothing. `handover_ms` passes when a device waits for a
    block's experts here.
    """

    read: Constant
    elements_g_per_s: Mapping[str, float]
    elements_source: str
    processor: Mapping[str, Constant]
    useful_threads: Constant
    block_ms: Constant
    handover_ms: Constant
    attention_gflops_per_core: Constant
    sockets: Constant
    """Share of the RAM bandwidth that is left where it is spread over several sockets."""


@dataclass(frozen=True)
class DraftConstants:
    """Of drafts by the MTP layer: `accepted[i]` is how often draft i of a step is kept."""

    accepted: tuple[Constant, ...]


@dataclass(frozen=True)
class LoadConstants:
    """Shares of what the disk reads in a stream of large blocks."""

    mapped: Constant
    read: Constant


@dataclass(frozen=True)
class AssumedConstants:
    """In GB/s, for hardware that does not say."""

    ram_gb_per_s: Constant
    device_gb_per_s: Constant
    link_gb_per_s: Constant
    disk_gb_per_s: Constant
    tflops_per_gb_per_s: Constant


@dataclass(frozen=True)
class Calibration:
    """All of them."""

    backends: Mapping[Backend, BackendConstants]
    host: HostConstants
    drafts: DraftConstants
    load: LoadConstants
    assumed: AssumedConstants
    offload_min_tokens: int
    """Batches of at least so many tokens take weights that lie in RAM to a device to compute."""
