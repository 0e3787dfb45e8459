"""The options of `fab size`, as wishes and prices; all that are wrong are refused at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from pathlib import Path
from typing import Any, TypeVar

from freehold.errors import FreeholdError, Problem
from freehold.sizing.hardware import Hardware
from freehold.sizing.model import CACHE_TYPES
from freehold.sizing.verdict import Market
from freehold.sizing.wishes import GIB, Wishes
from freehold.spec.nearest import nearest

_Value = TypeVar("_Value")
FORMATS = (".png", ".svg")
HERE = "here"

ABOUT = {
    "model": "glm-5.2, a GGUF's first shard (path, https://, s3://, ssh://), or store:NAME",
    "quant": "a quant of a known model; without it all are told",
    "on": f'the machine: "4x RTX 3090 + 192 GB", p5.48xlarge, "mac studio 512", or {HERE}',
    "context": "tokens of context of each slot, or max",
    "slots": "requests answered at once, or max",
    "cache-type": f"what KV cells are kept as: {', '.join(CACHE_TYPES)}, or auto",
    "ubatch": "tokens computed at a time, or auto",
    "mtp": "the model's MTP layer drafts tokens",
    "headroom-gpu": "GiB that stay free on each device",
    "headroom-ram": "GiB of RAM that stay free",
    "devices": "all, none, or names such as CUDA0,CUDA1",
    "flags": "print the engine's flags alone, quoted for a shell",
    "json": "print all of the answer as JSON",
    "plot": "draw the answer into this file (.png or .svg)",
    "kwh": "price of a kWh in USD",
    "hours": "hours until a rented machine is given back, or of use a day of an owned one",
    "api-price": "what an API asks for a million tokens, in USD",
    "purchase": "what an owned machine cost to buy, in USD",
    "store": "the store of store:NAME and of --engine; else the stack's",
    "engine": "a build of the store, or the path of a llama-server of this machine",
    "ask-engine": "have the engine say what it would take, and compare",
}


class Form(Enum):
    """How an answer is printed."""

    TEXT = "text"
    JSON = "JSON"
    FLAGS = "flags"

    @classmethod
    def of(cls, flags: bool, json: bool) -> Form:
        """Raises FreeholdError where both are asked for."""
        if flags and json:
            raise FreeholdError.of("--flags", "expected it alone, got --json too")
        return cls.FLAGS if flags else cls.JSON if json else cls.TEXT


@dataclass(frozen=True)
class Asked:
    """What the command line says; "" and None where it says nothing.

    `changes` are the fields of Wishes that it sets.
    """

    model: str = ""
    quant: str = ""
    on: str = ""
    store: str = ""
    engine: str = ""
    asks_engine: bool = False
    form: Form = Form.TEXT
    plot: Path | None = None
    changes: Mapping[str, Any] = field(default_factory=dict)
    usd_per_kwh: float | None = None
    hours: float | None = None
    api_usd_per_million: float | None = None
    purchase_usd: float | None = None

    def wishes(self, base: Wishes, hardware: Hardware) -> Wishes:
        """`base`, but for what the command line says. Raises FreeholdError for no such device."""
        wishes = replace(base, **self.changes)
        known = [device.name for device in hardware.devices]
        folded = {name.lower() for name in known}
        strangers = [name for name in wishes.devices or () if name.lower() not in folded]
        if strangers:
            raise FreeholdError(
                Problem(
                    "--devices",
                    f"expected devices of {hardware.name} ({', '.join(known) or 'it has none'}), "
                    f'got "{name}"',
                )
                for name in strangers
            )
        # The engine would lower a ubatch that is larger than the batch, in silence.
        return replace(wishes, batch_tokens=max(wishes.batch_tokens, wishes.ubatch_tokens or 0))

    def hardware(self, hardware: Hardware) -> Hardware:
        """With what the command line says of it."""
        if self.purchase_usd is None:
            return hardware
        return replace(hardware, purchase_usd=self.purchase_usd)

    @property
    def market(self) -> Market:
        """The prices; what else could be had is not looked up yet."""
        return Market(
            usd_per_kwh=self.usd_per_kwh,
            api_usd_per_million=self.api_usd_per_million,
            hours=self.hours,
        )


def asked_of(options: Mapping[str, str], *, has_mtp: bool, asks_engine: bool, form: Form) -> Asked:
    """Of the options by name, "" where one is not given. Raises FreeholdError naming all wrong."""
    problems: list[Problem] = []

    def read(name: str, take: Callable[[str, str], _Value]) -> _Value | None:
        try:
            return take(f"--{name}", options[name]) if options[name] else None
        except FreeholdError as error:
            problems.extend(error.problems)
            return None

    changes: dict[str, Any] = {
        "context_tokens": read("context", _count_or("max")),
        "slots": read("slots", _count_or("max")),
        "cache_type": read("cache-type", _cache_type),
        "ubatch_tokens": read("ubatch", _count_or("auto")),
        "headroom_gpu_bytes": read("headroom-gpu", _gib),
        "headroom_ram_bytes": read("headroom-ram", _gib),
        "devices": read("devices", _devices),
        "has_mtp": has_mtp or None,
    }
    asked = Asked(
        **{name: options[name] for name in ("model", "quant", "on", "store", "engine")},
        asks_engine=asks_engine,
        form=form,
        plot=read("plot", _picture),
        # A word for a choice that is left open stands for None.
        changes={
            name: None if value in _OPEN.get(name, ()) else value
            for name, value in changes.items()
            if value is not None
        },
        usd_per_kwh=read("kwh", _price),
        hours=read("hours", _price),
        api_usd_per_million=read("api-price", _price),
        purchase_usd=read("purchase", _price),
    )
    if problems:
        raise FreeholdError(problems)
    return asked


_OPEN = {
    "context_tokens": ("max",), "slots": ("max",), "cache_type": ("auto",), "devices": ("all",),
    "ubatch_tokens": ("auto",),
}  # fmt: skip


def _count(name: str, text: str) -> int:
    if not (text.isascii() and text.isdecimal()) or not 1 <= int(text[:12]) <= 1 << 24:
        raise _refused(name, f"a whole number of 1 to {1 << 24}", text)
    return int(text)


def _count_or(word: str) -> Callable[[str, str], int | str]:
    def take(name: str, text: str) -> int | str:
        if text == word:
            return text
        try:
            return _count(name, text)
        except FreeholdError:
            raise _refused(name, f"a whole number of 1 to {1 << 24}, or {word}", text) from None

    return take


def _cache_type(name: str, text: str) -> str:
    words = (*CACHE_TYPES, "auto")
    if text in words:
        return text
    near = nearest(text, words)
    raise _refused(name, f"one of {', '.join(words)}", text, near and f"did you mean {near}?")


def _gib(name: str, text: str) -> int:
    return int(_number(name, text, 0, 65536) * GIB)


def _price(name: str, text: str) -> float:
    value = _number(name, text, 0, 1e9)
    if not value:
        raise _refused(name, "a number above 0", text)
    return value


def _number(name: str, text: str, least: float, most: float) -> float:
    try:
        value = float(text)
    except ValueError:
        value = least - 1
    if not least <= value <= most:  # neither does "nan"
        raise _refused(name, f"a number of {least:g} to {most:,.0f}", text)
    return value


def _devices(_name: str, text: str) -> tuple[str, ...] | str:
    if text == "all":
        return text
    return () if text == "none" else tuple(part.strip() for part in text.split(",") if part.strip())


def _picture(name: str, text: str) -> Path:
    path = Path(text).expanduser()
    if path.suffix.lower() not in FORMATS:
        raise _refused(name, f"a file {' or '.join(FORMATS)}", text)
    return path


def _refused(name: str, expected: str, text: str, hint: str | None = None) -> FreeholdError:
    return FreeholdError.of(name, f'expected {expected}, got "{text}"', hint)
