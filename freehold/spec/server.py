"""How llama-server runs on a node: the keys of freehold:server."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import Field

from freehold.spec.choices import (
    Auto,
    CacheWord,
    Devices,
    LoadModeWord,
    Max,
    Number,
    PlacementWord,
    integer_or,
)
from freehold.spec.flags import FlagName, FlagValue
from freehold.spec.kinds import Address
from freehold.spec.typed import Typed, in_words


class Server(Typed):
    """`devices`: None takes every one, () none; sizes in tokens or GiB (2^30 bytes)."""

    listen: Address = Field(
        "127.0.0.1",
        description="Address that the server binds on the node; 0.0.0.0 opens it to the network. "
        "The API key is asked for in either case.",
    )
    port: int = Field(8080, ge=1, le=65535, description="TCP port that the server binds.")
    context_tokens: Annotated[int | Max, integer_or("max", 1, 16_777_216)] = Field(
        4096, description="Context of each slot, in tokens; `max` is the largest that fits."
    )
    slots: Annotated[int | Max, integer_or("max", 1, 1024)] = Field(
        1,
        description="Requests that are answered at the same time; `max` is as many as fit.",
    )
    cache_type: CacheWord = Field(
        "f16",
        description="What the KV cache is kept as: `f16`, `bf16`, `q8_0`, `q5_1`, `q5_0`, `q4_1`, "
        "`q4_0`, `iq4_nl`; `auto` is the best that fits.",
    )
    batch_tokens: int = Field(
        2048, ge=1, le=1_048_576, description="Tokens of a prompt that are taken in at a time."
    )
    ubatch_tokens: Annotated[int | Auto, integer_or("auto", 1, 1_048_576)] = Field(
        512,
        description="Tokens that are computed at a time, at most `batch_tokens`; working memory "
        "grows with them. `auto` takes more where that costs no place for the model.",
    )
    threads: int | None = Field(
        None,
        ge=1,
        le=4096,
        description="CPU threads of the engine.",
        json_schema_extra=in_words("the node's physical cores"),
    )
    load_mode: LoadModeWord = Field(
        "auto",
        description="How weights that stay in RAM are held: `mmap` maps the files, `mlock` also "
        "locks them, `none` reads them into the server's own memory; `auto` locks them where they "
        "leave room.",
    )
    placement: PlacementWord = Field(
        "computed",
        description="Who decides what goes to which device: `computed`, or `by_hand` with the "
        "engine's own `flags`.",
    )
    devices: Devices = Field(
        None,
        description="GPUs that may be used, by the engine's names: `all`, `none`, or a list such "
        "as `[CUDA0, CUDA1]`.",
        json_schema_extra=in_words("all"),
    )
    headroom_gpu_gib: Number = Field(
        1.0, ge=0, le=1024, description="GiB that stay free on every GPU."
    )
    headroom_ram_gib: Number = Field(
        4.0, ge=0, le=65_536, description="GiB of RAM that stay free on the node."
    )
    mtp: bool = Field(
        False,
        description="Whether the model's own MTP layer drafts tokens ahead, where it has one.",
    )
    ready_timeout_s: int = Field(
        1800,
        ge=1,
        le=86_400,
        description="Seconds until the first token must have come; a load takes minutes.",
    )
    verified_within_days: int = Field(
        35,
        ge=1,
        le=3650,
        description="Days within which every byte of the weights must have been read and found "
        "right, else the server does not start; a timer on the node reads them each week.",
    )
    flags: Mapping[FlagName, FlagValue] = Field(
        default_factory=dict,
        description="Further flags of the engine, in this order; true is a flag without a value.",
        json_schema_extra=in_words("none"),
    )

    def overridden_by(self, other: Server) -> Server:
        """This server with the keys that `other` sets itself; flags are merged flag by flag."""
        update = {key: getattr(other, key) for key in other.model_fields_set}
        if "flags" in update:
            update["flags"] = {**self.flags, **other.flags}
        return self.model_copy(update=update)
