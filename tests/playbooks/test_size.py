"""`fab size` as a person calls it, on machines of the catalogue."""

from __future__ import annotations

import shlex
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from demo.parts import ENGINE, WEIGHTS
from freehold.catalog.models import quants
from freehold.weights.store import Store
from playbooks.size_docs import page
from tests.engine.catalogued import write_catalogued
from tests.engine.parts import assemble_with_cards
from tests.infra.stack import ROOT
from tests.playbooks.conftest import Fab

RIG = ("--model", "glm-5.2", "--on", "4x RTX 3090 + 192 GB")
SMALL_BOX = ("--model", "glm-5.2:q8_0", "--on", "24 GB card + 300 GB RAM")


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("engine")
    folder.chmod(0o755)  # the engine is not asked as root
    folder.parent.chmod(0o755)
    return assemble_with_cards(folder)


@pytest.fixture(scope="module")
def glm(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """GLM-5.2 in full size and three shards, with headers and holes alone."""
    return write_catalogued("glm-5.2", "UD-IQ2_M", tmp_path_factory.mktemp("glm") / "glm.gguf", 3)


@pytest.fixture(scope="module")
def refused(fab: Fab) -> dict[str, Any]:
    """What is said of a model that does not fit."""
    said: dict[str, Any] = fab("size", *SMALL_BOX, "--json").must(1).json()
    return said


def test_without_a_quant_all_are_told_and_the_best_are_marked(fab: Fab) -> None:
    lines = fab("size", *RIG).must().lines
    rows = {line.split()[0]: line for line in lines[2:] if line.split()[0] in quants("glm-5.2")}
    assert tuple(rows) == quants("glm-5.2")
    said = fab("size", *RIG, "--json").must().json()
    fitting = [each["quant"] for each in said["quants"] if each["fits"]]
    assert said["best"] == fitting[0]
    assert said["best_on_devices"] is None
    assert [name for name, row in rows.items() if row.endswith("best that fits")] == fitting[:1]
    assert all(row.split()[2] == "no" for name, row in rows.items() if name not in fitting)


def test_the_parts_of_one_quant_sum_to_the_whole(fab: Fab) -> None:
    said = fab("size", *RIG, "--quant", "iq2_m", "--json").must().json()
    held: dict[str, int] = {}
    for use in said["uses"]:
        assert use["weights_bytes"] == sum(use["weights_by_role"].values())
        parts = ("weights", "kv", "indexer_kv", "output_buffer", "overhead")
        exact = sum(use[f"{part}_bytes"] for part in parts)
        assert use["total_bytes"]["high"] == exact + use["compute_bytes"]["high"]
        room = use["capacity_bytes"] - use["headroom_bytes"]
        assert use["left_bytes"] == room - use["total_bytes"]["high"] >= 0
        for role, size in use["weights_by_role"].items():
            held[role] = held.get(role, 0) + size
    # All but the MTP layer, of which nothing is drafted here.
    model = said["model"]["bytes_by_role"]
    assert {role: size for role, size in held.items() if role != "mtp"} == {
        role: size for role, size in model.items() if role != "mtp"
    }


def test_the_flags_are_quoted_for_a_shell_and_are_those_of_the_json(fab: Fab) -> None:
    one = (*RIG, "--quant", "iq2_m", "--context", "20000", "--slots", "2")
    (line,) = fab("size", *one, "--flags").must().lines
    flags = fab("size", *one, "--json").must().json()["flags"]
    assert shlex.split(line) == [word for flag in flags for word in flag]
    assert ["--ctx-size", "40000"] in flags
    said = subprocess.run(
        ["sh", "-c", f"printf '%s\\n' {line}"], capture_output=True, text=True, check=True
    )
    assert said.stdout.splitlines() == shlex.split(line)


def test_what_does_not_fit_is_an_answer_with_arithmetic_and_exit_code_1(
    fab: Fab, refused: dict[str, Any]
) -> None:
    assert not refused["fits"]
    assert "host" in [short["device"] for short in refused["shortfalls"]]
    for short in refused["shortfalls"]:
        assert short["missing_bytes"] == short["needed_bytes"] - short["usable_bytes"] > 0
    assert 1 <= len(refused["ways_out"]) <= 3
    text = fab("size", *SMALL_BOX).must(1)
    for short in refused["shortfalls"]:
        assert f"{short['missing_bytes'] / (1 << 30):.1f} GiB short" in text.out
    assert text.out.count("way out: ") == len(refused["ways_out"])
    assert text.err == ""


def test_the_way_out_that_is_named_is_one(fab: Fab, refused: dict[str, Any]) -> None:
    changes = [way["change"].split()[:2] for way in refused["ways_out"]]
    named = {what: name.rstrip(":") for what, name in changes}
    fab("size", "--model", "glm-5.2", "--on", SMALL_BOX[3], "--quant", named["quant"]).must()
    fab("size", *SMALL_BOX[:2], "--on", named["rent"]).must()


def test_rent_and_electricity_are_counted_and_owning_is_compared(fab: Fab) -> None:
    rented = fab(
        "size", "--model", "glm-5.2:iq2_m", "--on", "p5.48xlarge", "--hours", "3", "--json"
    )
    cost, speed = rented.must().json()["cost"], rented.json()["speed"]
    assert cost["usd_for_ttl"] == pytest.approx(3 * cost["usd_per_hour"])
    per_million = cost["usd_per_hour"] / 3600 * 1e6 / speed["decode_tokens_per_s"]["expected"]
    assert cost["usd_per_million_tokens"]["expected"] == pytest.approx(per_million)
    prices = ("--kwh", "0.5", "--purchase", "6000", "--api-price", "3", "--hours", "5", "--json")
    owned = fab("size", *RIG, "--quant", "iq2_m", *prices).must().json()
    row = next(row for row in owned["owning"] if row["hours_per_day"] == 5)
    saved = row["rent_usd_per_month"] - row["owned_usd_per_month"]
    assert row["months_to_beat_rent"] == pytest.approx(6000 / saved)
    # The same tokens of the rented machine, which is another one and has another speed.
    hours = row["tokens_per_month"] / owned["rival"]["tokens_per_s"] / 3600
    assert row["rent_usd_per_month"] == pytest.approx(hours * owned["rival"]["usd_per_hour"])


WRONG = {
    "--context": ("ten", "expected a whole number of 1 to 16777216, or max"),
    "--slots": ("0", "expected a whole number of 1 to 16777216, or max"),
    "--ubatch": ("1.5", "expected a whole number of 1 to 16777216, or auto"),
    "--cache-type": ("q8", "expected one of f16, "),
    "--headroom-gpu": ("-1", "expected a number of 0 to 65,536"),
    "--headroom-ram": ("nan", "expected a number of 0 to 65,536"),
    "--kwh": ("0", "expected a number above 0"),
    "--hours": ("inf", "expected a number of 0 to "),
    "--api-price": ("1e400", "expected a number of 0 to "),
    "--plot": ("out.gif", "expected a file .png or .svg"),
}


def test_options_that_are_wrong_are_all_named_at_once(fab: Fab) -> None:
    given = [word for option, (value, _) in WRONG.items() for word in (option, value)]
    said = fab("size", *RIG, *given).must(1)
    assert said.out == ""
    for option, (value, expected) in WRONG.items():
        assert f"{option}: {expected}" in said.err
        assert f'got "{value}"' in said.err


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--model", "glm-6", "--on", "8x H100"), "did you mean glm-5.2?"),
        ((*RIG, "--quant", "iq2_mm"), "did you mean UD-IQ2_M?"),
        (("--model", "glm-5.2", "--on", "8x H1000"), '--on: expected an instance type, a Mac'),
        ((*RIG, "--devices", "CUDA0,CUDA7"), 'got "CUDA7"'),
        ((*RIG, "--flags"), "--flags: expected --quant too"),
        ((*RIG, "--plot", "a.png"), "--plot: expected --quant too"),
        ((*RIG, "--flags", "--json"), "--flags: expected it alone"),
        ((*RIG, "--ask-engine"), "--ask-engine: expected --engine too"),
        ((*RIG, "--engine", "/no/such"), "expected a llama-server, found none at /no/such"),
        (("--model", "no.gguf", "--on", "here"), "no.gguf: expected a GGUF file, got: No such"),
        (("--model", "ftp://x/y.gguf", "--on", "here"), "ftp://x/y.gguf: expected"),
    ],
)  # fmt: skip
def test_what_cannot_be_answered_is_named(fab: Fab, arguments: tuple[str, ...], told: str) -> None:
    said = fab("size", *arguments).must(1)
    assert told in said.err
    assert said.out == ""


