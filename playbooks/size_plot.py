"""A verdict as a picture: what each device holds, and how memory grows with the context."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from freehold.errors import FreeholdError
from freehold.sizing.curve import Curve, context_curve, usable_bytes
from freehold.sizing.layout import Answer, Layout, Mode, Use
from freehold.sizing.model import Role
from freehold.sizing.wishes import GIB, Wishes

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def _of(*roles: Role) -> Callable[[Use], float]:
    return lambda use: sum(use.weights_by_role.get(role, 0) for role in roles)


# Colours that the colour-blind tell apart: M. Okabe and K. Ito, "Color Universal Design".
PARTS: tuple[tuple[str, str, Callable[[Use], float]], ...] = (
    ("routed experts", "#0072b2", _of(Role.ROUTED_EXPERTS)),
    ("shared experts, dense FFN", "#56b4e9", _of(Role.SHARED_EXPERTS, Role.DENSE_FFN, Role.ROUTER)),
    ("attention, indexer", "#009e73", _of(Role.ATTENTION, Role.INDEXER)),
    ("embedding, output, MTP", "#f0e442", _of(Role.EMBEDDING, Role.OUTPUT, Role.MTP, Role.OTHER)),
    ("KV cache", "#e69f00", lambda use: use.kv_bytes + use.indexer_kv_bytes),
    ("compute buffers", "#d55e00", lambda use: use.compute.expected + use.output_buffer_bytes),
    ("back end's own", "#999999", lambda use: use.overhead_bytes),
)
LEGEND = (*(label for label, _, _ in PARTS), "head-room", "capacity")
CURVES = {"f16": "#0072b2", "q8_0": "#d55e00"}


def draw(answer: Answer, wishes: Wishes, path: Path) -> None:
    """Into `path`, whole or not at all. Raises FreeholdError where that cannot be."""
    figure_class = _figure_class()
    devices, host = answer.uses[:-1], answer.uses[-1:]
    # RAM is often ten times a device: each has a scale of its own.
    panels = [(devices, 0.8 * len(devices) + 1.6)] if devices else []
    panels.append((host, 2.2))
    widths = [width for _, width in panels] + ([6.0] if isinstance(answer, Layout) else [])
    figure = figure_class(figsize=(max(sum(widths), 7.0), 6.4), layout="constrained")
    axes = figure.subplots(1, len(widths), squeeze=False, width_ratios=widths)[0]
    figure.suptitle(_title(answer), fontsize=12)
    for each, (uses, _) in zip(axes, panels, strict=False):
        _bars(each, uses)
    axes[0].set_ylabel("GiB")
    drawn = {label: part for each in axes[: len(panels)] for part, label in _named(each)}
    figure.legend(
        [drawn[label] for label in LEGEND if label in drawn],
        [label for label in LEGEND if label in drawn],
        loc="outside lower center", ncols=5 if len(widths) > 2 else 3, fontsize=9,
    )  # fmt: skip
    if isinstance(answer, Layout):
        kinds = dict.fromkeys((*CURVES, answer.run.cache_type))
        _curves(axes[-1], answer, [context_curve(answer, wishes, kind) for kind in kinds])
    _save(figure, path)


def _title(answer: Answer) -> str:
    run = answer.run
    fits = answer.mode.value if isinstance(answer, Layout) else "does not fit"
    return (
        f"{answer.model.name} {answer.model.quant} on {answer.hardware.name}: {fits}\n"
        f"{run.slots} slot{'s' if run.slots > 1 else ''} of {run.context_tokens:,} tokens, "
        f"KV cache {run.cache_type}"
    )


def _named(axes: Axes) -> Sequence[tuple[Any, str]]:
    handles, labels = axes.get_legend_handles_labels()
    return list(zip(handles, labels, strict=True))


def _figure_class() -> Any:
    try:
        import matplotlib as mpl
        from matplotlib.figure import Figure  # without pyplot: no window, whatever the desktop
    except ImportError:
        raise FreeholdError.of(
            "--plot", "expected matplotlib, found none", "pip install 'matplotlib>=3.11,<4'"
        ) from None
    mpl.rcParams["svg.hashsalt"] = "freehold"  # the same answer gives the same file
    return Figure


def _bars(axes: Axes, uses: Sequence[Use]) -> None:
    places = range(len(uses))
    bottom = [0.0] * len(uses)
    for label, colour, size in PARTS:
        heights = [size(use) / GIB for use in uses]
        if any(heights):
            axes.bar(places, heights, 0.7, bottom, color=colour, label=label)
            bottom = [low + high for low, high in zip(bottom, heights, strict=True)]
    for place, (use, top) in enumerate(zip(uses, bottom, strict=True)):
        capacity, kept = use.capacity_bytes / GIB, use.headroom_bytes / GIB
        is_first = place == 0
        axes.bar(
            [place], [kept], 0.7, [capacity - kept], fill=False, hatch="////", linewidth=0,
            edgecolor="#bbbbbb", label="head-room" if is_first else None,
        )  # fmt: skip
        axes.plot(
            [place - 0.42, place + 0.42], [capacity] * 2, color="black", linewidth=1.6,
            label="capacity" if is_first else None,
        )  # fmt: skip
        left = use.left_bytes / GIB
        said = f"{left:.1f} left" if left >= 0 else f"{-left:.1f} short"
        axes.annotate(
            said, (place, max(capacity, top)), (0, 4), textcoords="offset points", ha="center",
            color="black" if left >= 0 else "#b00020", fontsize=9,
        )  # fmt: skip
    axes.set_xticks(list(places), [use.device for use in uses])
    axes.set_xlim(-0.6, len(uses) - 0.4)
    axes.margins(y=0.08)


def _curves(axes: Axes, layout: Layout, curves: Sequence[Curve]) -> None:
    for curve in curves:
        colour = CURVES.get(curve.cache_type, "#009e73")
        tokens = [tokens for tokens, _ in curve.points]
        sizes = [size / GIB for _, size in curve.points]
        largest = curve.largest_tokens
        told = f"{largest:,} tokens fit" if largest else "no context fits"
        axes.plot(tokens, sizes, color=colour, label=f"{curve.cache_type}: {told}")
        if largest:
            axes.axvline(largest, color=colour, linestyle=":", linewidth=1.2)
    limit = usable_bytes(layout) / GIB
    where = "the devices" if layout.mode is Mode.DEVICES else "the devices and the host"
    axes.axhline(limit, color="black", linewidth=1.6, label=f"limit: {limit:.0f} GiB")
    axes.axvline(
        layout.run.context_tokens, color="#999999", linestyle="--", linewidth=1,
        label=f"this answer: {layout.run.context_tokens:,} tokens",
    )  # fmt: skip
    axes.set_xscale("log", base=2)
    ticks = [1 << power for power in range(12, 24) if 1 << power <= curves[0].points[-1][0]]
    axes.set_xticks(ticks, [f"{tick >> 10}k" for tick in ticks])
    axes.set_xlabel("context of each slot, in tokens")
    axes.set_ylabel(f"GiB on {where}")
    axes.set_title("Memory by context", fontsize=11)
    axes.grid(alpha=0.25)
    axes.legend(fontsize=9, loc="upper left")


def _save(figure: Any, path: Path) -> None:
    kind = path.suffix.lower()[1:]
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        figure.savefig(
            partial, format=kind, dpi=130, metadata={"Date": None} if kind == "svg" else None
        )
        partial.replace(path)
    except OSError as error:
        raise FreeholdError.of(
            str(path), f"expected to write a picture, got: {error.strerror}"
        ) from None
    finally:
        partial.unlink(missing_ok=True)
