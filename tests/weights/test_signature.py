"""A manifest that its owner signed, and every other one."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from freehold.spec import Spec, load
from freehold.weights.chosen import Chosen
from freehold.weights.manifest import Kind, Manifest
from freehold.weights.objects import StoreError
from freehold.weights.open import create_store
from freehold.weights.owner import Owner, SignatureError, Signer
from freehold.weights.signature import require_signed, sign_manifest
from freehold.weights.store import Store
from tests.weights.keys import make_owner


@pytest.fixture(autouse=True)
def _without_an_agent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)


@pytest.fixture
def owner(tmp_path: Path) -> Owner:
    return make_owner(tmp_path)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return create_store(tmp_path / "store")


def declared(store: Store, tmp_path: Path, name: str, content: bytes) -> Manifest:
    (tmp_path / "f").write_bytes(content)
    manifest = Manifest(Kind.WEIGHTS, name, "f", (store.add(tmp_path / "f", "f", lambda _: None),))
    store.declare(manifest)
    return manifest


@pytest.fixture
def manifest(store: Store, tmp_path: Path) -> Manifest:
    return declared(store, tmp_path, "m", b"content")


def refusal(store: Store, manifest: Manifest, owner: Owner) -> str:
    with pytest.raises(SignatureError) as caught:
        require_signed(store, manifest, owner)
    assert caught.value.problems[0].place == f"{store.place}/weights/{manifest.name}.json"
    return str(caught.value)


def test_a_manifest_that_its_owner_signed_passes(
    store: Store, manifest: Manifest, owner: Owner
) -> None:
    sign_manifest(store, Kind.WEIGHTS, "m", owner)
    require_signed(store, manifest, owner)
    assert store.manifests(Kind.WEIGHTS) == [manifest]


def test_anyone_with_openssh_can_check_the_signature(
    store: Store, manifest: Manifest, owner: Owner, tmp_path: Path
) -> None:
    sign_manifest(store, Kind.WEIGHTS, "m", owner)
    signed = Path(store.place, "weights", "m.json")
    (tmp_path / "signers").write_text(f"me@home {owner.key.read_text()}")
    argv = ["ssh-keygen", "-Y", "verify", "-f", tmp_path / "signers", "-I", "me@home"]
    done = subprocess.run(
        [*argv, "-n", "freehold", "-s", f"{signed}.sig"],
        stdin=signed.open("rb"),
        capture_output=True,
        text=True,
        check=True,
    )
    assert owner.fingerprint in done.stdout


def test_an_unsigned_manifest_is_refused(store: Store, manifest: Manifest, owner: Owner) -> None:
    words = refusal(store, manifest, owner)
    assert f"expected the signature of {owner.key} ({owner.fingerprint}), found none" in words
    assert "fab weights.sign m" in words


def test_another_owners_signature_is_refused(
    store: Store, manifest: Manifest, owner: Owner, tmp_path: Path
) -> None:
    sign_manifest(store, Kind.WEIGHTS, "m", make_owner(tmp_path, "thief"))
    assert "found that of another key" in refusal(store, manifest, owner)


def test_a_manifest_that_was_changed_since_is_refused(
    store: Store, manifest: Manifest, owner: Owner, tmp_path: Path
) -> None:
    sign_manifest(store, Kind.WEIGHTS, "m", owner)
    changed = declared(store, tmp_path, "m", b"other content")
    assert "does not fit what the manifest says now" in refusal(store, changed, owner)


def test_the_signature_of_another_set_does_not_serve(
    store: Store, manifest: Manifest, owner: Owner, tmp_path: Path
) -> None:
    other = declared(store, tmp_path, "other", b"other content")
    sign_manifest(store, Kind.WEIGHTS, "m", owner)
    folder = Path(store.place, "weights")
    (folder / "other.json.sig").write_bytes((folder / "m.json.sig").read_bytes())
    assert "does not fit" in refusal(store, other, owner)
    (folder / "other.json").write_bytes((folder / "m.json").read_bytes())
    with pytest.raises(StoreError, match="expected weights other, got weights m"):
        store.manifest(Kind.WEIGHTS, "other")


def test_a_set_that_is_swapped_after_it_was_read_is_refused(
    store: Store, manifest: Manifest, owner: Owner, tmp_path: Path
) -> None:
    declared(store, tmp_path, "m", b"other content")
    sign_manifest(store, Kind.WEIGHTS, "m", owner)
    assert "it changed while it was read" in refusal(store, manifest, owner)


def test_every_bit_of_a_signed_manifest_counts(
    store: Store, manifest: Manifest, owner: Owner
) -> None:
    sign_manifest(store, Kind.WEIGHTS, "m", owner)
    path = Path(store.place, "weights", "m.json")
    whole = path.read_bytes()
    assert json.loads(whole)["about"] == {}
    path.write_bytes(whole.replace(b'"about": {}', b'"about": {"licence": "mine"}'))
    assert "does not fit" in refusal(store, manifest, owner)


RUBBISH = {
    "nothing": b"",
    "no text": b"\xff\x00\xfe",
    "half": b"-----BEGIN SSH SIGNATURE-----\nU1NIU0lHAAAAAQAAADMAAAAL",
    "huge": b"x" * 1_000_000,
}


@pytest.mark.parametrize("what", RUBBISH)
def test_rubbish_in_place_of_a_signature_is_refused(
    store: Store, manifest: Manifest, owner: Owner, what: str
) -> None:
    Path(store.place, "weights", "m.json.sig").write_bytes(RUBBISH[what])
    assert "does not fit" in refusal(store, manifest, owner)


def test_a_signature_for_another_purpose_is_none(owner: Owner) -> None:
    """Such as one of a git commit, to which the owner's key may have been used as well."""
    argv = ["ssh-keygen", "-Y", "sign", "-n", "git", "-f", owner.key]
    done = subprocess.run(argv, input=b"content", capture_output=True, check=True)
    assert owner.signer_of(b"content", done.stdout.decode()) is Signer.NOBODY
    assert owner.signer_of(b"content", owner.sign(b"content")) is Signer.OWNER


