"""What takes a driver off a box: that of it which Freehold installed, and nothing else."""

from __future__ import annotations

from freehold.catalog.nvidia import is_driver_package
from freehold.facts.driver import DriverFacts
from freehold.plan.driver_steps import RemoveDriver
from freehold.plan.steps import Plan
from freehold.render.driver_paths import FILES, KEYRING, SOURCE

_CUDA = ("cuda-", "libcublas-")


def driver_removal(found: DriverFacts) -> Plan:
    """Nothing where nothing of it is Freehold's. Headers, DKMS and certificates, which others may
    have come to need, are left to apt's own count of who needs what."""
    if SOURCE not in found.kept and not found.installed_by_us:
        return ()
    ours = [name for name in found.installed_by_us if name in found.packages]
    packages = [name for name in ours if is_driver_package(name) or name.startswith(_CUDA)]
    loose = [name for name in ours if name not in packages]
    # The source last: while it is there, the rest is known as ours.
    files = (*(path for path in FILES if path != SOURCE), KEYRING, SOURCE)
    return (RemoveDriver(tuple(packages), tuple(loose), files),)
