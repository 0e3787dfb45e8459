"""The ssh_config of Freehold's own connections: the user's, under rules that it cannot relax."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

# Where nobody has said otherwise: processors do AES by themselves, so that weights take less of
# them than with chacha20, which OpenSSH before 10.0 prefers.
_LAST = ("Match all", "  Ciphers ^aes128-gcm@openssh.com,aes256-gcm@openssh.com")


@dataclass(frozen=True)
class SshSettings:
    """How nodes are reached. `config` is read before ~/.ssh/config."""

    config: Path | None = None
    connect_timeout_s: int = 10
    silent_after_s: int = 15


def config_text(settings: SshSettings) -> str:
    """Ours comes first, because in ssh_config the first value wins; jump hosts read it too."""
    ours = [
        "Host *",
        "  BatchMode yes",
        "  StrictHostKeyChecking yes",
        "  UpdateHostKeys no",
        f"  ConnectTimeout {settings.connect_timeout_s}",
        f"  ServerAliveInterval {max(1, settings.silent_after_s // 3)}",
        "  ServerAliveCountMax 3",
        "  ForwardAgent no",
        "  ForwardX11 no",
        "  PermitLocalCommand no",
        "  RequestTTY no",
    ]
    files = [settings.config, Path.home() / ".ssh" / "config", Path("/etc/ssh/ssh_config")]
    theirs = [f'Match all\nInclude "{file}"' for file in files if file and file.is_file()]
    return "\n".join([*ours, *theirs, *_LAST, ""])
