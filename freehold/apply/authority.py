"""An authority for the length of one fan-out: its certificates are all that its members trust."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

# The keys are gone with the fan-out, so the dates limit nothing; a node's clock may be far off.
_FROM, _UNTIL = datetime(1971, 1, 1, tzinfo=UTC), datetime(2199, 1, 1, tzinfo=UTC)
_ANY_TORRENT = "*"  # libtorrent's manual: "the subject alternative name [...] may be '*'"


@dataclass(frozen=True)
class Certificate:
    """What a member shows, and its key, both PEM."""

    certificate: str
    key: str


class Authority:
    """Its own key is in this process alone, and nowhere else."""

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "freehold fan-out")])
        constraints = x509.BasicConstraints(ca=True, path_length=0)
        built = self._begun(self._name, self._key.public_key()).add_extension(constraints, True)
        self.pem = built.sign(self._key, SHA256()).public_bytes(Encoding.PEM).decode()

    def certificate(self, member: str) -> Certificate:
        """A new one, for one member."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, member[:64])])
        names = x509.SubjectAlternativeName([x509.DNSName(_ANY_TORRENT)])
        built = self._begun(name, key.public_key()).add_extension(names, False)
        private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        signed = built.sign(self._key, SHA256())
        return Certificate(signed.public_bytes(Encoding.PEM).decode(), private.decode())

    def _begun(self, subject: x509.Name, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(_FROM)
            .not_valid_after(_UNTIL)
        )
