"""What is known of NVIDIA's drivers: which GPU needs which, where they come from, their names."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from freehold.catalog.data_file import data_file

_ARCHES = {"amd64": "x86_64", "arm64": "sbsa"}

DRIVER_PACKAGES = (
    "cuda-drivers*",
    "firmware-nvidia-gsp*",
    "libcuda1",
    "libcudadebugger1",
    "libnvcuvid1",
    "libnvidia-allocator*",
    "libnvidia-api*",
    "libnvidia-cfg*",
    "libnvidia-common*",
    "libnvidia-compute*",
    "libnvidia-decode*",
    "libnvidia-eglcore*",
    "libnvidia-encode*",
    "libnvidia-extra*",
    "libnvidia-fbc*",
    "libnvidia-gl*",
    "libnvidia-glcore*",
    "libnvidia-glvkspirv*",
    "libnvidia-gpucomp*",
    "libnvidia-ml*",
    "libnvidia-ngx*",
    "libnvidia-nscq*",
    "libnvidia-nvvm*",
    "libnvidia-opticalflow*",
    "libnvidia-pkcs11*",
    "libnvidia-present*",
    "libnvidia-ptxjitcompiler*",
    "libnvidia-rtcore*",
    "libnvidia-sandboxutils*",
    "libnvidia-tileiras*",
    "libnvidia-vksc*",
    "libnvoptix1",
    "nvidia-alternative*",
    "nvidia-compute-utils*",
    "nvidia-dkms*",
    "nvidia-driver",
    "nvidia-driver-[0-9]*",
    "nvidia-driver-bin*",
    "nvidia-driver-cuda*",
    "nvidia-driver-full*",
    "nvidia-driver-libs*",
    "nvidia-driver-open*",
    "nvidia-egl-icd*",
    "nvidia-fabricmanager*",
    "nvidia-firmware*",
    "nvidia-headless*",
    "nvidia-imex*",
    "nvidia-kernel*",
    "nvidia-legacy-check*",
    "nvidia-modprobe*",
    "nvidia-open*",
    "nvidia-opencl-icd*",
    "nvidia-persistenced*",
    "nvidia-smi*",
    "nvidia-utils*",
    "nvidia-vdpau*",
    "nvidia-vulkan*",
    "nvlink5*",
    "xserver-xorg-video-nvidia*",
)
"""Names of the packages that are one driver, as globs: their versions are the driver's. Not those
of the container toolkit, of CUDA, nor nvidia-settings."""


@dataclass(frozen=True)
class Generation:
    """GPUs of one architecture; `last` is the last branch that drives them, None for "not yet"."""

    name: str
    least: int
    last: int | None
    is_open: bool
    """Whether NVIDIA's open kernel modules drive them."""


@dataclass(frozen=True)
class Repository:
    """A flat apt repository, the URL of the key that signs it, and that key's fingerprint."""

    url: str
    key_url: str
    fingerprint: str


def is_driver_package(name: str) -> bool:
    """Whether the package is a part of the driver, of whichever source."""
    return any(fnmatchcase(name, pattern) for pattern in DRIVER_PACKAGES)


def generation(device: str) -> Generation | None:
    """Of a PCI device id such as 0x2330; None for one that is older than all that are known."""
    known = [each for each in _data()["generations"] if each["from"] <= int(device, 16)]
    if not known:
        return None
    found = known[-1]
    is_open = found["kernel_modules"] == "open"
    return Generation(found["name"], found["least"], found["last"], is_open)


def has_nvlink5(device: str) -> bool:
    """Whether its NVSwitches are none that the PCI bus shows."""
    return int(device, 16) in _data()["nvlink5"]


def least_branch(cuda: str) -> int | None:
    """The first branch that runs that version of CUDA; None where that is not known."""
    found: int | None = _data()["cuda"].get(int(cuda.partition(".")[0]))
    return found


def distributions() -> tuple[str, ...]:
    """Those that NVIDIA's repository has a folder for, and Freehold a template."""
    return tuple(_data()["distributions"])


def repository(distribution: str, arch: str) -> Repository | None:
    """NVIDIA's for that distribution (debian13) and dpkg's architecture; None where it has none."""
    found, folder = _data()["distributions"].get(distribution), _ARCHES.get(arch)
    if found is None or folder is None:
        return None
    url = f"{_data()['repository']}/{found['folder']}/{folder}"
    return Repository(url, f"{url}/{found['key']}", _data()["keys"][found["key"]])


def _data() -> Any:
    return data_file("nvidia.yaml")
