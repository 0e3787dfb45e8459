"""A stack's own certificate authority, and the certificates that its doors show."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from freehold.errors import FreeholdError

AUTHORITY_LASTS = timedelta(days=7300)
CERTIFICATE_LASTS = timedelta(days=800)
"""Under the 825 days that Apple's systems take at most: https://support.apple.com/en-us/103214"""
RENEWED_BEFORE_END = timedelta(days=400)
CLOCK_SKEW = timedelta(days=1)


@dataclass(frozen=True)
class Pair:
    """A certificate and its private key, both PEM."""

    certificate: str
    key: str

    @property
    def pem(self) -> str:
        """Both in one text, as HAProxy reads them."""
        return self.certificate + self.key


def new_authority(stack: str, now: datetime) -> Pair:
    """One that may sign certificates of servers, and nothing below them."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = _name(f"Freehold: {stack}")
    constraints = x509.BasicConstraints(ca=True, path_length=0)
    built = (
        _begun(name, name, key.public_key(), now, AUTHORITY_LASTS)
        .add_extension(constraints, critical=True)
        .add_extension(_usage(signs=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    return _signed(built, key, key)


def issue(authority: Pair, names: Sequence[str], now: datetime) -> Pair:
    """A certificate for a server that is called by `names`, hosts and addresses."""
    parent = x509.load_pem_x509_certificate(authority.certificate.encode())
    signer = load_pem_private_key(authority.key.encode(), None)
    if not isinstance(signer, ec.EllipticCurvePrivateKey):
        raise FreeholdError.of("authority", "expected an elliptic-curve key")
    key = ec.generate_private_key(ec.SECP256R1())
    is_server = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])
    of_parent = x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key())
    alternatives = x509.SubjectAlternativeName([_alternative(name) for name in names])
    built = (
        _begun(_name(names[0]), parent.subject, key.public_key(), now, CERTIFICATE_LASTS)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs=False), critical=True)
        .add_extension(is_server, critical=False)
        .add_extension(of_parent, critical=False)
        .add_extension(alternatives, critical=False)
    )
    return _signed(built, key, signer)


def is_due(certificate: str, now: datetime) -> bool:
    """Whether another should take its place."""
    return now > ends_at(certificate) - RENEWED_BEFORE_END


def ends_at(certificate: str) -> datetime:
    """When it is good no more. Raises ValueError for what is no certificate."""
    return x509.load_pem_x509_certificate(certificate.encode()).not_valid_after_utc


def fingerprint(certificate: str) -> str:
    """SHA-256 of the first certificate of a PEM text, as a TLS client can take it of its peer."""
    return x509.load_pem_x509_certificate(certificate.encode()).fingerprint(SHA256()).hex()


def read_own(path: Path, place: str, now: datetime) -> str:
    """A PEM file of the site's own, with its chain and its key. Raises FreeholdError at `place`."""
    try:
        text = path.read_text()
        first = x509.load_pem_x509_certificate(text.encode())
        key = load_pem_private_key(text.encode(), None)
    except (OSError, ValueError, TypeError) as error:
        what = "expected a PEM file with a certificate, its chain and its key without a passphrase"
        raise FreeholdError.of(place, f"{what}: {path}: {error}") from None
    if _public(first) != _public(key):
        raise FreeholdError.of(place, f"expected the key of {path}'s first certificate in it")
    if first.not_valid_after_utc < now:
        ended = f"{first.not_valid_after_utc:%Y-%m-%d}"
        raise FreeholdError.of(place, f"expected a certificate that holds, {path} ended {ended}")
    return text


def _public(holder: object) -> bytes:
    return holder.public_key().public_bytes(  # type: ignore[attr-defined,no-any-return]
        Encoding.DER, PublicFormat.SubjectPublicKeyInfo
    )


def _begun(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePublicKey,
    now: datetime,
    lasts: timedelta,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - CLOCK_SKEW)
        .not_valid_after(now + lasts)
    )


def _signed(
    built: x509.CertificateBuilder,
    key: ec.EllipticCurvePrivateKey,
    signer: ec.EllipticCurvePrivateKey,
) -> Pair:
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    certificate = built.sign(signer, SHA256()).public_bytes(Encoding.PEM)
    return Pair(certificate.decode(), private.decode())


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text[:64])])


def _alternative(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _usage(*, signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs,
        crl_sign=signs,
        encipher_only=False,
        decipher_only=False,
    )
