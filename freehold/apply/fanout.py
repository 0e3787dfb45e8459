"""The leg to several nodes at once: the store's line carries each piece once, to one of them, and
they give each other the rest by libtorrent."""

from __future__ import annotations

import contextlib
import ipaddress
import json
import socket
import threading
from collections.abc import Iterator
from functools import partial
from typing import Any

from freehold.apply.agent import FOLDER, talk_with_agent
from freehold.apply.fanout_member import Contact, Gathering, Member, SwarmTalk
from freehold.apply.heard import Unheard
from freehold.apply.push import push
from freehold.apply.receiver import Receiver
from freehold.apply.source import Source
from freehold.apply.stream import Stream
from freehold.apply.sync import Leg
from freehold.apply.throttle import Throttle
from freehold.errors import FreeholdError
from freehold.hosts.host import HostError, UnreachableError
from freehold.hosts.talk import CutOffError, Talk
from freehold.weights.objects import StoreError
from freehold.weights.store import Store
from freehold.weights.tools import read_wheel, wheel_for

SHARED_BYTES_MIN = 64 << 20  # less is sent to a node sooner than it has found the others


class CannotShareError(FreeholdError):
    """A node that cannot take part, and why; it is sent everything from the store."""


class Fanout:
    """What the syncs of several nodes share; each begins when it likes, in a thread of its own."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._gatherings: dict[str, Gathering] = {}

    def leg(self, store: Store) -> Leg:
        """The leg of a sync from `store` in which what other nodes of this fan-out have or get is
        sent once for all. It ends when every node that shares has all; a node that cannot share
        is sent everything, and the receiver's `heard` is told why."""
        return partial(self._bring, store)

    def _bring(
        self, store: Store, receiver: Receiver, source: Source, name: str, throttle: Throttle
    ) -> None:
        if receiver.missing_bytes >= SHARED_BYTES_MIN:
            try:
                self._share(store, receiver, source, name, throttle)
            except (UnreachableError, StoreError):
                raise
            except (CannotShareError, HostError) as error:
                receiver.heard.told(f"{error}\nso it is sent everything from the store")
            except CutOffError:
                receiver.heard.told("its part in the swarm ended: sent the rest from the store")
        push(receiver, source, name, throttle)

    def _share(
        self, store: Store, receiver: Receiver, source: Source, name: str, throttle: Throttle
    ) -> None:
        order = receiver.order
        with (
            receiver.host.another() as host,
            talk_with_agent(
                host, "swarm", order.folder, FOLDER, description=f"sharing {name}"
            ) as talk,
        ):
            swarm_talk = SwarmTalk(talk.stdin, talk.stdout)
            with self._member(receiver) as (gathering, member):
                contacts = _started(swarm_talk, store, gathering, receiver)
                member.begin(swarm_talk, contacts)
                receiver.came_by("swarm")
                listening = threading.Thread(target=member.listen, args=(swarm_talk,), daemon=True)
                listening.start()
                try:
                    # The member hears of what comes, whoever sent it.
                    Stream(swarm_talk, order, source, member, throttle).run(Unheard())
                finally:
                    swarm_talk.end()
                    listening.join()

    @contextlib.contextmanager
    def _member(self, receiver: Receiver) -> Iterator[tuple[Gathering, Member]]:
        """One more in the gathering for this order; in the end `receiver` knows what it lacks."""
        order = receiver.order
        with self._lock:
            gathering = self._gatherings.get(order.digest)
            if gathering is None or gathering.is_over:
                gathering = self._gatherings[order.digest] = Gathering(order)
            member = Member(gathering, receiver.missing, receiver.heard)
        try:
            yield gathering, member
        finally:
            receiver.missing = member.leave()


def _started(
    talk: SwarmTalk, store: Store, gathering: Gathering, receiver: Receiver
) -> tuple[Contact, ...]:
    """Where the node listens. Raises CannotShareError."""
    host = receiver.host
    node = _said(talk)
    wheel = wheel_for(store.objects, node["python"], node["machine"])
    if wheel is None:
        build = f"{node['python'] or 'its Python'} on {node['machine']}"
        raise CannotShareError.of(
            host.name,
            f"the store has no libtorrent for {build}",
            "fab weights.tools puts it there",
        )
    is_there = f"libtorrent-{wheel.sha256}" in node["tools"]
    content = b"" if is_there else read_wheel(store.objects, wheel)
    own = gathering.authority.certificate(host.name)
    head = {
        "tool": wheel.sha256,
        "tool_bytes": len(content),
        "ca": gathering.authority.pem,
        "cert": own.certificate,
        "key": own.key,
    }
    talk.send(json.dumps(head).encode() + b"\n" + content)
    answer = _said(talk)
    if "cannot" in answer:
        raise CannotShareError.of(host.name, answer["cannot"])
    if not answer["is_guarded"]:
        receiver.heard.told(
            f"no nftables: port {answer['listening']} is open to all, its TLS to this fan-out alone"
        )
    found = dict.fromkeys([*answer["addresses"], *_addresses(host.address)])
    return tuple((address, answer["listening"]) for address in found)


def _said(talk: SwarmTalk) -> dict[str, Any]:
    said: dict[str, Any] = json.loads(Talk.line(talk))
    return said


def _addresses(name: str) -> list[str]:
    """What `name` resolves to here: where a node is behind NAT it does not know that itself."""
    try:
        found = {str(each[4][0]) for each in socket.getaddrinfo(name, None)}
    except OSError:  # only the jump host may know it
        return []
    return sorted(a for a in found if not ipaddress.ip_address(a.partition("%")[0]).is_loopback)
