"""A machine by its name: an instance type, a Mac, or a formula of cards and RAM."""

from __future__ import annotations

from difflib import get_close_matches

from freehold.catalog.assumed import (
    NVME_BYTES_PER_S,
    drawn_watts,
    usual_machine,
    usual_ram_gib,
)
from freehold.catalog.by_hand import overridden
from freehold.catalog.cards import Card, cards, devices_of
from freehold.catalog.formula import Formula, read_formula
from freehold.catalog.instances import instance_hardware, instances, too_small
from freehold.catalog.macs import chips, mac_named
from freehold.catalog.ram import available_bytes, of_channels
from freehold.catalog.read import hardware_from
from freehold.errors import FreeholdError, Problem
from freehold.sizing.hardware import Hardware

__all__ = ["hardware_from", "hardware_of", "known_hardware", "overridden"]

EXAMPLES = '"p5.48xlarge", "mac studio m3 ultra 512" or "4x RTX 3090 + 192 GB DDR5-5600 + 24 cores"'


def hardware_of(text: str, place: str = "hardware") -> Hardware:
    """The machine that `text` names; what it leaves open is assumed, and listed in `guessed`.

    Text is an instance type ("p5.48xlarge"), a Mac ("mac studio m3 ultra 512"), or parts joined
    by + ("24 GB card + 300 GB RAM"). GB of memory are GiB. Raises FreeholdError, which names
    `place`, with every part that means nothing.
    """
    name = " ".join(text.split())
    known = {key.lower(): instance for key, instance in instances().items()}
    if name.lower() in known:
        return instance_hardware(known[name.lower()])
    mac = mac_named(name, place)
    if mac is not None:
        return mac
    formula = read_formula(name)
    problems = [_unknown(place, part) for part in formula.unknown]
    problems += [_repeated(place, part) for part in formula.repeated]
    if problems:
        raise FreeholdError(problems)
    if not formula.cards and formula.ram_gib is None:
        raise FreeholdError.of(
            place, f'expected cards or GB of RAM, got "{name}"', f"such as {EXAMPLES}"
        )
    return _machine(name, formula)


def known_hardware() -> list[tuple[str, str]]:
    """Every name of the catalogue, and what it is in a line: instances, Macs, then cards."""
    found = [
        (
            i.name,
            f"{f'{i.count}x {i.gpus}' if i.gpus else 'no GPU'}, {i.ram_gib} GiB RAM, "
            f"{i.cores} cores, {i.usd_h:.2f} USD/h (mid-2026)",
        )
        for i in instances().values()
    ]
    for chip in chips().values():
        sizes = ", ".join(map(str, chip.memory_gb))
        found.append(
            (
                f"{chip.models[0]} {chip.name}",
                f"{sizes} GB unified memory at {chip.gb_s:.0f} GB/s",
            )
        )
    return found + [(card.name, _summary(card)) for card in cards().values()]


def _summary(card: Card) -> str:
    watts = f"{card.watts:.0f} W"
    return f"{card.usable_mib / 1024:.1f} GiB usable at {card.gb_s:.0f} GB/s, {watts}"


def _machine(name: str, formula: Formula) -> Hardware:
    guessed = list(formula.assumed)
    chosen = [card for card, _ in formula.cards]
    # A card that is a machine says for itself what else a formula leaves open (GH200).
    host = next((card.host for card in chosen if card.host), None)
    ram_gib = formula.ram_gib or (host.ram_gb if host else None)
    if ram_gib is None:
        ram_gib = usual_ram_gib(chosen)
        guessed.append(f"RAM: {ram_gib} GB")
    usual = usual_machine(chosen, ram_gib)
    ram_bytes_per_s = formula.ram_bytes_per_s
    if ram_bytes_per_s is None and host and not (formula.mt_s or formula.channels):
        ram_bytes_per_s = host.gb_s * 1e9
    if ram_bytes_per_s is None:
        channels, mt_s = formula.channels or usual.channels, formula.mt_s or usual.mt_s
        ram_bytes_per_s = of_channels(channels, mt_s).bytes_per_s
        if not (formula.channels and formula.mt_s):
            guessed.append(
                f"RAM bandwidth: {ram_bytes_per_s / 1e9:.0f} GB/s, {channels} channels at "
                f"{mt_s} MT/s, as {usual.kind} has"
            )
    cores = formula.cores or (host.cores if host else None)
    if cores is None:
        cores = usual.cores
        guessed.append(f"cores: {cores}, as {usual.kind} has")
    if formula.disk_bytes_per_s is None:
        guessed.append(f"disk: {NVME_BYTES_PER_S / 1e6:.0f} MB/s, as one NVMe reads")
    watts = drawn_watts([card.watts for card in chosen], cores)
    guessed.append(f"power: {watts:.0f} W")
    sockets = formula.sockets or (1 if host else usual.sockets)
    return Hardware(
        name=name,
        devices=devices_of(formula.cards),
        ram_bytes=int(ram_gib * (1 << 30)),
        ram_available_bytes=available_bytes(ram_gib),
        ram_bandwidth_bytes_per_s=ram_bytes_per_s,
        cores=cores,
        sockets=sockets,
        numa_nodes=sockets,
        arch=host.arch if host else "x86_64",
        disk_read_bytes_per_s=formula.disk_bytes_per_s or NVME_BYTES_PER_S,
        watts=watts,
        guessed=tuple(guessed),
    )


def _unknown(place: str, part: str) -> Problem:
    expected = "an instance type, a Mac, or cards and RAM"
    if part in too_small():
        hint = f"it holds no large model; known: {', '.join(instances())}"
        return Problem(place, f"expected {expected}, got {part}", hint)
    by_folded = {known.lower(): known for known in (*instances(), *cards())}
    near = [by_folded[m] for m in get_close_matches(part.lower(), by_folded, n=3)]
    hint = f"did you mean {' or '.join(near)}?"
    if not near:
        hint = f"such as {EXAMPLES}; known cards: {', '.join(cards())}"
    return Problem(place, f'expected {expected}, got "{part}"', hint)


def _repeated(place: str, part: str) -> Problem:
    return Problem(
        place, f'expected one amount of RAM, got "{part}" too', f'for a GPU write "{part} card"'
    )
