"""Whether the engine did what was planned: where it did not, llama.cpp serves in silence."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from freehold.account.account import Account, DeviceAccount
from freehold.errors import Problem
from freehold.sizing.held import pad
from freehold.sizing.layout import HOST, Override
from freehold.sizing.planned import Planned, PlannedDevice
from freehold.sizing.wishes import MIB

TOLERANCE_BYTES = MIB  # what a dry account is rounded to; a load's buffers are exact to 10 KiB

_KV_UNIFIED = ("--kv-unified",)
_RPC_END = re.compile(r"RPC(\d+)\[(.+)\]")
_IN_SILENCE = "a pattern of --override-tensor that matches nothing is accepted in silence"


def differences(
    planned: Planned, account: Account, place: str, tolerance_bytes: int = TOLERANCE_BYTES
) -> tuple[Problem, ...]:
    """Every way in which the engine's account is not the plan, each with both; () where none.

    What follows from another difference is not listed: layers and bytes where a device is missing
    or one too many, the KV cache's bytes where the context is another. Compute buffers are not
    compared: the plan holds none; nor is anything of a placement by hand.
    """
    if not planned.devices:
        return ()
    context, devices = list(_context(planned, account)), list(_devices(planned, account))
    found = [*context, *devices]
    if not devices:
        found += [*_overrides(planned, account), *_layers(planned, account)]
        for device in planned.devices:
            held = _held(device, account) or DeviceAccount(device.device)
            found += _weights(planned, device, held, tolerance_bytes)
            if not context:
                found += _cache(device, held, tolerance_bytes)
    return tuple(Problem(place, message, hint) for message, hint in found)


_Found = Iterator[tuple[str, str | None]]
"""Message and hint."""


def _context(planned: Planned, account: Account) -> _Found:
    is_unified = _KV_UNIFIED in planned.flags
    if account.is_kv_unified != is_unified:
        how = {True: "one KV cache for all slots", False: "a KV cache for each slot"}
        yield f"expected {how[is_unified]}, the engine has {how[account.is_kv_unified]}", None
    elif account.slots != planned.slots:
        yield f"slots: expected {planned.slots}, the engine has {account.slots}", None
    else:
        expected = pad(planned.context_tokens * (planned.slots if is_unified else 1))
        if account.context_tokens != expected:
            yield (
                f"expected a context of {expected} tokens, the engine has {account.context_tokens}",
                "--fit shrinks it in silence where nothing else holds it",
            )


def _devices(planned: Planned, account: Account) -> _Found:
    in_use = ", ".join(device.name for device in account.devices[:-1]) or "none"
    expected = [_held(device, account) for device in planned.devices]
    for device, held in zip(planned.devices, expected, strict=True):
        # One that holds nothing may be left out of use.
        if held is None and _has_part(device):
            end = _RPC_END.fullmatch(device.buffer_type)
            name = f"{device.device} ({end[2]})" if end else device.device
            yield (
                f"expected {device.blocks} layers on {name}, the engine does not use it "
                f"(in use: {in_use})",
                "is its RPC end up?" if end else "does the engine's back end see it?",
            )
    for extra in account.devices:
        if extra not in expected and extra.name != HOST and extra.total_bytes:
            there = _mib(extra.total_bytes)
            yield f"expected nothing on {extra.name} ({extra.description}), {there} are there", None


def _held(planned: PlannedDevice, account: Account) -> DeviceAccount | None:
    """The account of a planned device. RPC ends are numbered anew where one is down: there the
    address tells."""
    if end := _RPC_END.fullmatch(planned.buffer_type):
        behind = [held for held in account.devices if held.description == end[2]]
        return behind[int(end[1])] if int(end[1]) < len(behind) else None
    return account.device(planned.device)


def _has_part(device: PlannedDevice) -> bool:
    return bool(device.weights_bytes or device.kv_bytes or device.blocks or device.has_output)


def _overrides(planned: Planned, account: Account) -> _Found:
    """Only a log with debug lines tells the tensors; without them, the bytes tell."""
    if account.overridden is None:
        return
    matched: Counter[Override | None] = Counter()
    for tensor in account.overridden:
        # The engine takes the first pattern that is found anywhere in the name.
        matched[
            next((o for o in planned.overrides if re.search(o.pattern, tensor.tensor)), None)
        ] += 1
    for override in planned.overrides:
        if matched[override] != override.matches:
            yield (
                f"expected the override {override} to move {override.matches} tensors, "
                f"it moved {matched[override]}",
                _IN_SILENCE,
            )
    if matched[None]:
        yield f"expected no other tensor to be moved, {matched[None]} were", None


def _layers(planned: Planned, account: Account) -> _Found:
    if account.layers is None:
        return
    trunk = sum(device.blocks for device in planned.devices)
    found = Counter(account.layers[:trunk])
    for device in planned.devices:
        if found[device.device] != device.blocks:
            there = found[device.device]
            yield f"expected {device.blocks} layers on {device.device}, {there} are there", None
        if device.has_output and account.layers[-1] != device.device:
            yield f"expected the output on {device.device}, it is on {account.layers[-1]}", None


def _weights(
    planned: Planned, device: PlannedDevice, found: DeviceAccount, tolerance_bytes: int
) -> _Found:
    beyond_bytes = found.model_bytes - device.weights_bytes
    # A mapped span counts what lies in the file between the tensors too.
    if abs(beyond_bytes) > tolerance_bytes and not (found.mapped_bytes and beyond_bytes > 0):
        moves = planned.overrides and device.device != HOST and beyond_bytes > 0
        yield (
            _of("weights", device, device.weights_bytes, found.model_bytes),
            _IN_SILENCE if moves else None,
        )


def _cache(device: PlannedDevice, found: DeviceAccount, tolerance_bytes: int) -> _Found:
    for what, expected_bytes, found_bytes in (
        ("KV cache", device.kv_bytes, found.kv_bytes),
        ("the indexer's KV cache", device.indexer_kv_bytes, found.indexer_kv_bytes),
    ):
        if abs(found_bytes - expected_bytes) > tolerance_bytes:
            yield _of(what, device, expected_bytes, found_bytes), None


def _of(what: str, device: PlannedDevice, expected_bytes: int, found_bytes: int) -> str:
    expected, found = _mib(expected_bytes), _mib(found_bytes)
    return f"expected {expected} of {what} on {device.device}, {found} are there"


def _mib(size_bytes: int) -> str:
    return f"{size_bytes / MIB:,.1f} MiB"
