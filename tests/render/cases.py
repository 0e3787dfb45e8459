"""The services whose units are goldens; `python -m tests.render.cases` writes those anew."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from freehold.render.guard import guard_unit
from freehold.render.paths import (
    GUARD_UNIT,
    TELEMETRY_TIMER,
    TELEMETRY_UNIT,
    TUNING_UNIT,
    VERIFY_TIMER,
    VERIFY_UNIT,
)
from freehold.render.service import service_unit, verify_timer, verify_unit
from freehold.render.telemetry import telemetry_timer, telemetry_unit
from freehold.render.tuning import tuning_unit
from freehold.sizing.planned import Planned
from freehold.spec.flags import FlagValue
from freehold.spec.guard import Guard
from freehold.spec.model import Model, Server
from freehold.spec.telemetry import Telemetry
from freehold.weights.manifest import FileEntry, Kind, Manifest

GOLDENS = Path(__file__).with_name("goldens")
WEIGHTS = Manifest(
    kind=Kind.WEIGHTS,
    name="glm-5.2-iq2",
    entry="m-1-of-2.gguf",
    files=(
        FileEntry("m-1-of-2.gguf", 5, "a" * 64, "a" * 64),
        FileEntry("m-2-of-2.gguf", 5, "b" * 64, "b" * 64),
    ),
)
HELP = """\
----- common params -----

-h,    --help, --usage                  print usage and exit
-c,    --ctx-size N                     size of the prompt context (see also --rope-scaling)
--no-ui                                 as --offline does not
--cors-origins ORIGINS                  default: *
"""
ENGINE = Manifest(
    kind=Kind.ENGINE,
    name="llama.cpp-10434",
    entry="llama-server",
    files=(FileEntry("llama-server", 7, "c" * 64, "c" * 64, executable=True),),
    about={"arch": "x86_64"},
    engine_help=HELP,
)


def unit(model: Model, server: Server, has_gpu: bool = False) -> str:
    planned = Planned.by_hand(server, cores=16)
    return service_unit(model, server, WEIGHTS, ENGINE, planned, has_gpu=has_gpu)


MODEL = Model(weights="glm-5.2-iq2")
ODD: dict[str, FlagValue] = {
    "--chat-template-kwargs": '{"reasoning_effort": "high"}',
    "--override-tensor": r"blk\.(1|2)\.ffn_.*_exps=CPU",
    "--temp": 0.6,
    "--jinja": True,
    "--grammar": "100% $HOME ${HOME} %n 'x' \"y\" ;",
}
CASES: dict[str, Callable[[], str]] = {
    "cpu-loopback": lambda: unit(MODEL, Server()),
    "cpu-network": lambda: unit(
        MODEL, Server(listen="10.0.0.7", port=9000, slots=4, context_tokens=8192, threads=8)
    ),
    "gpu": lambda: unit(MODEL, Server(flags={"--n-gpu-layers": "all"}), has_gpu=True),
    "odd-characters": lambda: unit(
        Model(weights="glm-5.2-iq2", alias='100% "odd" $alias \\ ünï'), Server(flags=ODD)
    ),
}

OTHERS: dict[str, Callable[[], str]] = {
    VERIFY_UNIT: lambda: verify_unit(WEIGHTS),
    VERIFY_TIMER: verify_timer,
    TUNING_UNIT: lambda: tuning_unit(has_gpu=False),
    "freehold-tuning-gpu.service": lambda: tuning_unit(has_gpu=True),
    GUARD_UNIT: lambda: guard_unit(Guard(), has_gpu=False),
    "freehold-guard-gpu.service": lambda: guard_unit(Guard(), has_gpu=True),
    "freehold-guard-ups.service": lambda: guard_unit(Guard(ups="rack"), has_gpu=True),
    TELEMETRY_UNIT: lambda: telemetry_unit(Telemetry(), 8080, has_gpu=False),
    TELEMETRY_TIMER: lambda: telemetry_timer(Telemetry()),
    "freehold-telemetry-gpu.service": lambda: telemetry_unit(Telemetry(), 8080, has_gpu=True),
}
"""By their names on a node, and those for one with GPUs."""

if __name__ == "__main__":
    for name, text in CASES.items():
        (GOLDENS / f"{name}.service").write_text(text())
    for name, text in OTHERS.items():
        (GOLDENS / name).write_text(text())
