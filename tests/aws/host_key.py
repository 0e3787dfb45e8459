"""A host key, and the console of a boot that shows it as cloud-init does."""

from __future__ import annotations

import functools

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

CONSOLE = """\
[    0.000000] Linux version 6.8.0-1021-aws (buildd@lcy02-amd64-059)
[    2.815462] cloud-init[612]: Cloud-init v. 24.4 running 'init' at boot
ci-info: no authorized SSH keys fingerprints found for user ubuntu.
<14>Nov 24 12:00:31 cloud-init: #############################################################
<14>Nov 24 12:00:31 cloud-init: -----BEGIN SSH HOST KEY FINGERPRINTS-----
<14>Nov 24 12:00:31 cloud-init: -----END SSH HOST KEY FINGERPRINTS-----
<14>Nov 24 12:00:31 cloud-init: #############################################################
-----BEGIN SSH HOST KEY KEYS-----
{keys}
-----END SSH HOST KEY KEYS-----
[   31.118822] cloud-init[981]: Cloud-init v. 24.4 finished. Datasource DataSourceEc2Local
"""
"""As cloud-init's module keys_to_console prints it, by its tool write-ssh-key-fingerprints."""


@functools.cache
def host_key(name: str) -> str:
    """A new ed25519 public key line; the same name gets the same one."""
    public = Ed25519PrivateKey.generate().public_key()
    line = public.public_bytes(
        serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH
    ).decode()
    return f"{line} root@{name}"


def console_text(name: str) -> str:
    """What a console shows after a boot, its lines ending as a terminal's do."""
    return CONSOLE.format(keys=host_key(name)).replace("\n", "\r\n")