def test_without_a_stack_the_model_and_the_machine_must_be_named(fab: Fab) -> None:
    nowhere = {"PULUMI_STACK": "nowhere"}
    assert "--model: expected a model, or a stack" in fab("size", "--on", "8x H100", **nowhere).err
    assert "Pulumi.nowhere.yaml" in fab("size", "--model", "glm-5.2", **nowhere).must(1).err


def test_a_picture_is_drawn_and_replaced_whole(fab: Fab, tmp_path: Path) -> None:
    png, svg = tmp_path / "out.png", tmp_path / "out.svg"
    png.write_text("an older one")
    fab("size", *RIG, "--quant", "iq2_m", "--plot", str(png)).must()
    with Image.open(png) as picture:
        assert picture.width > picture.height > 500
        assert len(picture.convert("RGB").getcolors(1 << 20) or ()) > 10
    fab("size", *SMALL_BOX, "--plot", str(svg)).must(1)
    assert ET.parse(svg).getroot().tag.endswith("svg")  # noqa: S314 - our own
    assert sorted(tmp_path.iterdir()) == [png, svg]


@pytest.mark.parametrize("folder", ["/no/such", "/proc"])
def test_a_picture_that_cannot_be_written_is_an_error_with_its_path(fab: Fab, folder: str) -> None:
    said = fab("size", *RIG, "--quant", "iq2_m", "--plot", f"{folder}/out.svg").must(1)
    assert f"{folder}/out.svg: expected to write a picture, got: No such file" in said.err


