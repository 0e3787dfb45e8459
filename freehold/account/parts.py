"""The engine's log cut into its parts: loads of a model, and the contexts made for each."""

from __future__ import annotations

from dataclasses import dataclass, field

from freehold.account import lines
from freehold.account.account import AccountError, Overridden
from freehold.sizing.wishes import MIB


@dataclass
class Cache:
    """One KV cache: bytes by buffer (all 0 in a dry pass), the total, and its layers' devices."""

    is_indexer: bool = False
    by_buffer: dict[str, int] = field(default_factory=dict)
    size_bytes: int = 0
    layers: int = 0
    layer_devices: list[str] = field(default_factory=list)


@dataclass
class Reservation:
    """The compute buffers of one graph, by buffer, and how many nodes it has."""

    by_buffer: dict[str, int] = field(default_factory=dict)
    nodes: int = 0


@dataclass
class Context:
    """One context: its settings as the engine prints them, and its buffers in bytes."""

    settings: dict[str, str] = field(default_factory=dict)
    output: dict[str, int] = field(default_factory=dict)
    caches: list[Cache] = field(default_factory=list)
    reservations: list[Reservation] = field(default_factory=list)


@dataclass
class Load:
    """From one `loading model tensors`, at line `line`, to the next.

    `table` holds model and context in bytes by device, each to 1 MiB, rounded down.
    """

    line: int
    model: dict[str, int] = field(default_factory=dict)
    layers: dict[int, str] = field(default_factory=dict)
    overridden: list[Overridden] = field(default_factory=list)
    contexts: list[Context] = field(default_factory=list)
    table: dict[str, tuple[int, int]] = field(default_factory=dict)

    @property
    def is_dry(self) -> bool:
        """Whether nothing was allocated."""
        return not any(self.model.values())

    @property
    def cached_layers(self) -> int:
        """How many layers keep KV; a draft's pass has fewer than the model's."""
        return max((cache.layers for x in self.contexts for cache in x.caches), default=0)


@dataclass
class Start:
    """One start of the engine.

    `present` holds what each device is and its memory in bytes, `used` the devices in use and
    what was free on them; `embedding` the model's width in elements.
    """

    present: dict[str, tuple[str, int]] = field(default_factory=dict)
    used: dict[str, int] = field(default_factory=dict)
    loads: list[Load] = field(default_factory=list)
    embedding: int = 0


def last_start(text: str, place: str) -> Start:
    """What the log says of the engine's last start. Raises AccountError for an unknown buffer."""
    start = Start()
    for number, line in enumerate(text.splitlines(), 1):
        if lines.START.search(line):
            start = Start()
        elif lines.LOAD.search(line):
            start.loads.append(Load(number))
        elif not _read(start, line) and lines.ANY_BUFFER.search(line):
            raise AccountError.of(
                f"{place}:{number}",
                f"expected a known kind of buffer, got {line.strip()!r}",
                "is this build newer than the pinned one?",
            )
    return start


def _read(start: Start, line: str) -> bool:
    if found := lines.PRESENT.search(line):
        start.present.setdefault(found[1], (found[2], int(found[3]) * MIB))
    elif found := lines.USED.search(line):
        start.used[found[1]] = int(found[2]) * MIB
    elif found := lines.EMBEDDING.search(line):
        start.embedding = int(found[1])
    elif not start.loads:
        return False
    elif lines.CONTEXT.search(line):
        start.loads[-1].contexts.append(Context())
    else:
        load = start.loads[-1]
        return _read_load(load, line) or (
            bool(load.contexts) and _read_context(load.contexts[-1], line)
        )
    return True


def _read_load(load: Load, line: str) -> bool:
    if found := lines.MODEL.search(line):
        load.model[found[1]] = load.model.get(found[1], 0) + _bytes(found[2])
    elif found := lines.LAYER.search(line):
        load.layers[int(found[1])] = found[2]
    elif found := lines.OVERRIDDEN.search(line):
        load.overridden.append(Overridden(found[1], int(found[2]) * MIB, found[3]))
    elif found := lines.ROW.search(line):
        load.table[found[1]] = (int(found[3]) * MIB, int(found[4]) * MIB)
    else:
        return False
    return True


def _read_context(context: Context, line: str) -> bool:
    if found := lines.SETTING.search(line):
        context.settings[found[1]] = found[2]
    elif found := lines.OUTPUT.search(line):
        context.output[found[1]] = _bytes(found[2])
    elif found := lines.CACHE.search(line):
        context.caches.append(Cache(is_indexer=found[1] == "indexer"))
    elif lines.RESERVING.search(line):
        context.reservations.append(Reservation())
    else:
        return _read_cache(context, line) or _read_reservation(context, line)
    return True


def _read_cache(context: Context, line: str) -> bool:
    layer, buffer, size = (
        form.search(line) for form in (lines.CACHE_LAYER, lines.KV, lines.CACHE_SIZE)
    )
    if not (layer or buffer or size):
        return False
    if not context.caches:  # only a model with several kinds of cache announces each
        context.caches.append(Cache())
    cache = context.caches[-1]
    if layer:
        cache.layer_devices.append(layer[1])
    elif buffer:
        cache.by_buffer[buffer[1]] = cache.by_buffer.get(buffer[1], 0) + _bytes(buffer[2])
    elif size:
        cache.size_bytes, cache.layers = _bytes(size[1]), int(size[2])
    return True


def _read_reservation(context: Context, line: str) -> bool:
    if not context.reservations:
        return False
    if found := lines.COMPUTE.search(line):
        context.reservations[-1].by_buffer[found[1]] = _bytes(found[2])
    elif found := lines.NODES.search(line):
        context.reservations[-1].nodes = int(found[1])
    else:
        return False
    return True


def _bytes(mib: str) -> int:
    return round(float(mib) * MIB)
