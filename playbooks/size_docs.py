"""The page of docs/sizing/ about GLM-5.2 on machines that people have, made from the catalogue."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from freehold.catalog.calibration import calibration
from freehold.catalog.hardware import hardware_of
from freehold.catalog.models import KnownModel, known_model
from freehold.catalog.terrain import alternatives, catalogue_shape
from freehold.sizing.choose import run_of
from freehold.sizing.hardware import Hardware
from freehold.sizing.layout import Layout, Refusal
from freehold.sizing.model import ModelShape
from freehold.sizing.planned import Planned
from freehold.sizing.verdict import Market, Verdict, judge
from freehold.sizing.verdict_json import all_flags
from freehold.sizing.verdict_lines import duration, money, owning_lines, spread, verdict_lines
from freehold.sizing.wishes import GIB, Wishes
from playbooks.size_answer import NEW_FLAGS
from playbooks.size_arithmetic import arithmetic, sizes_checked, speeds_compared
from playbooks.size_markdown import Row, details, fenced, table

MODEL = "glm-5.2"
QUANTS = ("UD-IQ2_M", "UD-Q2_K_XL", "UD-IQ4_XS", "UD-Q4_K_M", "Q8_0")
MACHINES = {
    "24 GB card + 300 GB RAM": "",
    "2x 80 GB + 512 GB": "",
    "p5.48xlarge": "8x H100",
    "p5en.48xlarge": "8x H200",
    "mac studio m3 ultra 256": "",
    "mac studio m3 ultra 512": "",
    "4x RTX 3090 + 192 GB": "",
}
"""By what `fab size --on` takes, with what they are where the name does not say it."""
OWNED = "mac studio m3 ultra 512"
USD_PER_KWH = 0.30
API_USD_PER_MILLION = 3.00
WISHES = Wishes()

_HEAD = f"""\
# GLM-5.2: does it fit, how fast, what it costs

Made by `fab size.docs` from the catalogue alone: nothing here was run on these machines. How it is
computed, and how far it may be off, is in [sizing.md](../sizing.md). For a machine of your own, or
with a file's own header at hand, ask `fab size`.

All rows: one slot of {WISHES.context_tokens:,} tokens, {WISHES.headroom_gpu_bytes / GIB:g} GiB \
of head-room on each GPU and {WISHES.headroom_ram_bytes / GIB:g} GiB in RAM. Machines that
are owned cost electricity at {USD_PER_KWH:.2f} USD/kWh, AWS's their catalogued price on demand. \
Brackets hold the
interval in which the truth is expected.
"""


def write_docs(folder: Path) -> list[Path]:
    """Write every page again; returns their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{MODEL}.md"
    path.write_text(page())
    return [path]


def page() -> str:
    """The whole page as Markdown."""
    known = known_model(MODEL)[0]
    shapes = [catalogue_shape(known, quant) for quant in QUANTS]
    machines = {text: hardware_of(text) for text in MACHINES}
    also = alternatives(shapes[0])
    found = {
        text: [_judged(shape, machine, known, also) for shape in shapes]
        for text, machine in machines.items()
    }
    glances = ([f"**{_title(text)}**", *map(_glance, each)] for text, each in found.items())
    text = [_HEAD, "## At a glance", "", *table(["", *QUANTS], glances), ""]
    text += [*sizes_checked(known), "", *speeds_compared(), "", *_owning(shapes[0], also)]
    text += ["", "## The arithmetic", "", "Whatever the machine:", ""]
    text += fenced(line for shape in shapes for line in arithmetic(shape, run_of(shape, WISHES)))
    for name, machine in machines.items():
        text += ["", *_machine(_title(name), machine, found[name])]
    return "\n".join(text) + "\n"


def _judged(shape: ModelShape, machine: Hardware, known: KnownModel, also: Market) -> Verdict:
    """Without what it takes to own one: that has a table of its own."""
    owned = replace(machine, purchase_usd=None)
    market = replace(also, usd_per_kwh=USD_PER_KWH)
    return judge(shape, owned, WISHES, calibration(), market, thinking=known.thinking)


def _title(name: str) -> str:
    return f"{name} ({MACHINES[name]})" if MACHINES[name] else name


def _glance(verdict: Verdict) -> str:
    if isinstance(verdict.answer, Refusal):
        missing = sum(short.missing_bytes for short in verdict.answer.shortfalls)
        return f"no, {missing / GIB:.0f} GiB short"
    speed = f", {spread(verdict.speed.decode)} tokens/s" if verdict.speed else ""
    return verdict.answer.mode.value + speed


def _owning(shape: ModelShape, also: Market) -> Iterator[str]:
    yield "## When owning beats renting or an API"
    yield ""
    yield f"Of {shape.quant} on a {OWNED}, where an API asks {API_USD_PER_MILLION:.2f} USD for a"
    yield "million tokens. With `--purchase`, `--kwh` and `--api-price` it is yours to compute."
    yield ""
    market = replace(also, usd_per_kwh=USD_PER_KWH, api_usd_per_million=API_USD_PER_MILLION)
    verdict = judge(shape, hardware_of(OWNED), WISHES, calibration(), market)
    yield from fenced(owning_lines(verdict))


def _machine(title: str, machine: Hardware, verdicts: Sequence[Verdict]) -> Iterator[str]:
    cards = ", ".join(sorted({device.model for device in machine.devices}))
    each = machine.devices[0].memory_bytes / GIB
    shared = ", which they share" if machine.is_unified else ""
    yield f"## {title}"
    yield ""
    yield f"{len(machine.devices)} x {cards} of {each:.1f} GiB that a program can get, and "
    yield f"{machine.ram_bytes / GIB:.0f} GiB of RAM{shared}."
    yield ""
    yield from (f"- assumed: {guess}" for guess in machine.guessed)
    yield ""
    head = ["quant", "GB", "fits", "GiB by device", "tokens/s", "prompt", "to load", "cost"]
    yield from table(head, map(_row, verdicts))
    for verdict in verdicts:
        yield ""
        yield from details(f"{verdict.answer.model.quant}: by part, and the flags", _told(verdict))


def _row(verdict: Verdict) -> Row:
    answer, speed, cost = verdict.answer, verdict.speed, verdict.cost
    held = ", ".join(f"{use.device} {use.total.expected / GIB:.1f}" for use in answer.uses)
    name = [answer.model.quant, f"{answer.model.file_bytes / 1e9:.1f}"]
    if not isinstance(answer, Layout) or speed is None:
        return [*name, "no", held, "", "", "", ""]
    usd = f"{money(cost.per_million)} USD/M tokens" if cost else ""
    fits = f"{answer.mode.value}, KV {answer.run.cache_type}"
    row = [fits, held, spread(speed.decode), spread(speed.prompt), duration(speed.load_s), usd]
    return [*name, *row]


def _told(verdict: Verdict) -> Iterator[str]:
    guesses = {f"guessed: {each}" for each in verdict.answer.hardware.guessed}
    yield from fenced(line for line in verdict_lines(verdict) if line not in guesses)
    if isinstance(verdict.answer, Layout):
        yield ""
        flags = all_flags(Planned.of(verdict.answer, NEW_FLAGS))
        yield from fenced(shlex.join(flag) for flag in flags)