def test_without_matplotlib_a_picture_is_refused_with_a_hint(fab: Fab, tmp_path: Path) -> None:
    (tmp_path / "matplotlib.py").write_text("raise ImportError('not here')")
    out = tmp_path / "out.png"
    said = fab("size", *RIG, "--quant", "iq2_m", "--plot", str(out), PYTHONPATH=str(tmp_path))
    assert "--plot: expected matplotlib, found none\nHint: pip install" in said.must(1).err
    assert not out.exists()


def test_nothing_is_drawn_with_and_nothing_rented_unless_it_is_asked_for() -> None:
    code = "import sys, playbooks; print([m for m in ('matplotlib', 'boto3') if m in sys.modules])"
    argv = [sys.executable, "-c", code]
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_a_files_own_header_is_sized_and_the_engine_agrees(
    fab: Fab, engine: Path, glm: Path
) -> None:
    ask = ("--engine", str(engine), "--ask-engine", "--json")
    said = fab("size", "--model", str(glm), "--on", "300 GB RAM", *ask).must().json()
    rows = {row["part"]: row for row in said["account"]}
    assert abs(rows["total"]["difference_bytes"]) <= 0.01 * rows["total"]["engine_bytes"]
    assert rows["KV cache"]["difference_bytes"] == 0
    assert rows["indexer"]["difference_bytes"] == 0
    assert said["model"]["guessed"] == []
    asked = fab("size", "--model", str(glm), "--on", "300 GB RAM", *ask[:3]).must()
    assert "the engine's own account, asked before the load:" in asked.lines


def test_the_stores_model_and_build_are_taken_by_their_names(fab: Fab, store: Store) -> None:
    named = ("--model", f"store:{WEIGHTS}", "--store", store.place, "--engine", ENGINE)
    said = fab("size", *named, "--on", "here", "--ask-engine", "--json").must().json()
    total = next(row for row in said["account"] if row["part"] == "total")
    assert abs(total["difference_bytes"]) < 2 << 20
    gone = fab("size", "--model", "store:gone", "--store", store.place, "--on", "here").must(1)
    assert f"expected weights named gone, found {WEIGHTS}" in gone.err


def test_the_defaults_are_told_in_the_help(fab: Fab) -> None:
    said = fab("--help", "size").must().out
    assert "--cache-type=STRING" in said
    assert "f16, bf16, q8_0" in said


def test_models_and_hardware_are_listed(fab: Fab) -> None:
    models = fab("size.models").must().out
    assert all(quant in models for quant in quants("glm-5.2"))
    hardware = fab("size.hardware").must().out
    assert all(name in hardware for name in ("p5.48xlarge", "Mac Studio M3 Ultra", "RTX 3090"))


def test_the_page_of_the_docs_is_what_the_command_writes() -> None:
    assert (ROOT / "docs/sizing/glm-5.2.md").read_text() == page()
