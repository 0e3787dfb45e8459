"""A driver that is wanted on a node: facts to the next stage's steps, or to why there are none."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from freehold.catalog.nvidia import Repository
from freehold.errors import Problem
from freehold.facts.driver import DriverFacts, driver_fact
from freehold.facts.fact import Fact
from freehold.plan.driver_steps import (
    BuildModule,
    ChangePackages,
    FetchKey,
    HoldPackages,
    LoadModule,
    MakeSigningKey,
    PlaceDriverFile,
    Reboot,
    RebuildInitramfs,
    RefreshPackages,
    RepairPackages,
)
from freehold.plan.driver_stops import (
    branch_there,
    fabric_problem,
    headers_problem,
    is_working,
    needs_fabric,
    secure_boot_problem,
    stops,
)
from freehold.plan.driver_versions import choose, installed, is_at
from freehold.plan.driver_wanted import DriverWanted, asked_names, driver_packages, package_names
from freehold.plan.item import PlanError
from freehold.plan.steps import EnableUnit, Plan, ReloadUnits, RestartUnit, StartUnit, Step
from freehold.render.driver import driver_files, persistenced_drop_in
from freehold.render.driver_paths import FILES, KEYRING, PERSISTENCED, SOURCE

FABRIC_UNIT = "nvidia-fabricmanager.service"
PERSISTENCED_UNIT = "nvidia-persistenced.service"
LISTS_AGE_MAX_S = 3600  # of apt's lists, where something is to be installed by them
_IMAGE = re.compile(r"linux-image-(?![0-9])(?!unsigned|extra|rt-[0-9])(.*)")


@dataclass(frozen=True)
class Driver:
    """A driver of the wanted branch, loaded, held and answering. What works already, and was not
    installed by Freehold, is left as it is."""

    wanted: DriverWanted
    follows_others = False

    @property
    def label(self) -> str:
        """See Item.label."""
        return f"driver {self.wanted.branch}"

    def fact(self) -> Fact[DriverFacts]:
        """See Item.fact."""
        asked, mirror = asked_names(self.wanted), self.wanted.mirror
        if mirror is None:
            return driver_fact(FILES, asked, KEYRING, SOURCE)
        return driver_fact(FILES, asked, KEYRING, SOURCE, mirror.url)

    def plan(self, place: str, found: DriverFacts) -> Plan:
        """See Item.plan: the steps of the next stage alone, as each changes what is found."""
        if self.is_anothers(found):
            self._require_cuda(place, found)
            return ()
        if problems := list(stops(place, self.wanted, found)):
            raise PlanError(problems)
        source = self.wanted.source(found)
        assert source is not None  # noqa: S101 - else it was a stop
        for stage in (
            self._repaired(found),
            self._placed(found, source),
            self._refreshed(found, source),
            self._buildable(place, found),
            self._installed(place, found, source),
            self._built(found),
            self._held(found),
            self._rebooted(place, found),
            self._loaded(found),
            self._served(found),
        ):
            if steps := tuple(stage):
                return steps
        self._require_answer(place, found)
        return ()

    def removal(self, found: DriverFacts) -> Plan:  # noqa: ARG002 - as Item
        """See Item.removal. A driver stays: others may use it. docs/decisions/013 says why."""
        return ()

    def is_anothers(self, found: DriverFacts) -> bool:
        """Whether it works, is of the branch, and nothing of Freehold has a part in it."""
        is_right = is_working(found) and branch_there(found) == self.wanted.branch
        return is_right and SOURCE not in found.kept and fabric_problem("", found) is None

    def _require_cuda(self, place: str, found: DriverFacts) -> None:
        cuda = self.wanted.cuda
        if cuda and int(cuda.partition(".")[0]) not in found.cuda:
            names = " ".join(package_names(self.wanted, found).others)
            raise PlanError.of(
                place,
                f"expected the run-time libraries of CUDA {cuda}, found none; the driver here is "
                "not Freehold's, so nothing is installed beside it",
                f"apt-get install {names}, from where the driver came",
            )

    def _repaired(self, found: DriverFacts) -> Iterator[Step]:
        if found.is_dpkg_interrupted:
            yield RepairPackages()

    def _placed(self, found: DriverFacts, source: Repository) -> Iterator[Step]:
        yield from _differing(found, driver_files(self.wanted.branch, source.url))
        if source.url.startswith("https:") and "ca-certificates" not in found.packages:
            yield ChangePackages(("ca-certificates",), why="for https")

    def _refreshed(self, found: DriverFacts, source: Repository) -> Iterator[Step]:
        is_right = found.key_fingerprint == source.fingerprint
        if not is_right:
            yield FetchKey(source.key_url, KEYRING, source.fingerprint)
        age_s = found.lists_age_s
        is_known = age_s is not None and any(is_at(each, source.url) for each in found.offered)
        is_old = installed(self.wanted, found).version is None and (age_s or 0) > LISTS_AGE_MAX_S
        if not is_right or not is_known or is_old:
            yield RefreshPackages(SOURCE)

    def _buildable(self, place: str, found: DriverFacts) -> Iterator[Step]:
        """The headers of this kernel and of those that upgrades bring; the key to sign with."""
        names, own = [], f"linux-headers-{found.kernel}"
        if not found.has_headers:
            problem = headers_problem(place, found)
            if problem and not any(each.name == own for each in found.offered):
                raise PlanError([problem])
            names.append(own)
        metas = (_IMAGE.fullmatch(name) for name in found.packages)
        headers = [f"linux-headers-{meta[1]}" for meta in metas if meta]
        names += [name for name in headers if name not in found.packages]
        if "dkms" not in found.packages:
            names.append("dkms")
        if names:
            yield ChangePackages(tuple(names), why="to build the module")
        elif found.is_secure_boot and not found.signing_key:
            yield MakeSigningKey()
        elif problem := secure_boot_problem(place, found):
            raise PlanError([problem])

    def _installed(self, place: str, found: DriverFacts, source: Repository) -> Iterator[Step]:
        names = package_names(self.wanted, found)
        others = [name for name in names.others if name not in found.packages]
        if installed(self.wanted, found).version is not None and not others:
            return
        choice = choose(self.wanted, found, names, source.url)
        if choice.lacking:
            raise PlanError.of(
                place,
                f"expected branch {self.wanted.branch} at {source.url}, found no "
                f"{', '.join(choice.lacking)}",
                "another freehold:driver.branch; apt-cache madison lists what there is",
            )
        yield ChangePackages(choice.packages, choice.removed, f"branch {self.wanted.branch}")

    def _built(self, found: DriverFacts) -> Iterator[Step]:
        if found.on_disk_version != installed(self.wanted, found).version:
            yield BuildModule(found.kernel)
        if found.is_initramfs_stale:
            yield RebuildInitramfs(found.kernel)

    def _held(self, found: DriverFacts) -> Iterator[Step]:
        loose = tuple(name for name in driver_packages(found) if name not in found.held)
        if loose:
            yield HoldPackages(loose)

    def _rebooted(self, place: str, found: DriverFacts) -> Iterator[Step]:
        why = reboot_reason(found)
        if why is None:
            return
        reboots = self.wanted.reboot
        if not reboots.allows(found.minute):
            now = f"{found.minute // 60:02}:{found.minute % 60:02}"
            raise PlanError([_not_now(place, why, reboots.text, now)])
        yield Reboot(found.boot_id, found.machine_id, why)

    def _loaded(self, found: DriverFacts) -> Iterator[Step]:
        if found.loaded_version is None:
            yield LoadModule()

    def _served(self, found: DriverFacts) -> Iterator[Step]:
        unit = found.persistenced
        if unit.load == "loaded":
            placed = list(_differing(found, persistenced_drop_in(found.daemon_user)))
            yield from placed
            if placed or unit.needs_daemon_reload:
                yield ReloadUnits()
            if unit.enabled == "disabled":
                yield EnableUnit(PERSISTENCED_UNIT)
            drop_in, since = found.kept.get(PERSISTENCED), unit.active_since_s
            if since is None:
                yield StartUnit(PERSISTENCED_UNIT, f"it is {unit.active}")
            elif placed or drop_in is None or drop_in.changed_at_s > since:
                yield RestartUnit(PERSISTENCED_UNIT, f"older than {PERSISTENCED}")
        if needs_fabric(found):
            if found.fabric.enabled == "disabled":
                yield EnableUnit(FABRIC_UNIT)
            if found.fabric.active != "active":
                yield StartUnit(FABRIC_UNIT, f"it is {found.fabric.active}")

    def _require_answer(self, place: str, found: DriverFacts) -> None:
        problem = fabric_problem(place, found)
        if problem is None and not is_working(found):
            said = found.smi_said or ("nvidia-smi is not there",)
            problem = Problem(
                place,
                "\n".join([f"expected nvidia-smi to answer for {self.label}, it says", *said]),
                "the kernel's log says more: journalctl -k -g NVRM",
            )
        if problem:
            raise PlanError([problem])


def reboot_reason(found: DriverFacts) -> str | None:
    """Why nothing but a reboot brings the module that is on disk into the kernel."""
    if found.is_nouveau_loaded:
        return "nouveau is loaded"
    if found.loaded_version not in (None, found.on_disk_version):
        return f"module {found.loaded_version} is loaded, {found.on_disk_version} is installed"
    return None


def reboot_foreseen(wanted: DriverWanted, found: DriverFacts) -> str | None:
    """What a preview says of a reboot that earlier steps are before; None where none is in sight.
    Not that there will be none: packages and kernels decide that."""
    is_other = branch_there(found) not in (None, wanted.branch)
    if not found.is_nouveau_loaded and not is_other:
        return None
    why = "nouveau is loaded" if found.is_nouveau_loaded else f"{found.loaded_version} is loaded"
    return f"it will take a reboot ({why}); freehold:driver.reboot is {wanted.reboot.text}"


def _not_now(place: str, why: str, allowed: str, now: str) -> Problem:
    message = f"expected to reboot ({why}), freehold:driver.reboot is {allowed}"
    if allowed == "never":
        hint = "reboot it yourself, then `pulumi up`; or set freehold:driver.reboot to a window"
        return Problem(place, message, hint)
    hint = "`pulumi up` within that window goes on; or set freehold:driver.reboot to allowed"
    return Problem(place, f"{message}, and it is {now} there", hint)


def _differing(found: DriverFacts, wanted: Mapping[str, str]) -> Iterator[Step]:
    for path, text in wanted.items():
        kept, content = found.kept.get(path), text.encode()
        is_same = kept is not None and (kept.mode, kept.owner, kept.sha256) == (
            "0644",
            "root:root",
            hashlib.sha256(content).hexdigest(),
        )
        if not is_same:
            yield PlaceDriverFile(path, content)
