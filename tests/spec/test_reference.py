"""stacks/reference.yaml is the schema: it loads, and it says what the models say."""

import re
from pathlib import Path

import pytest
import yaml

from freehold.spec import Secret, SpecError, load
from freehold.spec.model import Spec
from freehold.spec.reference import keys_table
from freehold.spec.schema import default_of, keys

ROOT = Path(__file__).parents[2]
REFERENCE = ROOT / "stacks/reference.yaml"
KEYS = dict(keys())


def switched_on() -> str:
    """The reference with the keys that it has switched off: a "#" with no space behind it."""
    return re.sub(r"^( *)#(?=\S|  secure:)", r"\1", REFERENCE.read_text(), flags=re.MULTILINE)


def without(key: str, text: str) -> str:
    """The reference without one of its top-level keys."""
    return re.sub(rf"^  freehold:{key}:\n(?:    .*\n|\n)*", "", text, flags=re.MULTILINE)


def written() -> dict[tuple[str, ...], str]:
    """Each key of the reference with the comment above it."""
    found: dict[tuple[str, ...], str] = {}
    path: list[tuple[int, str]] = []
    comment: list[str] = []
    for line in switched_on().splitlines():
        text = line.strip()
        match = re.match(r"(?:- )?(?:freehold:)?([a-z_0-9]+):(?= |$)", text)
        if text.startswith("#"):
            comment.append(text.removeprefix("#").strip())
        elif match:
            indent = len(line) - len(line.lstrip()) + 2 * text.startswith("- ")
            path = [step for step in path if step[0] < indent]
            path.append((indent, match[1]))
            found.setdefault(tuple(name for _, name in path[1:]), " ".join(comment))
            comment = []
        elif not text:
            comment = []
    del found[()]  # config: itself
    return found


def test_the_reference_loads_as_it_is() -> None:
    spec = load(REFERENCE, root=ROOT)
    assert [node.name for node in spec.nodes] == ["ada", "grace"]
    assert spec.node("ada").server.threads == 16


def test_the_reference_loads_with_every_key_switched_on(tmp_path: Path) -> None:
    copy = tmp_path / "Pulumi.copy.yaml"
    copy.write_text(without("rented", switched_on()))
    spec = load(copy, root=tmp_path)
    assert (spec.server.threads, spec.ssh.config) == (4, tmp_path / "ssh_config")
    assert (spec.model.thinking, spec.server.devices) == ("high", ("CUDA0", "CUDA1"))
    assert (spec.policy.max_usd_per_hour, spec.prices.usd_per_kwh) == (60, 0.3)
    assert (spec.node("ada").hardware.gpus, spec.node("grace").hardware.gpus) == (4, None)
    assert isinstance(spec.api_key, Secret)


def test_the_reference_loads_with_what_is_rented_in_place_of_nodes(tmp_path: Path) -> None:
    copy = tmp_path / "Pulumi.copy.yaml"
    copy.write_text(without("nodes", switched_on()))
    spec = load(copy, root=tmp_path)
    assert spec.rented is not None
    assert (spec.rented.budget_usd, spec.rented.open_to) == (300, ("198.51.100.7/32",))
    (node,) = spec.nodes
    assert (node.name, node.server.context_tokens, node.server.threads) == ("h100s", 32768, 4)


def test_the_reference_has_every_key_and_no_other() -> None:
    # The keys of a server are explained where they come first.
    of_a_node = [("nodes", "server"), ("rented", "server")]
    own = {path for path in written() if path[:2] not in of_a_node or path in of_a_node}
    assert own - {("api_key", "secure")} == set(KEYS)


@pytest.mark.parametrize("path", KEYS, ids=".".join)
def test_the_comment_on_a_key_gives_the_default_of_the_model(path: tuple[str, ...]) -> None:
    default = default_of(KEYS[path])
    comment = written()[path]
    assert comment.endswith(f"Default: {default}." if default else "equired."), comment
    assert len(comment) > len(f"Default: {default}.")


def test_the_table_of_keys_has_a_row_for_each_key() -> None:
    head, rule, *rows = keys_table().splitlines()
    assert (head, rule) == ("| key | default | meaning |", "|---|---|---|")
    assert len(rows) == len(KEYS)
    assert "| `freehold:store` | required | Where your weights" in rows[0]
    assert any(row.startswith("| `freehold:server.port` | 8080 | TCP port") for row in rows)
    assert any(row.startswith("| `freehold:nodes[].ssh` | the node's name |") for row in rows)
    assert all(row.count(" | ") == 2 for row in rows)


def mistypings(word: str) -> set[str]:
    """A letter left out, a letter twice, two letters swapped."""
    pairs = range(len(word) - 1)
    swapped = {word[:i] + word[i + 1] + word[i] + word[i + 2 :] for i in pairs}
    doubled = {word[:i] + word[i] + word[i:] for i in range(len(word))}
    return (swapped | doubled | {word[:i] + word[i + 1 :] for i in range(len(word))}) - {word}


@pytest.mark.parametrize("path", KEYS, ids=".".join)
def test_a_mistyped_key_of_the_reference_is_told_the_right_one(
    path: tuple[str, ...], tmp_path: Path
) -> None:
    whole = yaml.safe_load(switched_on())
    copy = tmp_path / "Pulumi.copy.yaml"
    prefix = "freehold:" if len(path) == 1 else ""
    for wrong in unmistakable(path):
        broken = _renamed(whole["config"], path, wrong)
        copy.write_text(yaml.safe_dump({"config": broken}, sort_keys=False))
        with pytest.raises(SpecError) as error:
            load(copy, root=tmp_path)
        assert f'"{prefix}{wrong}"; did you mean "{prefix}{path[-1]}"?' in str(error.value)


def unmistakable(path: tuple[str, ...]) -> set[str]:
    """Mistypings of a key that are not another key's as well: gpu, for gpus."""
    others = {other[-1] for other in KEYS if other[:-1] == path[:-1]} - {path[-1]}
    return {wrong for wrong in mistypings(path[-1]) if not others & {wrong, *mistypings(wrong)}}


def _renamed(config: dict[str, object], path: tuple[str, ...], wrong: str) -> dict[str, object]:
    """A copy of `config` in which the key at `path` is `wrong`, in its place among the others."""
    name, rest = path[0], path[1:]
    copy: dict[str, object] = {}
    for key, value in config.items():
        if key.removeprefix("freehold:") != name:
            copy[key] = value
        elif not rest:
            copy[key.removesuffix(name) + wrong] = value
        elif isinstance(value, list):
            copy[key] = [_renamed(value[0], rest, wrong), *value[1:]]
        elif isinstance(value, dict):
            copy[key] = _renamed(value, rest, wrong)
    return copy


def test_the_schema_walk_starts_with_the_spec_itself() -> None:
    assert [path[0] for path in KEYS if len(path) == 1] == list(Spec.model_fields)
