"""What keeps the GPUs of a box from being used, each trap with its explanation."""

from __future__ import annotations

from collections.abc import Iterator

from freehold.errors import Problem
from freehold.facts.driver import DriverFacts
from freehold.plan.driver_stops import (
    branch_there,
    cuda_problem,
    fabric_problem,
    gpu_problems,
    headers_problem,
    is_working,
    mismatch_problem,
    mixed_problem,
    nouveau_problem,
    secure_boot_problem,
)
from freehold.service.check import Check


def driver_checks(place: str, found: DriverFacts, cuda: str | None) -> Iterator[Check]:
    """Of a box with NVIDIA GPUs; `cuda` is the version that the engine is built for, None where
    that is not known. A warning stops no `up`: without its GPUs a node serves by its processor."""
    branch, said = branch_there(found), _said(found)
    problems = [
        nouveau_problem(place, found),
        mismatch_problem(place, found),
        mixed_problem(place, found),
        cuda_problem(place, cuda, branch),
        *(gpu_problems(place, branch, found) if branch is not None else ()),
    ]
    if found.loaded_version is None:
        # A module that is there needs none of it until the next kernel.
        problems += [headers_problem(place, found), secure_boot_problem(place, found)]
    else:
        problems.append(fabric_problem(place, found))
    known = [problem for problem in problems if problem is not None]
    for problem in known:
        yield Check("driver", problem.message.splitlines()[0], problem, is_warning=True)
    if not known and not is_working(found):
        yield Check("driver", said, Problem(place, said, _hint(found)), is_warning=True)
    elif not known:
        yield Check("driver", said)
    if is_working(found) and len(found.listed) < len(found.gpus):
        what = f"{len(found.gpus)} GPUs on the PCI bus, nvidia-smi lists {len(found.listed)}"
        hint = "one has fallen off: journalctl -k -g NVRM, then a cold start"
        yield Check("gpus", what, Problem(place, what, hint), is_warning=True)
    if is_working(found) and (problem := _later_problem(place, found)):
        yield Check("upgrades", problem.message, problem, is_warning=True)


def _said(found: DriverFacts) -> str:
    if is_working(found):
        return f"{found.loaded_version}, module and library, loaded and answering"
    if found.loaded_version is None and not found.packages and found.runfile is None:
        return "none is installed"
    where = found.loaded_version or "none"
    return f"module loaded: {where}; nvidia-smi: {' '.join(found.smi_said) or 'not there'}"


def _hint(found: DriverFacts) -> str:
    if found.on_disk_version and found.loaded_version is None:
        return "modprobe nvidia says why it is not loaded; so does journalctl -k -g -i nvidia"
    return "freehold:driver in the stack installs one, or install it yourself"


def _later_problem(place: str, found: DriverFacts) -> Problem | None:
    """Of a driver that works today: what takes it away tomorrow."""
    loose = [
        name
        for name in found.packages
        if name.startswith(("libnvidia-compute", "libnvidia-ml1", "nvidia-driver-cuda"))
        and name not in found.held
    ]
    if loose:
        return Problem(
            place,
            f"{', '.join(sorted(loose))} may be upgraded under the loaded module, which ends every "
            "use of the GPUs until a reboot",
            "apt-mark hold, or freehold:driver, which holds the driver's packages",
        )
    return headers_problem(place, found) if found.packages else None
