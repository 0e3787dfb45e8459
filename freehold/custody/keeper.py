"""Writes into the ledger what happens to copies on nodes, and lets no work fail for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from freehold.custody.copies import Copy
from freehold.custody.event import Act, Event
from freehold.custody.ledger import read_ledger, record
from freehold.errors import FreeholdError
from freehold.hosts.command import Command
from freehold.hosts.host import Host, run_or_raise
from freehold.weights.manifest import Kind, Manifest
from freehold.weights.owner import Owner
from freehold.weights.store import Store


@dataclass(frozen=True)
class Known:
    """What is known of a set whose manifest is not at hand."""

    kind: Kind
    name: str
    digest: str


class Keeper:
    """The ledger of the store that `open_store` opens; entries are signed by the key of `owner`
    where it is at hand. `say` hears why an entry could not be written: `where --check` finds what
    the ledger lacks."""

    def __init__(
        self, open_store: Callable[[], Store], owner: Path | None, say: Callable[[str], None]
    ) -> None:
        self._open_store, self._owner, self._say = open_store, owner, say

    def arrived(self, host: Host, manifest: Manifest, **details: str | int) -> None:
        """All of the set is on `host`, or again where it was damaged; `details` say how it came."""
        proof = run_or_raise(host, Command(f"sha256sum <{manifest.node_proof}", "asking its proof"))
        self._keep(host, Act.ARRIVED, manifest, {**details, "proof": proof.split()[0]})

    def keep(self, host: Host, act: Act, manifest: Manifest, **details: str | int) -> None:
        """What was done to the copy on `host`, or found."""
        self._keep(host, act, manifest, details)

    def served(self, host: Host, name: str, digest: str, engine: str) -> None:
        """A server on `host` has answered from that set of weights."""
        self._keep(host, Act.SERVED, Known(Kind.WEIGHTS, name, digest), {"engine": engine})

    def gone(self, host: Host, folder: str, **details: str | int) -> None:
        """The copy in that folder of `host` was wiped."""
        name, _, short = PurePosixPath(folder).name.rpartition("-")
        try:
            digest = _digest(self._open_store(), short)
        except FreeholdError:
            digest = short
        self._keep(host, Act.WIPED, Known(Kind.WEIGHTS, name, digest), details)

    def ended(self, instance: str, claims: str) -> None:
        """A rented instance is no more, and every copy on it that was not wiped before; `claims`
        says what destroyed the bytes."""
        details = {"wiped": "with its instance", "instance": instance, "claims": claims}
        try:
            store = self._open_store()
            for copy in read_ledger(store).copies():
                if copy.is_there and _came_to(copy) == instance:
                    event = replace(copy.latest.event, act=Act.WIPED, details=details)
                    record(store, event, Owner.of(self._owner) if self._owner else None)
        except FreeholdError as error:
            self._say(f"the ledger does not have it that {instance} was ended:\n{error}")

    def _keep(
        self, host: Host, act: Act, known: Known | Manifest, details: Mapping[str, str | int]
    ) -> None:
        if known.kind is not Kind.WEIGHTS:
            return
        try:
            store, machine_id = self._open_store(), _machine_id(host)
            if act is Act.ARRIVED and _is_damaged(store, known.digest, machine_id):
                act = Act.HEALED
            event = Event(act, known.kind, known.name, known.digest, host.name, machine_id, details)
            record(store, event, Owner.of(self._owner) if self._owner else None)
        except FreeholdError as error:
            self._say(f"the ledger does not have it that {known.name} was {act}:\n{error}")


def _came_to(copy: Copy) -> object:
    return copy.arrived.event.details.get("instance") if copy.arrived else None


def _machine_id(host: Host) -> str:
    command = Command("cat /etc/machine-id", "asking which machine it is", root=False)
    return run_or_raise(host, command).strip()


def _is_damaged(store: Store, digest: str, machine_id: str) -> bool:
    copies = read_ledger(store).copies()
    mine = (copy for copy in copies if copy.latest.event.machine_id == machine_id)
    return any(c.state is Act.DAMAGED for c in mine if c.latest.event.digest == digest)


def _digest(store: Store, short: str) -> str:
    """The whole digest of which a folder's name has the beginning, as far as it is known."""
    known = [manifest.digest for manifest in store.manifests(Kind.WEIGHTS)]
    known += [copy.latest.event.digest for copy in read_ledger(store).copies()]
    return next((digest for digest in known if digest.startswith(short)), short)
