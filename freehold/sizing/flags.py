"""A layout as the engine's flags, in the words of the build at hand."""

from __future__ import annotations

from collections.abc import Collection

from freehold.sizing.held import Run
from freehold.sizing.layout import Layout, Mode
from freehold.sizing.wishes import MIB, LoadMode

Flags = tuple[tuple[str, ...], ...]

# What --load-mode replaced between build 10434 and 10955.
_OLD_LOAD_FLAGS: dict[LoadMode, Flags] = {
    LoadMode.MAPPED: (),
    LoadMode.LOCKED: (("--mlock",),),
    LoadMode.READ: (("--no-mmap",),),
    LoadMode.AUTO: (),
}
_LOAD_MODES = {
    LoadMode.MAPPED: "mmap",
    LoadMode.LOCKED: "mmap+mlock",
    LoadMode.READ: "none",
    LoadMode.AUTO: "auto",
}


def layout_flags(layout: Layout, known: Collection[str]) -> Flags:
    """What makes the engine do as the layout says; `known` are the flags of the build's --help.

    The context, the slots and the threads are not among them: they are the service's own.
    """
    return (
        *run_flags(layout.run, layout.load_mode, known),
        *_devices(layout),
        *_overrides(layout),
        *_processor(layout),
        *_prompt_cache(layout, known),
    )


def run_flags(run: Run, load_mode: LoadMode, known: Collection[str]) -> Flags:
    """What holds wherever the parts lie. Every default that memory follows is passed, as
    defaults move between builds."""
    flags: list[tuple[str, ...]] = [
        ("--flash-attn", "on" if run.has_flash_attention else "off"),
        ("--batch-size", str(run.batch_tokens)),
        ("--ubatch-size", str(run.ubatch_tokens)),
        ("--cache-type-k", run.cache_type),
        ("--cache-type-v", run.cache_type),
        *_load(load_mode, known),
    ]
    if "--fit" in known:
        # It would shrink the context in silence, and gives its placement up where -ot is set.
        flags.insert(0, ("--fit", "off"))
    if run.is_kv_unified:
        flags.append(("--kv-unified",))
    if run.has_mtp:
        flags.append(("--spec-type", "draft-mtp"))
    return tuple(flags)


def _devices(layout: Layout) -> Flags:
    if not layout.gpu_layers:
        # Devices that nobody counted on (an integrated GPU, say) are left alone as well.
        return (("--device", "none"),)
    names = [use.device for use in layout.devices]
    chosen = [("--device", ",".join(names)), ("--n-gpu-layers", str(layout.gpu_layers))]
    if len(names) == 1:
        return (*chosen, ("--split-mode", "none"), ("--main-gpu", "0"))
    shares = ",".join(map(str, layout.tensor_split))
    return (*chosen, ("--split-mode", "layer"), ("--tensor-split", shares))


def _overrides(layout: Layout) -> Flags:
    if not layout.overrides:
        return ()
    return (("--override-tensor", ",".join(map(str, layout.overrides))),)


def _load(mode: LoadMode, known: Collection[str]) -> Flags:
    if "--load-mode" in known:
        return (("--load-mode", _LOAD_MODES[mode]),)
    return _OLD_LOAD_FLAGS[mode]


def _prompt_cache(layout: Layout, known: Collection[str]) -> Flags:
    if "--cache-ram" not in known:
        return ()
    return (("--cache-ram", str(layout.prompt_cache_bytes // MIB)),)


def _processor(layout: Layout) -> Flags:
    flags: list[tuple[str, ...]] = []
    if layout.mode is not Mode.DEVICES and layout.hardware.numa_nodes > 1:
        flags.append(("--numa", "distribute"))
    if layout.model.architecture == "glm-dsa":
        # With repacked weights a processor with AMX aborts on it (seen with build 10434).
        flags.append(("--no-repack",))
    return tuple(flags)
