"""The cmake flags of a build, from the hardware that it is for: each with its reason."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from freehold.errors import FreeholdError
from freehold.facts.hardware import HardwareFacts

_CAPABILITY = re.compile(r"\d{1,2}\.\d")
_NVIDIA = "0x10de:"  # PCI's number of the vendor


class Backend(StrEnum):
    """What computes, besides the processors."""

    CUDA = "cuda"
    CPU = "cpu"


AUTO = "auto"
BACKENDS = (AUTO, *Backend)


@dataclass(frozen=True)
class Flag:
    """One `-Dname=value` of cmake."""

    name: str
    value: str
    why: str

    @property
    def word(self) -> str:
        """As it is given to cmake."""
        return f"-D{self.name}={self.value}"


# Of llama.cpp b11434's CMakeLists.txt, ggml/CMakeLists.txt and tools/ui/CMakeLists.txt.
COMMON = (
    Flag("CMAKE_BUILD_TYPE", "Release", "without it a compiler does not optimise"),
    Flag("BUILD_SHARED_LIBS", "ON", "back ends are libraries of their own, loaded where they run"),
    Flag("CMAKE_BUILD_WITH_INSTALL_RPATH", "ON", "libraries are found where they are copied to"),
    Flag("CMAKE_INSTALL_RPATH", "$ORIGIN", "each library is looked for beside who needs it"),
    Flag("GGML_RPC", "ON", "a node can lend its memory to another's server"),
    Flag("GGML_CCACHE", "OFF", "a build leaves nothing behind, and takes nothing from an earlier"),
    Flag("LLAMA_CURL", "OFF", "older builds: weights come from the store, never from a hub"),
    Flag("LLAMA_OPENSSL", "OFF", "the same: no HTTPS client, and no libssl to be there"),
    Flag("LLAMA_BUILD_UI", "OFF", "the page in a browser needs npm"),
    Flag("LLAMA_USE_PREBUILT_UI", "OFF", "else the build fetches that page from a hub"),
    Flag("LLAMA_BUILD_TESTS", "OFF", "only the server and its RPC end are wanted"),
    Flag("LLAMA_BUILD_EXAMPLES", "OFF", "the same"),
    Flag("LLAMA_BUILD_APP", "OFF", "the same"),
)
NATIVE = (
    Flag("GGML_NATIVE", "ON", "for the very processor that builds: no other may run it"),
    Flag("GGML_BACKEND_DL", "OFF", "ggml refuses both"),
)
VARIANTS = (
    Flag("GGML_NATIVE", "OFF", "it runs on nodes with other processors too"),
    Flag("GGML_BACKEND_DL", "ON", "each back end is loaded where its hardware is"),
    Flag("GGML_CPU_ALL_VARIANTS", "ON", "one for each kind of processor; the best is chosen"),
)


def backend_of(word: str, hardware: HardwareFacts, place: str) -> Backend:
    """What `word` means there. Raises FreeholdError where `auto` cannot know."""
    if word != AUTO:
        return Backend(word)
    if hardware.gpus:
        return Backend.CUDA
    if any(gpu.startswith(_NVIDIA) for gpu in hardware.pci_gpus):
        said = hardware.nvidia_error or "there is no nvidia-smi"
        raise FreeholdError.of(
            place,
            f"expected an NVIDIA driver for the GPU that is there, found none\n{said}",
            "mend the driver, or say --backend cpu, or --backend cuda --capability 9.0",
        )
    return Backend.CPU


def capabilities_of(option: str, hardware: HardwareFacts, place: str) -> tuple[str, ...]:
    """The compute capabilities to build for: those of `option` ("8.0,9.0"), else of its GPUs."""
    told = [each.strip() for each in option.split(",") if each.strip()]
    if wrong := [each for each in told if not _CAPABILITY.fullmatch(each)]:
        raise FreeholdError.of(
            "--capability", f'expected such as 8.0,9.0, got "{", ".join(wrong)}"'
        )
    found = told or [gpu.compute_capability or "" for gpu in hardware.gpus]
    if not found or not all(found):
        raise FreeholdError.of(
            place,
            "expected the compute capability of its GPUs, found "
            + ("GPUs that do not say it" if found else "no GPU"),
            "--capability 9.0 for an H100, 8.0 A100, 8.6 RTX 3090, 8.9 L40S, 12.0 RTX PRO 6000",
        )
    return tuple(sorted(set(found), key=_ordered))


def architectures(capabilities: Iterable[str]) -> str:
    """What CMAKE_CUDA_ARCHITECTURES is for them: machine code alone.

    12.x is 12xa: with its 4-bit floating point units. Source: ggml-cuda/CMakeLists.txt.
    """
    words = [each.replace(".", "") for each in capabilities]
    return ";".join(f"{each}a-real" if each.startswith("12") else f"{each}-real" for each in words)


def cmake_flags(
    backend: Backend,
    capabilities: Iterable[str] = (),
    *,
    is_native: bool = False,
    nvcc_path: str = "",
    number: str = "",
    commit: str = "",
) -> tuple[Flag, ...]:
    """All flags of a build, in an order that does not change."""
    flags = [*COMMON, *(NATIVE if is_native else VARIANTS)]
    is_cuda = backend is Backend.CUDA
    flags.append(Flag("GGML_CUDA", "ON" if is_cuda else "OFF", f"the back end is {backend}"))
    if is_cuda:
        why = "only for the GPUs that it is for: each more costs minutes and 100 MB"
        flags.append(Flag("CMAKE_CUDA_ARCHITECTURES", architectures(capabilities), why))
        if nvcc_path:
            why = "a service's PATH has no /usr/local/cuda"
            flags.append(Flag("CMAKE_CUDA_COMPILER", nvcc_path, why))
    if number:
        flags.append(Flag("LLAMA_BUILD_NUMBER", number, "an archive has no git to count commits"))
    if commit:
        flags.append(Flag("LLAMA_BUILD_COMMIT", commit[:9], "nor to name this one"))
    return tuple(flags)


def _ordered(capability: str) -> tuple[int, ...]:
    return tuple(int(part) for part in capability.split("."))