def test_a_set_that_is_not_there_cannot_be_signed(store: Store, owner: Owner) -> None:
    with pytest.raises(StoreError, match="expected weights named m, found none"):
        sign_manifest(store, Kind.WEIGHTS, "m", owner)


def test_a_passphrase_is_never_asked_for(tmp_path: Path) -> None:
    closed = make_owner(tmp_path, "closed", passphrase="a passphrase")
    with pytest.raises(SignatureError) as caught:
        closed.sign(b"content")
    assert caught.value.problems[0].place == str(closed.key)
    assert "incorrect passphrase" in str(caught.value)
    assert "ssh-add" in str(caught.value)


def test_a_key_without_its_private_half_cannot_sign_but_still_check(owner: Owner) -> None:
    signature = owner.sign(b"content")
    owner.key.with_suffix("").unlink()
    assert owner.signer_of(b"content", signature) is Signer.OWNER
    with pytest.raises(SignatureError, match="No private key found"):
        owner.sign(b"content")


@pytest.fixture
def agent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    argv = ["ssh-agent", "-s", "-a", str(tmp_path / "agent")]
    said = subprocess.run(argv, check=True, capture_output=True, text=True).stdout
    pid = re.search(r"SSH_AGENT_PID=(\d+)", said)
    assert pid
    monkeypatch.setenv("SSH_AUTH_SOCK", str(tmp_path / "agent"))
    yield
    os.kill(int(pid[1]), 15)


def test_an_agent_signs_where_no_private_key_lies(
    agent: None, owner: Owner, tmp_path: Path
) -> None:
    private = owner.key.with_suffix("")
    subprocess.run(["ssh-add", "-q", private], check=True, capture_output=True)
    private.unlink()
    assert owner.signer_of(b"content", owner.sign(b"content")) is Signer.OWNER


BAD_KEYS = {
    "nothing": (None, "found No such file or directory"),
    "an empty file": ("", "found a file that begins ''"),
    "an RSA key": ("ssh-rsa AAAAB3NzaC1yc2E= me", "found a file that begins 'ssh-rsa"),
    "a private key": ("-----BEGIN OPENSSH PRIVATE KEY-----\n", "begins '-----BEGIN OPENSSH"),
    "a damaged key": ("ssh-ed25519 AAAA?", "found one that is damaged"),
}


@pytest.mark.parametrize("what", BAD_KEYS)
def test_what_is_no_public_key_is_refused(tmp_path: Path, what: str) -> None:
    text, words = BAD_KEYS[what]
    if text is not None:
        (tmp_path / "key.pub").write_text(text)
    with pytest.raises(SignatureError) as caught:
        Owner.of(tmp_path / "key.pub")
    assert words in str(caught.value)
    assert str(caught.value).startswith(f"{tmp_path / 'key.pub'}: expected the owner's ssh-ed25519")


def stack_of(store: Store, owner: Owner | None) -> Spec:
    folder = Path(store.place).parent
    lines = [
        f"freehold:store: {store.place}",
        "freehold:model: {weights: m}",
        "freehold:engine: e",
        "freehold:nodes: [{name: ada}]",
        *([f"freehold:owner: {owner.key}"] if owner else []),
    ]
    (folder / "stack.yaml").write_text("\n".join(["config:", *(f"  {line}" for line in lines)]))
    return load(folder / "stack.yaml", root=folder)


def test_a_stack_takes_only_what_its_owner_signed(
    store: Store, manifest: Manifest, owner: Owner
) -> None:
    store.declare(Manifest(Kind.ENGINE, "e", "f", manifest.files))
    assert Chosen.of(stack_of(store, None)).weights == manifest
    with pytest.raises(StoreError) as caught:
        Chosen.of(stack_of(store, owner))
    assert [problem.place.removeprefix(store.place) for problem in caught.value.problems] == [
        "/engines/e.json",
        "/weights/m.json",
    ]
    sign_manifest(store, Kind.WEIGHTS, "m", owner)
    with pytest.raises(StoreError, match=r"fab engine\.sign e"):
        Chosen.of(stack_of(store, owner))
    sign_manifest(store, Kind.ENGINE, "e", owner)
    assert Chosen.of(stack_of(store, owner)).weights == manifest
