"""What the pinned engine said of memory, case by case: recorded once, held against the formulas."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from freehold.sizing.held import Held, Run
from freehold.sizing.model import ModelShape
from freehold.sizing.shape import shape_of
from tests.engine import known
from tests.engine.models import Model
from tests.sizing.headers import header_of

CASES = Path(__file__).with_name("cases") / "engine.jsonl"

_WIDE = Model(
    "llama", layers=5, embedding=8192, ffn=28672, heads=64, kv_heads=8, head=128,
    vocabulary=128256,
)  # fmt: skip
_WIDE_EXPERTS = Model(
    "qwen3moe", layers=6, embedding=4096, ffn=12288, heads=64, kv_heads=4, head=128,
    experts=128, experts_used=8, expert_ffn=1536, vocabulary=151936,
)  # fmt: skip
_WIDE_LATENT = Model(
    "deepseek2", layers=5, dense=2, embedding=7168, ffn=18432, heads=128,
    experts=256, experts_used=8, expert_ffn=2048,
    q_lora=1536, kv_lora=512, rope=64, nope=128, value=128, vocabulary=129280,
)  # fmt: skip
MODELS = {
    "glm-5.2": known.GLM_5_2,
    "llama": known.LLAMA,
    "qwen3moe": known.QWEN3MOE,
    "deepseek2": known.DEEPSEEK2,
    "glm-dsa": known.GLM_DSA,
    "wide llama": _WIDE,
    "wide qwen3moe": _WIDE_EXPERTS,
    "wide deepseek2": _WIDE_LATENT,
}


@dataclass(frozen=True)
class Case:
    """How the engine was run: `split` is the trunk's blocks on each device, () the CPU alone."""

    model: str
    split: tuple[int, ...]
    context: int
    experts_in_ram: bool = False
    slots: int = 1
    ubatch: int = 512
    cache: str = "f16"
    is_unified: bool = False
    has_mtp: bool = False
    has_flash_attention: bool = True
    is_loaded: bool = False

    def __str__(self) -> str:
        extra = [name for name, is_so in asdict(self).items() if isinstance(is_so, bool) and is_so]
        split = "+".join(map(str, self.split)) or "CPU"
        numbers = f"{self.context}x{self.slots}-{self.ubatch}-{self.cache}"
        return " ".join([self.model, split, numbers, *extra])

    @property
    def run(self) -> Run:
        """As sizing takes it."""
        return Run(
            self.context, self.slots, self.cache, self.ubatch, max(self.ubatch, 2048),
            self.is_unified, self.has_flash_attention, self.has_mtp,
        )  # fmt: skip

    @property
    def flags(self) -> tuple[tuple[str, ...], ...]:
        """As the engine takes it."""
        v_cache = self.cache if self.has_flash_attention else "f16"
        flags: list[tuple[str, ...]] = [
            ("--ctx-size", str(self.context * self.slots)), ("--parallel", str(self.slots)),
            ("--ubatch-size", str(self.ubatch)), ("--batch-size", str(self.run.batch_tokens)),
            ("--cache-type-k", self.cache), ("--cache-type-v", v_cache),
            ("--flash-attn", "on" if self.has_flash_attention else "off"),
        ]  # fmt: skip
        if self.is_unified:
            flags.append(("--kv-unified",))
        if self.has_mtp:
            flags.append(("--spec-type", "draft-mtp"))
        if self.split:
            model = MODELS[self.model]
            # The NextN block and the output follow the last block.
            entries = [*self.split[:-1], self.split[-1] + model.nextn + 1]
            flags += [("--gpu-layers", "99"), ("--tensor-split", ",".join(map(str, entries)))]
        if self.experts_in_ram:
            flags.append(("--override-tensor", "exps=CPU"))
        return tuple(flags)

    def held(self, model: ModelShape) -> tuple[Held, ...]:
        """By each device, and by the host, which is the last."""
        drafting = tuple(b.index for b in model.blocks if b.is_mtp and self.has_mtp)
        if not self.split:
            everything = (*range(len(model.trunk)), *drafting)
            return (Held(everything, has_output=True, is_host=True),)
        in_ram = {
            b.index
            for b in model.blocks
            if b.experts and self.experts_in_ram and (self.has_mtp or not b.is_mtp)
        }
        found = []
        at = 0
        for number, count in enumerate(self.split):
            is_last = number == len(self.split) - 1
            blocks = (*range(at, at + count), *(drafting if is_last else ()))
            away = tuple(index for index in blocks if index in in_ram)
            found.append(Held(blocks, away, has_output=is_last))
            at += count
        last = sum(self.split[:-1])
        host = Held((), (), tuple(sorted(in_ram)), is_host=True, last_device_from=last)
        return (*found, host)


@dataclass(frozen=True)
class Said:
    """By the engine of one device, in bytes, as exact as it prints: to 0.01 MiB."""

    kv: int
    indexer_kv: int
    output: int
    compute: int


def shape(case: Case) -> ModelShape:
    """The model's, without a file."""
    return shape_of(header_of(MODELS[case.model]))


def read_cases() -> list[tuple[Case, tuple[Said, ...]]]:
    """All that are recorded."""
    found = []
    for line in CASES.read_text().splitlines():
        values = json.loads(line)
        said = tuple(Said(*numbers) for numbers in values.pop("said"))
        values["split"] = tuple(values["split"])
        found.append((Case(**values), said))
    return found


def write_cases(found: Iterable[tuple[Case, Iterable[Said]]]) -> None:
    """A line each; what is as by default is left out."""
    lines = []
    for case, said in found:
        default = asdict(Case(case.model, case.split, case.context))
        values = {n: v for n, v in asdict(case).items() if v != default[n] or n in _ALWAYS}
        values["said"] = [list(asdict(device).values()) for device in said]
        lines.append(json.dumps(values) + "\n")
    CASES.write_text("".join(lines))


_ALWAYS = ("model", "split", "context")
