"""A layout beside the engine's own account of the same flags, on stand-in cards."""

from __future__ import annotations

import dataclasses
import functools
import subprocess
from pathlib import Path

from freehold.account.account import Account
from freehold.account.ask import ask_engine, asked_flags
from freehold.account.compare import compare_totals
from freehold.gguf.header import Header
from freehold.hosts.local import LocalHost
from freehold.render.engine_flags import known_flags
from freehold.sizing.hardware import Backend, Hardware
from freehold.sizing.layout import Layout
from freehold.sizing.planned import Planned
from freehold.sizing.wishes import GIB, MIB
from tests.engine.cards import Cards

_EXACT = ("weights", "KV cache", "indexer", "output")
_PRINTED_BYTES = MIB  # how exact a dry account is: its table holds whole MiB, rounded down


def machine(cards: Cards, ram_gib: int, backend: Backend = Backend.RPC) -> Hardware:
    """A host with these cards, as sizing sees it.

    Laid out as for another back end, a model is to be asked about alone, and its compute buffers
    are that one's. A load aborts where an RPC end begins on a block that shares an indexer, until
    llama.cpp #26500 (the case is its #28047).
    """
    devices = tuple(dataclasses.replace(device, backend=backend) for device in cards.devices)
    return Hardware(f"{len(devices)} stand-in cards", devices, ram_gib * GIB, cores=2)


def planned(engine: Path, layout: Layout) -> Planned:
    """The layout in the words of that build."""
    return Planned.of(layout, _known(engine / "llama-server"))


def account_of(engine: Path, cards: Cards, header: Header, layout: Layout) -> Account:
    """What the engine says of the layout's flags. Raises AccountError where it refuses them."""
    flags = (*cards.flags, *asked_flags(planned(engine, layout)))
    host = LocalHost("here")
    try:
        return ask_engine(host, str(engine / "llama-server"), header, flags)
    finally:
        host.close()


def inexact(layout: Layout, account: Account) -> dict[str, int]:
    """What a formula should know exactly and does not: the difference in bytes, by its place."""
    return {
        f"{row.device}: {row.part}": row.difference_bytes
        for row in compare_totals(layout, account)
        if row.part in _EXACT and abs(row.difference_bytes) > _PRINTED_BYTES
    }


def errors(layout: Layout, account: Account) -> dict[str, float]:
    """By how much the formula misses each device's total, as a part of it; above 0 is too much."""
    return {
        row.device: -row.difference_bytes / max(row.found_bytes, 1)
        for row in compare_totals(layout, account)
        if row.part == "total"
    }


@functools.cache
def _known(program: Path) -> frozenset[str]:
    done = subprocess.run([program, "--help"], capture_output=True, text=True, check=True)
    return known_flags(done.stdout)
