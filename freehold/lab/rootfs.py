"""The root folder that all boxes share, built once by mmdebstrap and kept for the next lab."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Callable
from pathlib import Path

from freehold.lab.root import SCRIPTS, run_as_root

CACHE = Path("/var/cache/freehold/lab")
# No curl and no pip: what the kit does to a box, it does to a minimal one.
PACKAGES = (
    "systemd,systemd-sysv,dbus,openssh-server,iproute2,sudo,python3,"  # the box
    "libgomp1,libstdc++6"  # what llama-server links
)


def ensure_rootfs(
    on_progress: Callable[[str], None],
    packages: tuple[str, ...] = (),
    offers: tuple[str, ...] = (),
) -> Path:
    """The folder, built if it is not there yet (about 30 s with a mirror near by).

    Boxes with further `packages` have another folder, so that the usual ones stay minimal; those
    whose apt `offers` some have another too.
    """
    suite = platform.freedesktop_os_release()["VERSION_CODENAME"]
    hook, build = SCRIPTS / "rootfs_hook.sh", SCRIPTS / "rootfs.sh"
    included = ",".join([PACKAGES, *packages])
    recipe = f"{included}\n{hook.read_text()}\n{build.read_text()}"
    offer, offered = SCRIPTS / "rootfs_offer.sh", " ".join(offers)
    if offers:
        recipe += f"{offer.read_text()}\n{offered}\n"
    rootfs = CACHE / f"{suite}-{hashlib.sha256(recipe.encode()).hexdigest()[:12]}"
    if not rootfs.exists():
        on_progress(f"building the root folder of the boxes ({suite}), once: {rootfs}")
        customize = [f'sh "{offer}" "$1" {offered}'] if offers else []
        # In a mount namespace: a build that is killed takes the mounts in its chroot with it.
        argv = ["unshare", "--mount", "sh", build, rootfs, suite, included, hook, *customize]
        run_as_root("lab", *map(str, argv))
    return rootfs
