"""A stack's authority and what it issues, as openssl takes them; and the resources of both."""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from freehold.errors import FreeholdError
from freehold.infra.certificates import (
    CERTIFICATE_LASTS,
    RENEWED_BEFORE_END,
    Pair,
    ends_at,
    fingerprint,
    is_due,
    issue,
    new_authority,
    read_own,
)
from freehold.infra.tls import DUE, GOOD, AuthorityResource, CertificateResource

NOW = datetime.now(UTC)
NAMES = ["ada", "10.0.0.7", "llm.example.org"]


@pytest.fixture(scope="module")
def authority() -> Pair:
    return new_authority("freehold/lab", NOW)


def openssl(tmp_path: Path, authority: Pair, leaf: Pair, *arguments: str) -> int:
    (tmp_path / "ca.pem").write_text(authority.certificate)
    (tmp_path / "leaf.pem").write_text(leaf.certificate)
    files = ["-x509_strict", "-purpose", "sslserver", "-CAfile", str(tmp_path / "ca.pem")]
    argv = ["openssl", "verify", *files, *arguments, str(tmp_path / "leaf.pem")]
    return subprocess.run(argv, capture_output=True).returncode


@pytest.mark.parametrize(
    "called", [("-verify_hostname", "llm.example.org"), ("-verify_ip", "10.0.0.7")]
)
def test_a_certificate_holds_for_each_of_its_names(
    authority: Pair, tmp_path: Path, called: tuple[str, str]
) -> None:
    assert openssl(tmp_path, authority, issue(authority, NAMES, NOW), *called) == 0


def test_it_holds_for_no_other_name_and_of_no_other_authority(
    authority: Pair, tmp_path: Path
) -> None:
    leaf = issue(authority, NAMES, NOW)
    assert openssl(tmp_path, authority, leaf, "-verify_hostname", "eve.example.org") != 0
    assert openssl(tmp_path, new_authority("freehold/lab", NOW), leaf) != 0


def test_it_is_renewed_long_before_its_end(authority: Pair) -> None:
    leaf = issue(authority, NAMES, NOW)
    assert ends_at(leaf.certificate) == (NOW + CERTIFICATE_LASTS).replace(microsecond=0)
    assert not is_due(leaf.certificate, NOW)
    due_at = NOW + CERTIFICATE_LASTS - RENEWED_BEFORE_END + timedelta(days=1)
    assert is_due(leaf.certificate, due_at)


def test_a_certificate_that_is_due_shows_and_an_update_makes_another(authority: Pair) -> None:
    inputs = {
        "names": NAMES,
        "ca_certificate": authority.certificate,
        "ca_key": authority.key,
        "state": GOOD,
    }
    resource = CertificateResource()
    _, made = resource.create("urn", inputs)
    assert resource.read(inputs, made).inputs == inputs
    old = issue(authority, NAMES, NOW - CERTIFICATE_LASTS + timedelta(days=10))
    found = resource.read(inputs, {**inputs, "certificate": old.certificate, "key": old.key})
    assert found.inputs["state"] == DUE
    renewed = resource.update("urn", inputs, found.outputs)
    assert fingerprint(renewed["certificate"]) != fingerprint(old.certificate)
    assert not is_due(renewed["certificate"], NOW)


def test_an_authority_is_made_once() -> None:
    resource = AuthorityResource()
    _, made = resource.create("urn", {"stack": "freehold/lab"})
    assert resource.read({"stack": "freehold/lab"}, made).outputs == made


def test_a_certificate_of_the_sites_own_is_taken_with_its_key(
    authority: Pair, tmp_path: Path
) -> None:
    path = tmp_path / "own.pem"
    path.write_text(issue(authority, NAMES, NOW).pem + authority.certificate)
    assert read_own(path, "here", NOW) == path.read_text()


@pytest.mark.parametrize("what", ["none", "text", "no key", "another's key", "over"])
def test_one_that_is_of_no_use_is_refused(authority: Pair, tmp_path: Path, what: str) -> None:
    path = tmp_path / "own.pem"
    leaf, other = issue(authority, NAMES, NOW), issue(authority, NAMES, NOW)
    texts = {
        "text": "certificate",
        "no key": leaf.certificate,
        "another's key": leaf.certificate + other.key,
        "over": issue(authority, NAMES, NOW - CERTIFICATE_LASTS - timedelta(days=1)).pem,
    }
    if what in texts:
        path.write_text(texts[what])
    with pytest.raises(FreeholdError, match=r"^freehold:door\.certificate: expected"):
        read_own(path, "freehold:door.certificate", NOW)
