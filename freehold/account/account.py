"""What the engine itself says that a model takes: per device, asked before a load or read after."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from freehold.errors import FreeholdError


class AccountError(FreeholdError):
    """The engine gave no account, or one that cannot be read."""


@dataclass(frozen=True)
class DeviceAccount:
    """What one device holds, or the host, under the engine's name for it (`CUDA0`, `host`).

    In bytes, as exact as the engine prints them: to 10 KiB, but `model_bytes` of a dry account to
    1 MiB, rounded down. `mapped_bytes` is the part of the model's that is a span of its files,
    from the first tensor used to the last, and so may count others' tensors in between.
    `description` is what the engine calls it: the card, or the address of an RPC end.
    `free_bytes` is from before the load; None where the engine did not say.
    """

    name: str
    description: str = ""
    model_bytes: int = 0
    mapped_bytes: int = 0
    kv_bytes: int = 0
    indexer_kv_bytes: int = 0
    output_bytes: int = 0
    compute_bytes: int = 0
    memory_bytes: int | None = None
    free_bytes: int | None = None

    @property
    def total_bytes(self) -> int:
        """Everything that the engine holds there."""
        return (
            self.model_bytes
            + self.kv_bytes
            + self.indexer_kv_bytes
            + self.output_bytes
            + self.compute_bytes
        )


@dataclass(frozen=True)
class Overridden:
    """A tensor that the engine put elsewhere than its block; its size in whole MiB, down."""

    tensor: str
    size_bytes: int
    buffer_type: str


@dataclass(frozen=True)
class Account:
    """One run of the engine. `devices` are those in use, in its order, the host last.

    `is_dry`: nothing was allocated. `cells` are the KV cache's, `context_tokens` what one request
    may have of them; what is kept for drafting (MTP) is counted in the devices. `layers` names
    each layer's device, the output's last, and `overridden` the tensors that an override moved:
    both are None where the log has no debug lines.

    `compute_error_bytes` is by how much a load's compute buffers may differ from a dry account's,
    either way, on a device that hands its work to another. Source: to measure, ggml's
    ggml_backend_sched_reserve_size forgets which device llama-context.cpp's graph_get_cb chose
    for each layer's first norm; the hidden state of one micro-batch moves with it. Seen at two
    cards with dense models and small experts; not with DSA, whose peak lies elsewhere.
    """

    is_dry: bool
    devices: tuple[DeviceAccount, ...]
    cells: int
    context_tokens: int
    slots: int
    batch_tokens: int
    ubatch_tokens: int
    is_kv_unified: bool
    compute_error_bytes: int = 0
    layers: tuple[str, ...] | None = None
    overridden: tuple[Overridden, ...] | None = None

    @cached_property
    def host(self) -> DeviceAccount:
        return self.devices[-1]

    def device(self, name: str) -> DeviceAccount | None:
        """The one of that name; None where the engine does not use it."""
        return next((device for device in self.devices if device.name == name), None)

    @property
    def total_bytes(self) -> int:
        """Over all devices and the host."""
        return sum(device.total_bytes for device in self.devices)
