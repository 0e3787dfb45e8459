"""The steps of a driver as lines of a script, over driver.sh."""

from __future__ import annotations

import base64
from pathlib import Path
from shlex import quote

from freehold.plan.driver_steps import (
    BuildModule,
    ChangePackages,
    DriverStep,
    FetchKey,
    HoldPackages,
    LoadModule,
    MakeSigningKey,
    PlaceDriverFile,
    RebuildInitramfs,
    RefreshPackages,
    RemoveDriver,
    RepairPackages,
)

_PRELUDE = Path(__file__).with_name("driver.sh")
_OPENPGP = Path(__file__).parent.parent / "facts/openpgp.py"


def driver_prelude() -> str:
    """What comes before the lines of driver steps, after box.sh."""
    return f"openpgp={quote(_OPENPGP.read_text())}\n{_PRELUDE.read_text()}"


def driver_line(step: DriverStep) -> str:
    """The line of one step. Raises TypeError for a reboot, which no script lives through."""
    match step:
        case PlaceDriverFile(path=path, content=content, mode=mode):
            text = base64.encodebytes(content).decode()
            return f"of_driver place {quote(path)} {mode} root <<'.'\n{text}."
        case RepairPackages():
            return "repair_packages"
        case FetchKey(url=url, path=path, fingerprint=fingerprint):
            return f"fetch_key {quote(url)} {quote(path)} {fingerprint}"
        case RefreshPackages(source=source):
            return f"refresh {quote(source)}"
        case ChangePackages(packages=packages, removed=removed):
            return f"change {_words((*packages, *(f'{name}-' for name in removed)))}"
        case HoldPackages(packages=packages):
            return f"hold {_words(packages)}"
        case MakeSigningKey():
            return "make_signing_key"
        case BuildModule(kernel=kernel):
            return f"build_module {quote(kernel)}"
        case RebuildInitramfs(kernel=kernel):
            return f"rebuild_initramfs {quote(kernel)}"
        case LoadModule():
            return "load_module"
        case RemoveDriver(packages=packages, loose=loose, files=files):
            lists = _words((" ".join(packages), " ".join(loose)))
            return f"remove_driver {lists} {_words(files)}"
        case _:
            raise TypeError(f"not a step of a script: {step!r}")


def _words(names: tuple[str, ...]) -> str:
    return " ".join(map(quote, names))
