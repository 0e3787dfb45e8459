"""Where the copies are: as the ledger says, and as the nodes themselves do."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from freehold.custody.chain import Ledger
from freehold.custody.copies import Copy
from freehold.facts.box import BOX
from freehold.facts.fact import gather
from freehold.facts.fileset import FileSetFacts, file_set_fact
from freehold.weights.manifest import Kind, Manifest
from freehold.weights.store import Store
from playbooks.nodes import Target, TaskFailedError


def copies_of_set(ledger: Ledger, name: str) -> list[Copy]:
    """All of them, or those of the sets of that name."""
    return [copy for copy in ledger.copies() if name in ("", copy.latest.event.name)]


def shown(copy: Copy) -> str:
    """A copy in one line: where, what, how it is, since when, and when it was last read whole."""
    event, since = copy.latest.event, _minute(copy.latest.time)
    words = [f"{event.place}  {event.name}  {event.digest[:12]}  {copy.state} {since}"]
    if copy.verified and copy.verified is not copy.latest:
        words.append(f"verified {_minute(copy.verified.time)}")
    return ", ".join(words)


def comparing(store: Store, ledger: Ledger, name: str) -> Callable[[Target], str]:
    """What is asked of a node: whether it has what the ledger says. No file of it is read: the
    arrival proofs are."""
    manifests = [
        manifest
        for kind in Kind
        for manifest in store.manifests(kind)
        if name in ("", manifest.name)
    ]

    def work(target: Target) -> str:
        box, *found = gather(target.host, [BOX, *map(file_set_fact, manifests)])
        known = {
            copy.latest.event.digest: copy
            for copy in ledger.copies()
            if is_on(copy, target.host.name, box.machine_id)
        }
        faults = list(differences(zip(manifests, found, strict=True), known))
        if faults:
            raise TaskFailedError("\n".join(["the ledger and the node differ:", *faults]))
        return "as the ledger says"

    return work


def is_on(copy: Copy, node: str, machine_id: str) -> bool:
    """Whether it is a copy of that machine, or where none is known, of a node of that name."""
    event = copy.latest.event
    return event.machine_id == machine_id if event.machine_id else event.place == node


def differences(
    found: Iterable[tuple[Manifest, FileSetFacts]], known: dict[str, Copy]
) -> Iterable[str]:
    """A line for each set of which the node has more or less than the ledger says; `known` is
    the node's copies by digest."""
    for manifest, facts in found:
        copy = known.get(manifest.digest)
        is_expected = copy is not None and copy.is_there
        count = len(manifest.files)
        if facts.is_there == is_expected and (not is_expected or len(facts.proven) == count):
            continue
        said = f"{copy.state} {_minute(copy.latest.time)}" if copy else "never there"
        proven = f"{len(facts.proven)} of {count} files proven" if facts.is_there else "nothing"
        yield f"{manifest.name}  ledger: {said}; node: {proven}"


def _minute(time: str) -> str:
    return f"{time[:10]} {time[11:16]}"
