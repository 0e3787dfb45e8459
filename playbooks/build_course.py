"""The course of `fab engine.build`: begun or taken up, followed to its end, brought home."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from pathlib import Path

from freehold.build.first_token import first_token, small_weights
from freehold.build.home import bring_home
from freehold.build.needs import jobs, lacking
from freehold.build.on_node import BUILD, Found, look, script_text, start
from freehold.build.order import BuildOrder
from freehold.custody.event import Act
from freehold.custody.intake import take_in
from freehold.errors import FreeholdError
from freehold.facts.toolchain import ToolchainFacts
from freehold.hosts.host import Host, HostError
from freehold.job import run
from freehold.job.follow import Follower
from freehold.job.job import LOST, State, exit_code_of
from freehold.job.run import AnotherJobError
from freehold.weights.manifest import Kind, Manifest
from freehold.weights.owner import Owner
from freehold.weights.store import Store
from playbooks.build_progress import build_progress

SETTLING_S = 5


class BuildError(FreeholdError):
    """A build failed, or another one is in its place."""


class Build:
    """One order on one node; `is_begun` says that the node is at work on it, or was."""

    def __init__(
        self,
        host: Host,
        store: Store,
        order: BuildOrder,
        tools: ToolchainFacts,
        about: Mapping[str, str],
        owner: Owner | None,
    ) -> None:
        self._host, self._store, self._order = host, store, order
        self._tools, self._about, self._owner = tools, about, owner
        self.is_begun = False

    def go(self, most_jobs: int | None) -> None:
        """From wherever it is to the store. Raises FreeholdError."""
        if self._is_in_store():
            print(f"{self._order.name} is in the store already, built from the same")
            self._clear_own()
            return
        self._begin(most_jobs)
        self.is_begun = True
        try:
            self._follow()
            made = self._bring()
        except HostError:
            if not self._is_in_store():
                raise
            # Two have followed the same build, and the other one was first.
            print(f"{self._order.name} was brought home by another")
            return
        run.clear(self._host, BUILD)
        size = f"{made.size_bytes:,} bytes"
        print(f"{made.name}: {len(made.files)} files, {size}, {made.digest}")
        print("\n".join(f"  {key} {value}" for key, value in made.about.items()))

    def _begin(self, most_jobs: int | None) -> None:
        """Begin, or find what is there; where another has begun at this very moment, find that."""
        try:
            if not self._is_there():
                self._start(most_jobs)
        except AnotherJobError:
            if not self._is_there():
                raise

    def _is_there(self) -> bool:
        """Whether the box is at work on it, or was; what a restart cut off is removed."""
        found = self._settled()
        if found is None:
            return False
        if found.state in (State.RUNNING, State.ENDED):
            if found.digest != self._order.digest:
                raise self._other(found)
            self._say(f"the build is there, {found.state}: taking it up")
            return True
        if found.state is State.LOST:
            self._say(f"a build of {found.name} was cut off by a restart: beginning anew")
        run.clear_cut_off(self._host, BUILD)
        return False

    def _settled(self) -> Found | None:
        """What is there. One that is placed may be begun by another in this very second."""
        found = look(self._host)
        for _ in range(SETTLING_S):
            if found is None or found.state is not State.PLACED:
                break
            time.sleep(1)
            found = look(self._host)
        return found

    def _start(self, most_jobs: int | None) -> None:
        size, backend = self._order.source.size_bytes, self._order.backend
        capabilities = self._order.capabilities
        if problems := lacking(self._host.name, self._tools, backend, capabilities, size):
            raise BuildError(problems)
        count = min(most_jobs or 1_000, jobs(self._tools, backend))
        start(self._host, self._store, self._order, script_text(self._order, self._tools, count))
        self._say(
            f"building {self._order.name} from {self._order.source.name} for {backend}, "
            f"{count} files at a time; Ctrl-C leaves it running"
        )

    def _follow(self) -> None:
        log = log_of(self._order.name)
        with build_progress(f"{self._host.name}: building", log) as progress:
            follower = Follower(progress.hear, BUILD)
            ended = follower.follow(self._host, self._lost, time.sleep, lambda: False)
        if ended == LOST:
            self._clear_own()
            raise HostError.of(
                self._host.name,
                "expected the build to end, the box was started anew while it ran, or somebody "
                "removed it",
                "run it again: it begins anew",
            )
        if code := _exit_code(self._host, ended):
            self._clear_own()
            last = list(progress.last)
            raise BuildError.of(
                self._host.name,
                "\n".join([f"{self._order.name}: the build failed, exit {code}", *last]),
                f"all that it said: {log}",
            )

    def _bring(self) -> Manifest:
        weights = small_weights(self._host, self._store.manifests(Kind.WEIGHTS))
        told = dict(self._about)
        if weights is None:
            self._say("it says its --version and --help; no small weights are here for a token")
        else:
            try:
                said = first_token(self._host, f"{BUILD.results}/bin", weights)
            except HostError:
                run.clear(self._host, BUILD)
                raise
            told["first_token_by"] = weights.name
            self._say(f"first tokens by {weights.name}: {said.strip()!r}")
        order, tools = self._order, self._tools
        made = bring_home(self._host, self._store, order, tools, told, self._lost)
        source = f"built on {self._host.name} from {order.source.name}"
        take_in(self._store, made, Act.PUT, self._owner, source=source, commit=order.commit)
        return made

    def _is_in_store(self) -> bool:
        """Raises BuildError where the name is another's."""
        name = self._order.name
        if name not in self._store.set_names(Kind.ENGINE):
            return False
        if self._store.manifest(Kind.ENGINE, name).about.get("build") == self._order.digest:
            return True
        raise BuildError.of(
            f"{self._store.place}/engines/{name}",
            "expected a new name, found another build of it",
            "choose another --name; builds lie side by side, in the store and on a node",
        )

    def _clear_own(self) -> None:
        found = look(self._host)
        if found is not None and found.digest == self._order.digest:
            run.clear(self._host, BUILD)

    def _other(self, found: Found) -> BuildError:
        return BuildError.of(
            self._host.name,
            f"expected no other build on it, found one of {found.name}, {found.state}",
            "run that one's own command again, or remove it: fab engine.build --stop with the "
            "same --on or --box",
        )

    def _say(self, text: str) -> None:
        print(f"{self._host.name}: {text}", flush=True)

    def _lost(self, why: str) -> None:
        self._say(f"connection lost ({why}), trying again")


def log_of(name: str) -> Path:
    """Where all that a build of that name said is kept."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return cache / "freehold" / "builds" / f"{name}.log"


def _exit_code(host: Host, ended: str) -> int:
    try:
        return exit_code_of(ended)
    except ValueError:
        raise HostError.of(host.name, f"expected how it ended, got {ended!r:.80}") from None
