"""A secret shows itself to `reveal` alone."""

import json
import pickle
import traceback

import pytest

from freehold.spec import Model, Node, Secret, Spec

VALUE = "sk-0123456789abcdef"


@pytest.fixture
def spec() -> Spec:
    return Spec.model_validate(
        {
            "store": "store",
            "model": Model(weights="tiny"),
            "engine": "llama",
            "api_key": Secret(VALUE),
            "nodes": (Node(name="ada"),),
        }
    )


def test_a_spec_never_shows_its_key(spec: Spec) -> None:
    shown = [repr(spec), str(spec), str(spec.model_dump()), spec.model_dump_json()]
    assert all(VALUE not in text and "Secret(***)" in text for text in shown)


def test_a_key_is_never_pickled() -> None:
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(Secret(VALUE))


def test_a_key_is_never_json() -> None:
    with pytest.raises(TypeError):
        json.dumps({"key": Secret(VALUE)})


def test_a_failed_validation_never_shows_the_key() -> None:
    with pytest.raises(ValueError, match="at least 16") as error:
        Spec.model_validate(
            {
                "store": "store",
                "model": {"weights": "tiny"},
                "engine": "llama",
                "api_key": Secret("hunter2"),
                "nodes": ({"name": "ada"},),
            }
        )
    assert "hunter2" not in "".join(traceback.format_exception(error.value))


@pytest.mark.parametrize(
    ("other", "equal"),
    [(Secret(VALUE), True), (Secret("x"), False), (Secret(), False), ("x", False)],
)
def test_keys_compare_by_value(other: object, equal: bool) -> None:
    assert (Secret(VALUE) == other) is equal


def test_a_key_that_is_not_decrypted_says_so() -> None:
    assert str(Secret()) == "Secret(set, not decrypted)"
