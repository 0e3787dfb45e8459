"""A first token of a build that is on a box and that nobody serves: the real engine and model."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest

from demo.parts import ENGINE, WEIGHTS
from freehold import lab
from freehold.apply.converge import converge
from freehold.build.first_token import first_token, small_weights
from freehold.hosts.command import Command
from freehold.hosts.host import Host, HostError, run_or_raise
from freehold.hosts.ssh import SshHost
from freehold.hosts.ssh_config import SshSettings
from freehold.plan.fileset import FileSet
from freehold.weights.manifest import Kind, Manifest
from freehold.weights.store import Store


@pytest.fixture(scope="module")
def host(lab_boxes: lab.Lab, store: Store) -> Iterator[Host]:
    """The first box with the engine and the weights on it."""
    box = lab_boxes.boxes[0]
    with closing(SshHost("node-1", box.name, SshSettings(lab_boxes.ssh_config))) as host:
        sets = [store.manifest(Kind.ENGINE, ENGINE), store.manifest(Kind.WEIGHTS, WEIGHTS)]
        converge(host, [FileSet(each) for each in sets], store)
        yield host
        run_or_raise(host, Command("rm -rf /var/lib/freehold", "cleaning up"))


@pytest.fixture
def weights(store: Store) -> Manifest:
    return store.manifest(Kind.WEIGHTS, WEIGHTS)


def test_a_build_says_its_first_tokens_and_leaves_no_process(
    host: Host, store: Store, weights: Manifest
) -> None:
    assert small_weights(host, [weights]) == weights
    engine = store.manifest(Kind.ENGINE, ENGINE)
    assert "Paris" in first_token(host, engine.node_folder, weights)
    left = run_or_raise(host, Command("pgrep llama-server || true", "looking"))
    assert left == ""


def test_one_that_does_not_load_is_told_in_its_own_words(
    host: Host, store: Store, weights: Manifest
) -> None:
    engine = store.manifest(Kind.ENGINE, ENGINE)
    broken = (
        "mkdir -p /var/lib/freehold/x; cp -r {}/. /var/lib/freehold/x; rm /var/lib/freehold/x/{}"
    )
    run_or_raise(host, Command(broken.format(engine.node_folder, "libggml-base.so.0"), "breaking"))
    with pytest.raises(HostError, match=r"(?s)a first token by smollm2-135m: exit 1.*libggml-base"):
        first_token(host, "/var/lib/freehold/x", weights)


def test_weights_that_are_large_or_not_whole_are_not_taken(host: Host, weights: Manifest) -> None:
    run_or_raise(host, Command(f"rm {weights.node_proof}", "breaking"))
    assert small_weights(host, [weights]) is None
    assert small_weights(host, []) is None
