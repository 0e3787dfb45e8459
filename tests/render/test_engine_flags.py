"""Flags: made from the spec, and checked against the real engine's own --help."""

from __future__ import annotations

import re
from typing import Literal

import pytest

from demo.parts import ENGINE
from freehold.render.engine_flags import engine_flags, flag_problems, known_flags
from freehold.sizing.planned import Planned
from freehold.spec.model import Model, Server
from freehold.weights.manifest import Kind, Manifest
from freehold.weights.store import Store
from tests.render.cases import ENGINE as SMALL_ENGINE
from tests.render.cases import MODEL, WEIGHTS


@pytest.fixture(scope="module")
def engine(store: Store) -> Manifest:
    return store.manifest(Kind.ENGINE, ENGINE)


def flags(server: Server, engine: Manifest = SMALL_ENGINE) -> tuple[tuple[str, ...], ...]:
    return engine_flags(MODEL, server, WEIGHTS, engine, Planned.by_hand(server, 16))


HAS = (
    "-c --ctx-size -ngl --gpu-layers --n-gpu-layers -h --help --usage --no-slots --api-key-file "
    "-fa --jinja --no-jinja --temp --alias -np --mmap --no-mmap --cpu-strict -ot"
)


@pytest.mark.parametrize("flag", HAS.split())
def test_the_real_engine_has_this_flag(engine: Manifest, flag: str) -> None:
    assert flag in known_flags(engine.engine_help or "")


@pytest.mark.parametrize("word", ["--ctx-sizes", "-1", "--", "-", "N", "--no-ctx-size", "--c"])
def test_the_real_engine_has_no_such_flag(engine: Manifest, word: str) -> None:
    assert word not in known_flags(engine.engine_help or "")


def test_every_spelling_on_the_left_of_the_real_help_is_known(engine: Manifest) -> None:
    known = known_flags(engine.engine_help or "")
    lines = (engine.engine_help or "").splitlines()
    heads = [head[0] for line in lines if (head := re.match(r"-[^\s,]+(, +-[^\s,]+)*", line))]
    spellings = {word for head in heads for word in re.split(r", +", head)}
    flags = {word for word in spellings if word.lstrip("-")[:1].isalpha()}
    assert len(flags) > 300
    assert flags <= known


def test_what_a_description_mentions_is_no_flag_by_that() -> None:
    known = known_flags(SMALL_ENGINE.engine_help or "")
    assert known == {"-h", "--help", "--usage", "-c", "--ctx-size", "--no-ui", "--cors-origins"}


def test_all_that_a_stack_can_set_is_known_to_the_real_engine(engine: Manifest) -> None:
    used = [flag[0] for flag in flags(Server(), engine)]
    assert flag_problems("node-1", used, engine) == []
    assert {"--no-slots", "--no-ui", "--offline", "--cors-origins"} & set(used)


def test_a_flag_that_the_build_lacks_is_named_with_the_nearest_it_has(engine: Manifest) -> None:
    wrong = ["--ctx-sise", "--jinja", "--zzzzzzzz"]
    near, far = flag_problems("node-1: server.flags", wrong, engine)
    assert str(near) == (
        f"node-1: server.flags: engine {ENGINE} has no flag --ctx-sise; "
        'did you mean "--ctx-size"?\n'
        f"Hint: fab engine.help --name {ENGINE} lists those it has"
    )
    assert far.message == f"engine {ENGINE} has no flag --zzzzzzzz"


def test_an_engine_without_help_has_no_flag_at_all() -> None:
    bare = Manifest(Kind.ENGINE, "e", "llama-server", SMALL_ENGINE.files)
    assert len(flag_problems("x", ["--model"], bare)) == 1


def test_the_context_is_that_of_each_slot_times_their_number() -> None:
    made = flags(Server(context_tokens=8192, slots=4))
    assert ("--ctx-size", "32768") in made
    assert ("--parallel", "4") in made


def test_threads_are_the_boxs_cores_unless_the_spec_names_them() -> None:
    assert ("--threads", "16") in flags(Server())
    assert ("--threads", "3") in flags(Server(threads=3))


def test_doors_are_closed_where_the_build_has_them() -> None:
    words = [word for flag in flags(Server()) for word in flag]
    assert "--no-ui" in words
    assert "--no-slots" not in words  # this build knows of none
    assert words[words.index("--cors-origins") + 1] == "http://localhost"


def test_further_flags_come_last_in_their_order_and_never_joined() -> None:
    made = flags(Server(flags={"--temp": 0.6, "--jinja": True, "-ngl": 99}))
    assert made[-3:] == (("--temp", "0.6"), ("--jinja",), ("-ngl", "99"))


def test_the_key_is_named_by_its_file_and_never_by_itself() -> None:
    words = [word for flag in flags(Server()) for word in flag]
    assert "${CREDENTIALS_DIRECTORY}/api-key" in words
    assert "--api-key" not in words


def test_the_alias_is_what_clients_ask_for() -> None:
    model = Model(weights="m", alias="A model")
    made = engine_flags(model, Server(), WEIGHTS, SMALL_ENGINE, Planned.by_hand(Server(), 1))
    assert ("--alias", "A model") in made


@pytest.mark.parametrize(
    ("thinking", "words"),
    [
        ("off", "--reasoning off"),
        ("high", "--reasoning on --reasoning-effort high"),
        ("max", "--reasoning on --reasoning-effort max"),
    ],
)
def test_how_hard_it_thinks_is_the_servers_default(
    engine: Manifest, thinking: Literal["off", "high", "max"], words: str
) -> None:
    model = Model(weights="glm-5.2-iq2", thinking=thinking)
    made = engine_flags(model, Server(), WEIGHTS, engine, Planned.by_hand(Server(), 1))
    assert words in " ".join(word for flag in made for word in flag)
    plain = engine_flags(MODEL, Server(), WEIGHTS, engine, Planned.by_hand(Server(), 1))
    assert "--reasoning" not in [flag[0] for flag in plain]
