"""The kinds of value that are one of several words, or a word in a number's or a list's place."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Annotated, Any, Literal, get_args

from pydantic import AfterValidator, BeforeValidator, PlainValidator

from freehold.spec.kinds import expected
from freehold.spec.nearest import nearest
from freehold.spec.unfit import Switch

Max = Literal["max"]
Auto = Literal["auto"]
Thinking = Literal["off", "high", "max"]
# What --cache-type-k takes by the engine's --help, but f32, which no plan is better for.
CacheType = Literal["f16", "bf16", "q8_0", "q5_1", "q5_0", "q4_1", "q4_0", "iq4_nl"]
CacheChoice = CacheType | Literal["auto"]
LoadMode = Literal["auto", "mmap", "mlock", "none"]
Placement = Literal["computed", "by_hand"]
Wipe = Literal["auto", "overwrite", "remove"]

_DEVICE = re.compile(r"[A-Za-z][A-Za-z0-9]*")
_DECIMAL = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})?")


def one_of(*words: str) -> PlainValidator:
    """Takes one of the words alone; another is told which, and the one that it resembles."""

    def validate(value: Any) -> str:
        text = value.shown if isinstance(value, Switch) else value
        if isinstance(text, str) and text in words:
            return text
        raise expected(_either(words), _hint(value, words))

    return PlainValidator(validate)


def integer_or(word: str, least: int, most: int) -> PlainValidator:
    """Takes an integer within the bounds, or the one word that leaves the choice open."""

    def validate(value: Any) -> int | str:
        if value == word:
            return word
        if not isinstance(value, int) or isinstance(value, bool):
            is_quoted = isinstance(value, str) and value.isdecimal()
            hint = "remove the quotes" if is_quoted else _hint(value, (word,))
            raise expected(f"an integer or {word}", hint)
        if not least <= value <= most:
            bound = f"at least {least}" if value < least else f"at most {most}"
            raise expected(f"{bound}, or {word}")
        return value

    return PlainValidator(validate)


def _either(words: Collection[str]) -> str:
    *others, last = words
    return f"{', '.join(others)} or {last}"


def _hint(value: Any, words: Collection[str]) -> str:
    if value is False and "off" in words:
        return "write off"
    near = nearest(value, words) if isinstance(value, str) else None
    return f'did you mean "{near}"?' if near else ""


def _devices(value: Any) -> Any:
    if value == "all":
        return None
    if value == "none":
        return ()
    if value == ():
        raise expected("at least one device", "none keeps the model off every device")
    if not isinstance(value, tuple):
        hint = f"[{value}]" if isinstance(value, str) and _DEVICE.fullmatch(value) else ""
        raise expected("all, none or a list of devices", _hint(value, ("all", "none")) or hint)
    return value


def _device(text: str) -> str:
    if text in ("all", "none"):
        raise expected("a device such as CUDA0", f"devices: {text}")
    if not _DEVICE.fullmatch(text):
        raise expected("a device such as CUDA0", "llama-server --list-devices names them")
    return text


def _number(value: Any) -> Any:
    # "pulumi config set --path" writes a number with a decimal point as text.
    return float(value) if isinstance(value, str) and _DECIMAL.fullmatch(value) else value


ThinkingWord = Annotated[Thinking, one_of(*get_args(Thinking))]
CacheWord = Annotated[CacheChoice, one_of(*get_args(CacheType), "auto")]
LoadModeWord = Annotated[LoadMode, one_of(*get_args(LoadMode))]
PlacementWord = Annotated[Placement, one_of(*get_args(Placement))]
WipeWord = Annotated[Wipe, one_of(*get_args(Wipe))]
Number = Annotated[float, BeforeValidator(_number)]
Device = Annotated[str, AfterValidator(_device)]
Devices = Annotated[tuple[Device, ...] | None, BeforeValidator(_devices)]
