"""A machine in words: "4x RTX 3090 + 192 GB DDR5-5600 2 channels + 24 cores"."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from freehold.catalog.cards import Card, card_named, nominal_bytes, typical_card


@dataclass
class Formula:
    """What the words say; None is what they do not. `unknown` are parts that mean nothing,
    `repeated` further amounts of RAM.

    Each of `cards` with its memory in bytes, None for the card's own. `assumed` says which card
    stands for one of which only the size is known.
    """

    cards: list[tuple[Card, int | None]] = field(default_factory=list)
    ram_gib: float | None = None
    mt_s: int | None = None
    channels: int | None = None
    ram_bytes_per_s: float | None = None
    disk_bytes_per_s: float | None = None
    cores: int | None = None
    sockets: int | None = None
    assumed: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    repeated: list[str] = field(default_factory=list)


def read_formula(text: str) -> Formula:
    """Whatever the parts of `text` say, in any order; parts are joined by +, a comma or "and"."""
    formula = Formula()
    for part in re.split(r"\s*(?:\+|,|;|\band\b|\bwith\b)\s*", text.strip()):
        for pattern, take in _PARTS:
            found = re.fullmatch(pattern, part, re.IGNORECASE)
            if found and take(formula, found):
                break
        else:
            formula.unknown.append(part)
    return formula


def _cards_by_size(formula: Formula, found: re.Match[str]) -> bool:
    count, size_gb = int(found["count"] or 1), float(found["size"])
    card = typical_card(size_gb)
    formula.cards += [(card, nominal_bytes(size_gb))] * count
    formula.assumed.append(
        f"GPUs: of {size_gb:g} GB, taken to compute and read like the {card.name}"
    )
    return True


def _cards_by_name(formula: Formula, found: re.Match[str]) -> bool:
    card = card_named(re.sub(r"(?i) cards?$", "", found["name"]))
    if card is None:
        return False
    formula.cards += [(card, None)] * int(found["count"] or 1)
    return True


def _ram(formula: Formula, found: re.Match[str]) -> bool:
    if formula.ram_gib is not None:
        formula.repeated.append(found[0])
        return True
    is_tera = found["unit"].lower().startswith("t")
    formula.ram_gib = float(found["size"]) * (1024 if is_tera else 1)
    return _speed(formula, found)


def _speed(formula: Formula, found: re.Match[str]) -> bool:
    if found["mt_s"]:
        formula.mt_s = int(found["mt_s"])
    if found["channels"]:
        formula.channels = int(found["channels"])
    return True


def _rate(formula: Formula, found: re.Match[str]) -> bool:
    bytes_per_s = float(found["rate"]) * (1e9 if found["unit"].lower() == "g" else 1e6)
    if found["what"].lower() in ("disk", "ssd", "nvme"):
        formula.disk_bytes_per_s = bytes_per_s
    else:
        formula.ram_bytes_per_s = bytes_per_s
    return True


def _nothing(formula: Formula, found: re.Match[str]) -> bool:  # noqa: ARG001
    return True


def _count(name: str) -> Callable[[Formula, re.Match[str]], bool]:
    def take(formula: Formula, found: re.Match[str]) -> bool:
        setattr(formula, name, int(found["n"]))
        return True

    return take


_COUNT = r"(?:(?P<count>\d+) ?[x*\u00d7] ?)"
_SPEED = (
    r"(?: ?(?:ram|memory|ecc|(?:lp)?ddr[345]x?(?:[- ](?P<mt_s>\d{4,5}))?"
    r"|(?P<channels>\d+)[- ]channels?))"
)
_PARTS: tuple[tuple[str, Callable[[Formula, re.Match[str]], bool]], ...] = (
    (r"(?P<n>\d+)[- ]cores?(?: cpu| host)?", _count("cores")),
    (r"(?P<n>\d+)[- ]sockets?", _count("sockets")),
    (r"no gpus?|cpu only", _nothing),
    (
        r"(?P<rate>[\d.]+) ?(?P<unit>[gm])b/s ?(?P<what>ram|memory|disk|ssd|nvme)",
        _rate,
    ),
    (rf"{_COUNT}(?P<size>[\d.]+) ?gi?b(?: (?:cards?|gpus?|vram))?", _cards_by_size),
    (rf"{_COUNT}?(?P<size>[\d.]+) ?gi?b (?:cards?|gpus?|vram)", _cards_by_size),
    (rf"(?P<size>[\d.]+) ?(?P<unit>[gt])i?b{_SPEED}*", _ram),
    (f"{_SPEED}+", _speed),
    (rf"{_COUNT}?(?P<name>.+)", _cards_by_name),
    (r"(?P<count>\d+) (?P<name>.+)", _cards_by_name),
)
