"""What llama.cpp serves in silence, made for real, is named; what is as planned is not."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest

from freehold.account.account import Account
from freehold.account.attest import differences
from freehold.errors import Problem
from freehold.sizing.layout import Override
from freehold.sizing.planned import Planned
from tests.account.conftest import Written
from tests.account.plans import planned_by
from tests.account.served import load
from tests.engine import known
from tests.engine.cards import Cards, cards
from tests.engine.parts import CPU_FLAGS

Flags = tuple[tuple[str, ...], ...]

MODEL = known.QWEN3MOE
LAYERS: Flags = (("--n-gpu-layers", "99"), ("--load-mode", "none"), *CPU_FLAGS)
CONTEXT: Flags = (("--ctx-size", "8192"), ("--parallel", "1"), ("--fit", "off"))
SPLIT: Flags = (("--tensor-split", "4,3"),)
IN_RAM = Override(r"blk\.(2|3)\.ffn_(up|down)_exps\.", "CPU", 4)
MOVED: Flags = (("--override-tensor", str(IN_RAM)),)
SILENT = "a pattern of --override-tensor that matches nothing is accepted in silence"


@pytest.fixture(scope="module")
def standing(engine: Path) -> Iterator[Cards]:
    with cards(engine, [24576, 24576]) as two:
        yield two


@pytest.fixture(scope="module")
def path(written: Written) -> Path:
    return written(MODEL)


@pytest.fixture(scope="module")
def plan(engine: Path, path: Path, standing: Cards) -> Planned:
    flags = (*standing.flags, *LAYERS, *CONTEXT, *SPLIT, *MOVED)
    good = load(engine, path, flags, verbosity=5)
    return planned_by(good, standing, trunk=MODEL.layers, overrides=(IN_RAM,))


@dataclasses.dataclass(frozen=True)
class Served:
    """Loads the model with other flags than those of the plan."""

    engine: Path
    path: Path
    standing: Cards

    def __call__(self, *flags: Flags, verbosity: int = 4) -> Account:
        words = (*self.standing.flags, *LAYERS, *(flag for group in flags for flag in group))
        return load(self.engine, self.path, words, verbosity)


@pytest.fixture
def served(engine: Path, path: Path, standing: Cards) -> Served:
    return Served(engine, path, standing)


def messages(plan: Planned, account: Account) -> list[str]:
    return [problem.message for problem in differences(plan, account, "box-1")]


@pytest.mark.parametrize("verbosity", [4, 5])
def test_a_load_as_planned_differs_in_nothing(
    plan: Planned, served: Served, verbosity: int
) -> None:
    assert differences(plan, served(CONTEXT, SPLIT, MOVED, verbosity=verbosity), "box-1") == ()


NOTHING: Flags = (("--override-tensor", r"blk\.(2|3)\.ffn_(up|down)_experts\.=CPU"),)


def test_a_pattern_that_matches_nothing_is_named(plan: Planned, served: Served) -> None:
    first, *by_bytes = differences(plan, served(CONTEXT, SPLIT, NOTHING, verbosity=5), "box-1")
    expected = f"expected the override {IN_RAM} to move 4 tensors, it moved 0"
    assert first == Problem("box-1", expected, SILENT)
    assert len(by_bytes) == 2


def test_without_debug_lines_the_bytes_tell_that_nothing_moved(
    plan: Planned, served: Served
) -> None:
    on_card, on_host = differences(plan, served(CONTEXT, SPLIT, NOTHING), "box-1")
    assert "of weights on RPC0" in on_card.message
    assert on_card.hint == SILENT
    assert "of weights on host" in on_host.message


def test_a_pattern_that_matches_half_is_named(plan: Planned, served: Served) -> None:
    half: Flags = (("--override-tensor", r"blk\.2\.ffn_(up|down)_exps\.=CPU"),)
    found = messages(plan, served(CONTEXT, SPLIT, half, verbosity=5))
    assert "to move 4 tensors, it moved 2" in found[0]


def test_one_tensor_that_no_plan_moved_is_noticed(plan: Planned, served: Served) -> None:
    more: Flags = (("--override-tensor", rf"{IN_RAM},blk\.5\.ffn_up_exps=CPU"),)
    found = messages(plan, served(CONTEXT, SPLIT, more, verbosity=5))
    assert found[0] == "expected no other tensor to be moved, 1 were"
    assert "of weights on RPC1" in messages(plan, served(CONTEXT, SPLIT, more))[0]


def test_a_device_that_is_not_used_is_named(plan: Planned, served: Served) -> None:
    account = served(CONTEXT, MOVED, (("--device", "RPC0"),))
    endpoint = served.standing.endpoints[1]
    assert differences(plan, account, "box-1") == (
        Problem(
            "box-1",
            f"expected 2 layers on RPC1 ({endpoint}), the engine does not use it (in use: RPC0)",
            "is its RPC end up?",
        ),
    )


@pytest.mark.parametrize(("down", "layers"), [(0, 4), (1, 2)])
def test_an_rpc_end_that_is_down_is_named_whatever_the_others_are_called_now(
    engine: Path, path: Path, plan: Planned, down: int, layers: int
) -> None:
    with cards(engine, [24576, 24576]) as two:
        buffers = {device.name: device.buffer_type for device in two.devices}
        devices = tuple(
            dataclasses.replace(device, buffer_type=buffers.get(device.device, "CPU"))
            for device in plan.devices
        )
        two.end(down)
        account = load(engine, path, (*two.flags, *LAYERS, *CONTEXT, *SPLIT, *MOVED))
        missing = f"expected {layers} layers on RPC{down} ({two.endpoints[down]}), the engine does"
    (problem,) = differences(dataclasses.replace(plan, devices=devices), account, "box-1")
    assert problem.message.startswith(missing)
    assert problem.hint == "is its RPC end up?"


def test_all_ends_down_leaves_everything_on_the_cpu(
    engine: Path, path: Path, plan: Planned
) -> None:
    dead = (("--rpc", "127.0.0.1:9,127.0.0.1:10"),)
    account = load(engine, path, (*dead, *LAYERS, *CONTEXT, *SPLIT, *MOVED))
    assert [m.partition(" (")[0] for m in messages(plan, account)] == [
        "expected 4 layers on RPC0",
        "expected 2 layers on RPC1",
    ]


def test_more_shares_than_devices_are_served_and_noticed(plan: Planned, served: Served) -> None:
    account = served(CONTEXT, MOVED, (("--tensor-split", "2,3,2"),), verbosity=5)
    assert messages(plan, account)[:2] == [
        "expected 4 layers on RPC0, 3 are there",
        "expected 2 layers on RPC1, 3 are there",
    ]


def test_layers_elsewhere_are_noticed_by_their_bytes_too(plan: Planned, served: Served) -> None:
    found = messages(plan, served(CONTEXT, MOVED, (("--tensor-split", "2,5"),)))
    assert [message.split(" of ")[1].partition(",")[0] for message in found] == [
        "weights on RPC0",
        "KV cache on RPC0",
        "weights on RPC1",
        "KV cache on RPC1",
    ]


def test_layers_that_stay_on_the_host_are_named(plan: Planned, served: Served) -> None:
    account = served(CONTEXT, SPLIT, MOVED, (("--n-gpu-layers", "3"),), verbosity=5)
    assert "expected 0 layers on host, 4 are there" in messages(plan, account)


def test_a_context_that_fit_shrank_is_named_alone(plan: Planned, served: Served) -> None:
    wanted = dataclasses.replace(plan, context_tokens=MODEL.context)
    shrinking: Flags = (("--parallel", "1"), ("--fit", "on"), ("--fit-target", "24300"))
    account = served(shrinking, SPLIT, MOVED)
    assert account.context_tokens < MODEL.context
    assert differences(wanted, account, "box-1") == (
        Problem(
            "box-1",
            f"expected a context of {MODEL.context} tokens, the engine has "
            f"{account.context_tokens}",
            "--fit shrinks it in silence where nothing else holds it",
        ),
    )


def test_another_cache_type_is_noticed(plan: Planned, served: Served) -> None:
    q8: Flags = (("--cache-type-k", "q8_0"), ("--cache-type-v", "q8_0"), ("--flash-attn", "on"))
    assert messages(plan, served(CONTEXT, SPLIT, MOVED, q8)) == [
        "expected 16.0 MiB of KV cache on RPC0, 8.5 MiB are there",
        "expected 8.0 MiB of KV cache on RPC1, 4.2 MiB are there",
    ]


def test_other_slots_are_noticed(plan: Planned, served: Served) -> None:
    account = served(CONTEXT, SPLIT, MOVED, (("--parallel", "2"),))
    assert messages(plan, account) == ["slots: expected 1, the engine has 2"]


def test_one_cache_instead_of_one_a_slot_is_noticed(plan: Planned, served: Served) -> None:
    account = served(CONTEXT, SPLIT, MOVED, (("--kv-unified",),))
    assert messages(plan, account) == [
        "expected a KV cache for each slot, the engine has one KV cache for all slots"
    ]


def test_a_placement_by_hand_is_compared_with_nothing(plan: Planned, served: Served) -> None:
    by_hand = dataclasses.replace(plan, devices=(), context_tokens=1)
    assert differences(by_hand, served(CONTEXT, SPLIT), "box-1") == ()
