"""The engine's account read from its log: of its dry pass (-lv 5), or of a real load (-lv 4)."""

from __future__ import annotations

import dataclasses
import re
from collections import Counter
from collections.abc import Iterator

from freehold.account.account import Account, AccountError, DeviceAccount
from freehold.account.parts import Cache, Context, Load, Start, last_start
from freehold.sizing.layout import HOST
from freehold.sizing.wishes import MIB

_HOST_BUFFER = re.compile(r"(CPU|AMX|BLAS)(_\w+)?|\w+_Host|Host")
_F32_BYTES = 4  # of a hidden state's elements
_KIND_OF_BUFFER = re.compile(r"_(Mapped|Private|Split)$")


def read_account(text: str, place: str) -> Account:
    """The account of the last load in `text`; a dry one only where nothing was loaded.

    Raises AccountError, at `place`, for a log without an account, and for what it cannot read.
    """
    start = last_start(text, place)
    real = [load for load in start.loads if not load.is_dry and load.contexts]
    if real:
        return _account(start, real[-1], real[-1].contexts, place)
    dry = [load for load in start.loads if load.is_dry and load.table]
    if not dry:
        raise AccountError.of(
            place,
            "expected the engine's account of its buffers, found none",
            "it prints them with --verbosity 4",
        )
    # What drafts has a pass of its own, before or after the model's: the fewer layers tell it.
    most = max(load.cached_layers for load in dry)
    main = [load for load in dry if load.cached_layers == most][-1]
    drafts = [load for load in dry if load.cached_layers < most][-1:]
    return _account(start, main, [x for load in (main, *drafts) for x in load.contexts], place)


def _account(start: Start, load: Load, contexts: list[Context], place: str) -> Account:
    place = f"{place}:{load.line}"
    held = {name: _empty(start, name) for name in (*start.used, HOST)}

    def add(buffer: str, **sizes: int) -> None:
        name = _device(start, buffer, place)
        known = dataclasses.asdict(held[name])
        more = {key: known[key] + size for key, size in sizes.items()}
        held[name] = dataclasses.replace(held[name], **more)

    for context in contexts:
        for buffer, size in context.output.items():
            add(buffer, output_bytes=size)
        for cache in context.caches:
            key = "indexer_kv_bytes" if cache.is_indexer else "kv_bytes"
            for buffer, size in _apportioned(cache) if load.is_dry else cache.by_buffer.items():
                add(buffer, **{key: size})
    for reservation in _reserved(contexts):
        for buffer, size in reservation.items():
            add(buffer, compute_bytes=size)
    for buffer, size in load.model.items():
        add(buffer, model_bytes=size, mapped_bytes=size * buffer.endswith("_Mapped"))
    if load.is_dry:
        for buffer, (model_bytes, _context_bytes) in load.table.items():
            add(buffer, model_bytes=model_bytes)
        for buffer, size in _unequal(load).items():
            add(buffer, kv_bytes=size)
    return _with_settings(start, load, contexts[0].settings, tuple(held.values()), place)


def _empty(start: Start, name: str) -> DeviceAccount:
    description, memory_bytes = start.present.get("CPU" if name == HOST else name, ("", None))
    free_bytes = start.used.get(name)
    return DeviceAccount(name, description, memory_bytes=memory_bytes, free_bytes=free_bytes)


def _with_settings(
    start: Start,
    load: Load,
    settings: dict[str, str],
    devices: tuple[DeviceAccount, ...],
    place: str,
) -> Account:
    error_bytes = 0
    if load.is_dry and len(devices) > 1:
        error_bytes = int(settings.get("n_ubatch", 0)) * start.embedding * _F32_BYTES
    try:
        return Account(
            is_dry=load.is_dry,
            devices=devices,
            cells=int(settings["n_ctx"]),
            context_tokens=int(settings["n_ctx_seq"]),
            slots=int(settings["n_seq_max"]),
            batch_tokens=int(settings["n_batch"]),
            ubatch_tokens=int(settings["n_ubatch"]),
            is_kv_unified=settings["kv_unified"] == "true",
            compute_error_bytes=error_bytes,
            layers=tuple(_device(start, load.layers[n], place) for n in sorted(load.layers))
            or None,
            overridden=tuple(load.overridden) if load.layers else None,
        )
    except KeyError as missing:
        raise AccountError.of(place, f"expected llama_context to say {missing}") from None


def _device(start: Start, buffer: str, place: str) -> str:
    """The device in use that a buffer lies on."""
    if _HOST_BUFFER.fullmatch(buffer):
        return HOST
    plain = _KIND_OF_BUFFER.sub("", buffer)
    # An RPC end counts its own devices: RPC0[host:port] is the first of those behind it.
    if behind := re.fullmatch(r"RPC(\d+)\[(.+)\]", buffer):
        names = [name for name, (what, _memory) in start.present.items() if what == behind[2]]
        plain = (names[int(behind[1]) :] or [plain])[0]
    if plain not in start.used:
        in_use = ", ".join((*start.used, HOST))
        raise AccountError.of(
            place, f"expected buffers of the devices in use ({in_use}), got {buffer!r}"
        )
    return plain


def _apportioned(cache: Cache) -> Iterator[tuple[str, int]]:
    """A cache's bytes by device, where none were allocated: its layers are of one size."""
    for device, layers in Counter(cache.layer_devices).items():
        yield device, round(cache.size_bytes * layers / max(cache.layers, 1))


def _unequal(load: Load) -> dict[str, int]:
    """What the table of a dry load says of each device's KV beyond the equal layers' share."""
    shares: Counter[str] = Counter()
    for context in load.contexts:
        for cache in context.caches:
            shares.update(dict(_apportioned(cache)))
    shares["Host"] += shares.pop("CPU", 0)
    beyond = {name: size - shares[name] for name, (_model, size) in load.table.items()}
    return {name: size for name, size in beyond.items() if abs(size) > MIB}


def _reserved(contexts: list[Context]) -> Iterator[dict[str, int]]:
    """The compute buffers that each context has in the end.

    A context may reserve again once another was made; the number of its graph's nodes tells
    whose it is.
    """
    of_each = [x.reservations[0] for x in contexts if x.reservations]
    for again in (r for x in contexts for r in x.reservations[1:]):
        whose = min(range(len(of_each)), key=lambda n: abs(of_each[n].nodes - again.nodes))
        of_each[whose] = again
    return (reservation.by_buffer for reservation in of_each)
