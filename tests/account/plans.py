"""Plans to attest by: what the engine itself did with the flags as they should be."""

from __future__ import annotations

from freehold.account.account import Account
from freehold.sizing.layout import Override
from freehold.sizing.planned import Planned, PlannedDevice
from tests.engine.cards import Cards


def planned_by(
    account: Account, cards: Cards, *, trunk: int, overrides: tuple[Override, ...] = ()
) -> Planned:
    """The plan that `account`, one with debug lines, fulfils; `trunk` is its number of layers."""
    buffers = {device.name: device.buffer_type for device in cards.devices}
    assert account.layers is not None
    devices = tuple(
        PlannedDevice(
            device.name,
            buffers.get(device.name, "CPU"),
            device.model_bytes,
            device.kv_bytes,
            device.indexer_kv_bytes,
            blocks=account.layers[:trunk].count(device.name),
            has_output=account.layers[-1] == device.name,
        )
        for device in account.devices
    )
    return Planned(
        account.context_tokens // (account.slots if account.is_kv_unified else 1),
        account.slots,
        threads=2,
        flags=(("--kv-unified",),) if account.is_kv_unified else (),
        devices=devices,
        overrides=overrides,
    )
