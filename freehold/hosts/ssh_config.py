"""The ssh_config of Freehold's own connections: the user's, under rules that it cannot relax."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

# Where nobody has said otherwise: processors do AES by themselves, so that weights take less of
# them than with chacha20, which OpenSSH before 10.0 prefers.
_LAST = ("Match all", "  Ciphers ^aes128-gcm@openssh.com,aes256-gcm@openssh.com")


@dataclass(frozen=True)
class Pinned:
    """A host whose keys are known from elsewhere, and how it is reached.

    `host_keys` are lines such as "ssh-ed25519 AAAA..."; no other key is taken for its own,
    whatever the user's files say. `alias` is what it is called in OpenSSH's errors. `identity` is
    a private key's path. `proxy_command` leads there in place of TCP; %h and %p are OpenSSH's.
    """

    alias: str
    host_keys: tuple[str, ...]
    identity: Path | None = None
    proxy_command: str | None = None

    @property
    def known_hosts(self) -> str:
        """The keys as a known_hosts file."""
        # Two fields of each: nothing else that a line may hold means anything here.
        return "".join(f"{self.alias} {' '.join(key.split()[:2])}\n" for key in self.host_keys)

    def options(self, known_hosts: Path) -> list[str]:
        """What holds for this host alone; its keys lie at `known_hosts`."""
        said = [
            f"HostKeyAlias {self.alias}",
            f'UserKnownHostsFile "{known_hosts}"',
            "GlobalKnownHostsFile none",
            "KnownHostsCommand none",
            "VerifyHostKeyDNS no",
        ]
        if self.identity is not None:
            # Alone, or an agent with many keys has used up sshd's attempts before it is offered.
            said += [f'IdentityFile "{self.identity}"', "IdentitiesOnly yes"]
        if self.proxy_command is not None:
            said.append(f"ProxyCommand {self.proxy_command}")
        return said


@dataclass(frozen=True)
class SshSettings:
    """How nodes are reached. `config` is read before ~/.ssh/config; `pinned` is the one host that
    these settings are for, where its keys are known."""

    config: Path | None = None
    connect_timeout_s: int = 10
    silent_after_s: int = 15
    pinned: Pinned | None = None


def write_config(settings: SshSettings, destination: str, folder: Path) -> None:
    """`config` into `folder`, and beside it the keys that are pinned, for connections to
    `destination`: an alias, host, user@host or ssh://user@host:port."""
    pinned = settings.pinned
    only_there = []
    if pinned is not None:
        known_hosts = folder / "known_hosts"
        known_hosts.write_text(pinned.known_hosts)
        options = (f"  {option}" for option in pinned.options(known_hosts))
        only_there = [f"Host {_host_of(destination)}", *options]
    (folder / "config").write_text(_config_text(settings, only_there))


def _config_text(settings: SshSettings, only_there: list[str]) -> str:
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
    return "\n".join([*ours, *only_there, *theirs, *_LAST, ""])


def _host_of(destination: str) -> str:
    is_url = destination.startswith("ssh://")
    host = destination.removeprefix("ssh://").rpartition("@")[2]
    if is_url:
        host = host.partition("/")[0]
        if not host.endswith("]"):
            host = host.rpartition(":")[0] or host
    return host.strip("[]")
