"""The packages that the tests' repositories have: NVIDIA's for two distributions, and Debian's."""

from __future__ import annotations

from collections.abc import Sequence

from tests.driver.debs import STANDINS, Deb

OLD, NEW, NEXT = "580.82.07", "580.95.05", "590.44.01"
VERSIONS = (OLD, NEW, NEXT)
DEBIANS = "535.261.03"

_UNIT = """\
[Unit]
Description=a stand-in
[Service]
ExecStart={path}
[Install]
WantedBy=multi-user.target
"""


def _of(name: str, version: str) -> str:
    return (STANDINS / name).read_text().replace("@VERSION@", version)


def _trip(name: str) -> str:
    return f'/usr/local/sbin/hw-trip "postinst {name}"'


def _module(name: str, version: str, revision: str, **control: str) -> Deb:
    return Deb(
        name,
        f"{version}{revision}",
        {f"/usr/src/nvidia-{version}/dkms.conf": "PACKAGE_NAME=nvidia\n"},
        {
            # As the real one: a build that fails fails no installation.
            "postinst": f"{_trip('module')}\ndkms autoinstall -k $(uname -r) || true",
            "prerm": 'rm -f "/lib/modules/$(uname -r)/updates/dkms/nvidia.ko"',
        },
        {"Depends": "dkms", "Conflicts": "nvidia-dkms-any", "Provides": "nvidia-dkms-any",
         "Replaces": "nvidia-dkms-any", **control},
    )  # fmt: skip


def _library(name: str, version: str, revision: str, **control: str) -> Deb:
    folder = "/usr/lib/x86_64-linux-gnu"
    return Deb(
        name,
        f"{version}{revision}",
        {
            f"{folder}/libnvidia-ml.so.{version}": version,
            f"{folder}/libnvidia-ml.so.1": f"-> libnvidia-ml.so.{version}",
        },
        {"postinst": _trip("library")},
        control,
    )


def _smi(name: str, version: str, revision: str, **control: str) -> Deb:
    files = {"/usr/bin/nvidia-smi": _of("nvidia-smi", version)}
    return Deb(name, f"{version}{revision}", files, {}, control)


def _persistenced(name: str, version: str, revision: str, **control: str) -> Deb:
    return Deb(
        name,
        f"{version}{revision}",
        {
            "/usr/bin/nvidia-persistenced": _of("daemon", version),
            "/usr/lib/systemd/system/nvidia-persistenced.service": _UNIT.format(
                path="/usr/bin/nvidia-persistenced"
            ),
        },
        {
            "postinst": f"{_trip('daemon')}\n"
            "id nvpd >/dev/null 2>&1 || useradd --system --no-create-home nvpd\n"
            "systemctl daemon-reload"
        },
        control,
    )


def _fabric(name: str, version: str, revision: str, **control: str) -> Deb:
    return Deb(
        name,
        f"{version}{revision}",
        {
            "/usr/bin/nv-fabricmanager": _of("daemon", version),
            "/usr/lib/systemd/system/nvidia-fabricmanager.service": _UNIT.format(
                path="/usr/bin/nv-fabricmanager"
            ),
        },
        {"postinst": "systemctl daemon-reload"},
        control,
    )


def _cuda(revision: str) -> list[Deb]:
    return [Deb("cuda-cudart-13-0", f"13.0.96{revision}"), Deb("libcublas-13-0", "13.1.1.3-1")]


def debian12() -> Sequence[Deb]:
    """NVIDIA's for Debian: names without a branch, and dependencies that any newer one meets."""
    debs = []
    for version in VERSIONS:
        at_least = "580.65.06"
        debs += [
            _module("nvidia-kernel-open-dkms", version, "-1"),
            _module("nvidia-kernel-dkms", version, "-1"),
            Deb(
                "nvidia-driver-cuda",
                f"{version}-1",
                control={"Depends": f"libnvidia-ml1 (>= {at_least}), nvidia-smi (>= {at_least})"},
            ),
            _library("libnvidia-ml1", version, "-1"),
            _smi("nvidia-smi", version, "-1"),
            _persistenced("nvidia-persistenced", version, "-1"),
        ]
    # Fabric Manager lags behind: there is none of NEW.
    debs += [
        _fabric("nvidia-fabricmanager-580", OLD, "-1"),
        _fabric("nvidia-fabricmanager", NEXT, "-1"),
    ]
    return debs + _cuda("-1")


def ubuntu2404() -> Sequence[Deb]:
    """NVIDIA's for Ubuntu: names with the branch until 590, then without."""
    debs = []
    for version in VERSIONS:
        branch = version[:3]
        end = "" if int(branch) >= 590 else f"-{branch}"
        one_of = {"Conflicts": "one-of-a-kind-{0}", "Provides": "one-of-a-kind-{0}",
                  "Replaces": "one-of-a-kind-{0}"}  # fmt: skip

        def only(kind: str, names: dict[str, str] = one_of) -> dict[str, str]:
            return {name: value.format(kind) for name, value in names.items()}

        debs += [
            _module(f"nvidia-dkms{end}-open", version, "-1ubuntu1"),
            _library(f"libnvidia-compute{end}", version, "-1ubuntu1", **only("library")),
            _smi(f"nvidia-utils{end}", version, "-1ubuntu1", **only("utils")),
            _persistenced(f"nvidia-compute-utils{end}", version, "-1ubuntu1", **only("daemon")),
            _fabric(f"nvidia-fabricmanager{end}", version, "-1", **only("fabric")),
        ]
    return debs + _cuda("-1")


def distribution(kernel: str) -> Sequence[Deb]:
    """What the distribution has: headers, DKMS, and an older driver of its own."""
    return [
        Deb("dkms", "3.0.10-8", {"/usr/sbin/dkms": (STANDINS / "dkms").read_text()}),
        Deb(
            f"linux-headers-{kernel}",
            "1",
            {f"/lib/modules/{kernel}/build/Makefile": "all:\n"},
            {"postinst": _trip("headers")},
        ),
        _module("nvidia-kernel-dkms", DEBIANS, "-1~deb12u1"),
        _library("libnvidia-ml1", DEBIANS, "-1~deb12u1"),
        _smi("nvidia-smi", DEBIANS, "-1~deb12u1"),
    ]
