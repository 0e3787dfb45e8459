"""Small layouts by hand, with numbers that a person can check, and a calibration of round ones."""

from __future__ import annotations

from dataclasses import replace

from freehold.sizing.calibration import (
    AssumedConstants,
    BackendConstants,
    Calibration,
    Constant,
    DraftConstants,
    HostConstants,
    LoadConstants,
)
from freehold.sizing.hardware import Backend, Device, Hardware
from freehold.sizing.held import Held, Interval, Run
from freehold.sizing.layout import HOST, Layout, Mode, Use
from freehold.sizing.model import Block, Dimensions, ModelShape, Role
from freehold.sizing.wishes import LoadMode

GB = 10**9
BLOCKS = 4
EXPERTS, USED = 64, 4
WIDTH, EXPERT_FFN = 4096, 8192
ELEMENTS = WIDTH * EXPERT_FFN * EXPERTS
"""Of one tensor of a block's routed experts."""


def sure(value: float) -> Constant:
    return Constant(value, value, value, "a test")


def backend(**changed: Constant) -> BackendConstants:
    """All of the data sheet's figures are reached, and nothing else takes time."""
    constants = {name: sure(1.0) for name in ("read", "arithmetic", "attention", "link")}
    constants |= {name: sure(0.0) for name in ("block_ms", "hop_ms")}
    return BackendConstants(**{**constants, **changed})


RATES = {"IQ1_M": 10.0, "IQ2_XXS": 10.0, "Q4_K": 50.0, "Q8_0": 50.0}
CALIBRATION = Calibration(
    backends={each: backend() for each in Backend},
    host=HostConstants(
        read=sure(1.0),
        elements_g_per_s=RATES,
        elements_source="a test",
        processor={"x86_64": sure(1.0), "aarch64": sure(0.5)},
        useful_threads=sure(16),
        block_ms=sure(0.0),
        handover_ms=sure(0.0),
        attention_gflops_per_core=sure(1e9),
        sockets=sure(0.5),
    ),
    drafts=DraftConstants((sure(0.8), sure(0.5))),
    load=LoadConstants(mapped=sure(0.5), read=sure(1.0)),
    assumed=AssumedConstants(*(Constant(10, 20, 40, "a test"),) * 4, sure(0.1)),
    offload_min_tokens=32,
)
RUN = Run(
    context_tokens=8192,
    slots=1,
    cache_type="f16",
    ubatch_tokens=512,
    batch_tokens=2048,
    is_kv_unified=False,
    has_flash_attention=True,
    has_mtp=False,
)


def card(number: int = 0, **changed: object) -> Device:
    known = Device(
        f"CUDA{number}",
        "a card",
        80 * GB,
        bandwidth_bytes_per_s=1000 * GB,
        link_bytes_per_s=20 * GB,
        tflops=1000,
    )
    return replace(known, **changed)  # type: ignore[arg-type]


def machine(*devices: Device, **changed: object) -> Hardware:
    known = Hardware(
        "a box",
        devices,
        512 * GB,
        ram_bandwidth_bytes_per_s=100 * GB,
        cores=8,
        disk_read_bytes_per_s=2 * GB,
    )
    return replace(known, **changed)  # type: ignore[arg-type]


def bits_of(type_: str) -> float:
    return {"IQ1_M": 1.75, "IQ2_XXS": 2.0625, "Q4_K": 4.5}[type_]


def moe(type_: str = "IQ2_XXS", **dimensions: int) -> ModelShape:
    """1 GB of attention a block, 1 GB of output, 2 GB of embeddings, and experts of `type_`."""
    size = int(ELEMENTS * bits_of(type_) / 8)
    experts = {"gate": size, "up": size, "down": size}
    block = Block(
        0,
        {Role.ATTENTION: GB, Role.ROUTED_EXPERTS: 3 * size},
        experts,
        k_elements=512,
        v_elements=512,
    )
    mtp = replace(block, index=BLOCKS, bytes_by_role={Role.MTP: GB // 10}, experts={}, is_mtp=True)
    return ModelShape(
        "a model",
        f"UD-{type_}",
        "qwen3moe",
        131072,
        replace(
            Dimensions(WIDTH, 100_000, 32, 4, 128, 128, 0, EXPERT_FFN, EXPERTS, USED), **dimensions
        ),
        (*(replace(block, index=index) for index in range(BLOCKS)), mtp),
        embedding_bytes=2 * GB,
        output_bytes=GB,
        file_bytes=20 * GB,
    )


def layout(
    model: ModelShape, hardware: Hardware, *, experts_in_ram: bool = False, run: Run = RUN
) -> Layout:
    """Blocks in equal shares over the devices; the experts there too, or all in RAM."""
    count = len(hardware.devices)
    every = tuple((b.index, what) for b in model.trunk for what in b.experts)
    share = BLOCKS // count if count else BLOCKS
    uses = []
    for number, device in enumerate(hardware.devices):
        blocks = tuple(range(number * share, (number + 1) * share))
        kept = () if experts_in_ram else tuple(e for e in every if e[0] in blocks)
        is_last = number == count - 1
        roles = {Role.ATTENTION: GB * share, Role.OUTPUT: GB if is_last else 0}
        roles[Role.MTP] = model.blocks[-1].size_bytes if is_last else 0
        uses.append(_use(device.name, model, blocks, kept, roles, has_output=is_last))
    on_host = every if experts_in_ram or not count else ()
    roles = {Role.EMBEDDING: 2 * GB}
    if not count:
        roles |= {Role.ATTENTION: GB * BLOCKS, Role.OUTPUT: GB}
    blocks = () if count else tuple(range(BLOCKS))
    uses.append(_use(HOST, model, blocks, on_host, roles, has_output=not count, is_host=True))
    return Layout(
        model=model,
        hardware=hardware,
        run=run,
        mode=Mode.EXPERTS_IN_RAM if experts_in_ram else Mode.DEVICES if count else Mode.HOST,
        uses=tuple(uses),
        gpu_layers=99 if count else 0,
        tensor_split=(share,) * count,
        overrides=(),
        prompt_cache_bytes=0,
        load_mode=LoadMode.MAPPED,
        threads=hardware.cores,
    )


def _use(
    name: str, model: ModelShape, blocks: tuple[int, ...], experts: tuple[tuple[int, str], ...],
    roles: dict[Role, int], *, has_output: bool, is_host: bool = False,
) -> Use:  # fmt: skip
    size = sum(model.blocks[index].experts[what] for index, what in experts)
    return Use(
        name,
        512 * GB,
        0,
        {**roles, Role.ROUTED_EXPERTS: size},
        kv_bytes=2 * 1024 * RUN.cells * len(blocks),
        indexer_kv_bytes=0,
        output_buffer_bytes=0,
        compute=Interval(0, 0, 0),
        held=Held(blocks, has_output=has_output, is_host=is_host),
        experts=experts,
    )
