"""Where bytes come from, and what others published of a model, checked."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from freehold.catalog.models import KnownModel
from freehold.catalog.published import Compared, published_table
from freehold.sizing.held import Run
from freehold.sizing.kv import indexer_kv_bytes, kv_bytes
from freehold.sizing.model import CACHE_TYPES, ModelShape
from freehold.sizing.verdict_lines import spread
from freehold.sizing.wishes import GIB
from playbooks.size_markdown import Row, table


@dataclass(frozen=True)
class Claim:
    """What an article of mid-2026 says of a quant, and what follows from the arithmetic."""

    said: str
    quant: str
    claimed_gb: float
    remark: str


CLAIMS = (
    Claim(
        "four-bit K_M approaches 276 GB and goes on two 80 GB cards",
        "UD-Q4_K_M",
        276,
        "Four-bit types take 4.25 bits (IQ4_XS) and more. Two 80 GB cards hold 160 GB, less than "
        "either figure: most experts have to lie in RAM.",
    ),
    Claim(
        "Q2_K_XL takes roughly 280 GB",
        "UD-Q2_K_XL",
        280,
        "UD-IQ3_XXS is that large, at 281.7 GB.",
    ),
    Claim("dynamic two-bit takes about 241 GB", "UD-IQ2_M", 241, "That is near enough."),
)


def arithmetic(model: ModelShape, run: Run) -> Iterator[str]:
    """How the bytes come about that do not depend on the machine."""
    total = sum(model.bytes_by_role.values())
    parts = [f"{role} {size / GIB:.2f}" for role, size in model.bytes_by_role.items()]
    yield f"{model.quant}: {total / 1e9:.1f} GB of weights, in GiB:"
    yield f"  {' + '.join(parts)} = {total / GIB:.2f}"
    cell, blocks = CACHE_TYPES[run.cache_type], [block.index for block in model.trunk]
    each_bytes = cell.bytes_per_block / cell.block_elements
    for what, size_of, elements in (
        ("KV cache", kv_bytes, [block.k_elements + block.v_elements for block in model.trunk]),
        ("indexer", indexer_kv_bytes, [block.indexer_elements for block in model.trunk]),
    ):
        yield (
            f"  {what}: {run.cells:,} cells x {sum(elements):,} elements in "
            f"{sum(map(bool, elements))} blocks x {each_bytes:g} bytes = "
            f"{size_of(model, run, blocks) / GIB:.2f} GiB"
        )


def sizes_checked(known: KnownModel) -> Iterator[str]:
    """Each claim beside the size of the files, which the publisher states."""
    yield "## Published sizes, checked"
    yield ""
    weights = known.parameters["with_mtp"]
    for claim in CLAIMS:
        quant = known.quant(claim.quant)
        real_gb = quant.size_bytes / 1e9
        off = claim.claimed_gb / real_gb - 1
        how = f"{abs(off):.0%} too {'large' if off > 0 else 'small'}"
        yield f"- Said: {claim.said}. {quant.name}'s files are **{real_gb:.1f} GB**: said {how}."
        yield (
            f"  {weights / 1e9:.1f}e9 weights with the MTP layer x {_bits(real_gb, weights)} bits "
            f"/ 8 = {real_gb:.1f} GB; {claim.claimed_gb:g} GB were "
            f"{_bits(claim.claimed_gb, weights)} bits a weight."
        )
        yield f"  {claim.remark}"


def _bits(gb: float, weights: float) -> str:
    return f"{8 * gb * 1e9 / weights:.2f}"


def speeds_compared() -> Iterator[str]:
    """Every published speed beside the prediction for the same machine, with the error."""
    yield "## Published speeds beside the prediction"
    yield ""
    yield "The error is that of the expected value against the nearest figure that was reported."
    yield "What a constant was calibrated by proves nothing, and says so."
    yield ""
    head = ["machine", "quant", "reported tokens/s", "predicted", "error", "inside", "about it"]
    yield from table(head, map(_compared, published_table()))


def _compared(each: Compared) -> Row:
    report, speed = each.report, each.speed
    low, high = report.decode
    reported = f"{low:g}" if low == high else f"{low:g} to {high:g}"
    predicted: Row = ["it says too little", "", ""]
    if each.decode_error is not None and speed is not None:
        inside = "yes" if each.is_inside else "**no**"
        predicted = [spread(speed.decode), f"{each.decode_error:+.0%}", inside]
    told = [report.note, f"source: {report.source}"]
    if report.is_calibration:
        told.append("**used to calibrate**")
    return [report.hardware or "not said", report.quant, reported, *predicted, "; ".join(told)]
