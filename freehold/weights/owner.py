"""The owner's SSH key: signatures by it, and whose a signature is, as `ssh-keygen -Y` says."""

from __future__ import annotations

import base64
import binascii
import hashlib
import subprocess
import tempfile
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from freehold.hosts.process import environment
from freehold.weights.objects import StoreError

NAMESPACE = "freehold"  # a signature made for something else is none of ours
KEY_TYPE = "ssh-ed25519"
TIMEOUT_S = 60  # an agent may ask its user, but not for ever


class SignatureError(StoreError):
    """Something cannot be signed, or is not signed by the owner."""


class Signer(Enum):
    """Whose signature something bears."""

    OWNER = "the owner"
    ANOTHER = "another key"
    NOBODY = "nobody: it does not fit"


@dataclass(frozen=True)
class Owner:
    """Whose weights they are. `key` is the file with the public key, `public` its text."""

    key: Path
    public: str

    @classmethod
    def of(cls, key: Path) -> Owner:
        """The owner whose public key is in that file. Raises SignatureError where none is."""
        try:
            words = key.read_bytes()[:10_000].decode("utf-8", "replace").split()
        except OSError as error:
            raise _no_key(key, error.strerror or "an error") from None
        if len(words) < 2 or words[0] != KEY_TYPE:
            raise _no_key(key, f"a file that begins {' '.join(words)[:30]!r}")
        try:
            base64.b64decode(words[1], validate=True)
        except binascii.Error:
            raise _no_key(key, "one that is damaged") from None
        return cls(key, f"{words[0]} {words[1]}")

    @property
    def fingerprint(self) -> str:
        """As OpenSSH prints it: SHA256:..."""
        digest = hashlib.sha256(base64.b64decode(self.public.split()[1])).digest()
        return f"SHA256:{base64.b64encode(digest).decode().rstrip('=')}"

    def sign(self, content: bytes) -> str:
        """An SSH signature of `content`, armoured (OpenSSH's PROTOCOL.sshsig).

        By the agent, else by the private key beside the public one; nobody is asked for a
        passphrase. Raises SignatureError where neither can.
        """
        done = _keygen(["sign", "-f", str(self.key)], content)
        if done.returncode:
            raise SignatureError.of(
                str(self.key),
                "\n".join(["expected to sign by this key, could not", *_said(done)]),
                "load it into ssh-agent: ssh-add; a passphrase is never asked for here",
            )
        return done.stdout.decode()

    def signer_of(self, content: bytes, signature: str) -> Signer:
        """Whose `signature` it is that `content` bears."""
        with tempfile.TemporaryDirectory(prefix="freehold-") as name:
            signed, allowed = Path(name, "signature"), Path(name, "allowed_signers")
            signed.write_text(signature, encoding="utf-8")
            allowed.write_text(f'owner namespaces="{NAMESPACE}" {self.public}\n')
            by_owner = ["verify", "-f", str(allowed), "-I", "owner", "-s", str(signed)]
            if not _keygen(by_owner, content).returncode:
                return Signer.OWNER
            if not _keygen(["check-novalidate", "-s", str(signed)], content).returncode:
                return Signer.ANOTHER
            return Signer.NOBODY


def _keygen(arguments: list[str], content: bytes) -> subprocess.CompletedProcess[bytes]:
    """In a session of its own it has no terminal to ask at."""
    try:
        return subprocess.run(
            ["ssh-keygen", "-Y", *arguments, "-n", NAMESPACE],
            input=content,
            capture_output=True,
            check=False,
            timeout=TIMEOUT_S,
            start_new_session=True,
            env={**environment(), "SSH_ASKPASS_REQUIRE": "never", "LC_ALL": "C"},
        )
    except FileNotFoundError:
        raise SignatureError.of("ssh-keygen", "expected OpenSSH's, found none") from None
    except subprocess.TimeoutExpired:
        raise SignatureError.of(
            "ssh-keygen", f"expected an end within {TIMEOUT_S} s; does the agent wait for someone?"
        ) from None


def _said(done: subprocess.CompletedProcess[bytes]) -> list[str]:
    text = done.stderr.decode("utf-8", "replace").replace("Enter passphrase: ", "")
    return text.strip().splitlines()[-3:]


def _no_key(key: Path, found: str) -> SignatureError:
    return SignatureError.of(
        str(key),
        f"expected the owner's {KEY_TYPE} public key, found {found}",
        "ssh-keygen -t ed25519, and set freehold:owner to the .pub",
    )
