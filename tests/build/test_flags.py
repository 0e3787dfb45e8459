"""The flags of builds, for hardware as it is read; and what a box lacks for one."""

from __future__ import annotations

import dataclasses
import json
import re
from pathlib import Path

import pytest

from freehold.build.flags import (
    AUTO,
    Backend,
    architectures,
    backend_of,
    capabilities_of,
    cmake_flags,
)
from freehold.build.needs import disk_bytes, jobs, lacking
from freehold.build.on_node import UnitContext, script_text, unit_text
from freehold.build.order import BuildOrder
from freehold.errors import FreeholdError
from freehold.facts.hardware import HardwareFacts, hardware_fact
from freehold.facts.toolchain import TOOLCHAIN, ToolchainFacts
from freehold.weights.manifest import FileEntry, Kind, Manifest

CASES = Path(__file__).parents[1] / "facts/cases/hardware"
ROOT = Path(__file__).parents[2]
SOURCE = Manifest(
    Kind.SOURCE, "llama.cpp-b7", "b7.tar.gz", (FileEntry("b7.tar.gz", 0, "a" * 64, ""),)
)
TOOLS = ToolchainFacts(
    os="Debian GNU/Linux 12 (bookworm)",
    arch="x86_64",
    libc="glibc 2.36",
    threads=16,
    memory_available_bytes=64 << 30,
    disk_available_bytes=100 << 30,
    cmake=(3, 25, 1),
    has_c=True,
    compiler="c++ (Debian 12.2.0-14) 12.2.0",
    maker="ninja",
    nvcc=(12, 9),
    nvcc_path="/usr/local/cuda/bin/nvcc",
    driver=(580, 65, 6),
)


def hardware(case: str) -> HardwareFacts:
    return hardware_fact("x").parse((CASES / f"{case}.txt").read_text())


CHOSEN = {
    "eight_h100_one_of_them_shared": ("cuda", "90-real"),
    "four_3090_in_a_desktop": ("cuda", "86-real"),
    "unified_memory_of_a_gb10": ("cuda", "121a-real"),
    "no_gpu_in_a_container": ("cpu", ""),
    "amd_card": ("cpu", ""),
}


@pytest.mark.parametrize("case", CHOSEN)
def test_what_is_built_follows_from_the_hardware(case: str) -> None:
    found = hardware(case)
    backend = backend_of(AUTO, found, "one")
    capabilities = capabilities_of("", found, "one") if backend is Backend.CUDA else ()
    flags = {flag.name: flag.value for flag in cmake_flags(backend, capabilities)}
    assert (backend, flags.get("CMAKE_CUDA_ARCHITECTURES", "")) == CHOSEN[case]
    assert flags["GGML_CUDA"] == ("ON" if backend is Backend.CUDA else "OFF")


def test_a_driver_that_is_broken_is_no_build_without_the_gpu() -> None:
    with pytest.raises(FreeholdError, match="one: expected an NVIDIA driver for the GPU"):
        backend_of(AUTO, hardware("driver_broken"), "one")
    assert backend_of("cpu", hardware("driver_broken"), "one") is Backend.CPU


def test_gpus_of_several_kinds_are_built_for_at_once_and_may_be_named() -> None:
    assert architectures(("8.0", "9.0", "10.0", "12.0")) == "80-real;90-real;100-real;120a-real"
    none = hardware("no_gpu_in_a_container")
    assert capabilities_of("12.0, 9.0,9.0", none, "one") == ("9.0", "12.0")
    with pytest.raises(
        FreeholdError, match=r'--capability: expected such as 8\.0,9\.0, got "sm_90"'
    ):
        capabilities_of("sm_90", none, "one")
    with pytest.raises(FreeholdError, match="expected the compute capability of its GPUs"):
        capabilities_of("", none, "one")


@pytest.mark.parametrize("is_native", [True, False])
@pytest.mark.parametrize("backend", Backend)
def test_a_native_build_and_one_for_all_processors_exclude_each_other(
    backend: Backend, is_native: bool
) -> None:
    flags = cmake_flags(backend, ("9.0",), is_native=is_native, number="7", commit="c" * 40)
    values = {flag.name: flag.value for flag in flags}
    assert len(values) == len(flags)
    assert {values["GGML_NATIVE"], values["GGML_BACKEND_DL"]} == {"ON", "OFF"}
    assert values.get("GGML_CPU_ALL_VARIANTS", "OFF") == values["GGML_BACKEND_DL"]
    assert (values["LLAMA_BUILD_NUMBER"], values["LLAMA_BUILD_COMMIT"]) == ("7", "c" * 9)
    assert all(flag.why for flag in flags)


def test_the_page_has_every_flag() -> None:
    page = (ROOT / "docs/engine.md").read_text()
    flags = [
        *cmake_flags(Backend.CUDA, ("9.0",), nvcc_path="x", number="7", commit="c"),
        *cmake_flags(Backend.CPU, is_native=True),
    ]
    assert {flag.name for flag in flags} <= set(re.findall(r"`([A-Z][A-Z_]+)`", page))


def problems(tools: ToolchainFacts, backend: Backend = Backend.CUDA, *capabilities: str) -> str:
    found = lacking("one", tools, backend, capabilities or ("9.0",), 38_000_000)
    return "\n".join(map(str, found))


def test_a_box_that_has_all_lacks_nothing() -> None:
    assert problems(TOOLS) == problems(TOOLS, Backend.CPU) == ""


def test_all_that_it_lacks_is_told_at_once() -> None:
    bare = dataclasses.replace(
        TOOLS, cmake=None, has_c=False, compiler="", maker="", nvcc=None,
        memory_available_bytes=1 << 30, disk_available_bytes=1 << 30,
    )  # fmt: skip
    assert len(problems(bare).split("Hint: ")) == 7
    for word in ("cmake", "g++", "make", "cuda-toolkit"):
        assert f"Hint: apt-get install {word}" in problems(bare)


OLD = {
    "cmake for CUDA": ({"cmake": (3, 16)}, ("9.0",), "expected cmake 3.18 or newer, found 3.16"),
    "nvcc for Hopper": ({"nvcc": (11, 7)}, ("9.0",), "expected nvcc 11.8 or newer for capability"),
    "nvcc for Blackwell": ({"nvcc": (12, 6)}, ("12.0",), "expected nvcc 12.8 or newer"),
    "driver for CUDA 13": ({"nvcc": (13, 0), "driver": (575, 51)}, ("9.0",), "expected driver 580"),
    "driver for CUDA 12": ({"driver": (470, 1)}, ("9.0",), "expected driver 525"),
    "card for CUDA 13": ({"nvcc": (13, 0)}, ("7.0",), "expected nvcc 12 for capability 7.0"),
}


@pytest.mark.parametrize("what", OLD)
def test_what_is_too_old_for_what_is_too_new_is_told(what: str) -> None:
    changed, capabilities, words = OLD[what]
    said = problems(dataclasses.replace(TOOLS, **changed), Backend.CUDA, *capabilities)
    assert words in said
    assert said.count("Hint: ") == 1


def test_files_at_a_time_follow_from_threads_and_memory() -> None:
    small = dataclasses.replace(TOOLS, memory_available_bytes=9 << 30)
    assert (jobs(TOOLS, Backend.CPU), jobs(TOOLS, Backend.CUDA)) == (16, 16)
    assert (jobs(small, Backend.CPU), jobs(small, Backend.CUDA)) == (4, 2)
    assert jobs(dataclasses.replace(TOOLS, memory_available_bytes=0), Backend.CPU) == 1
    assert disk_bytes(38_000_000, Backend.CPU) > 245_000_000  # seen with b11434


def test_the_script_quotes_what_it_is_given_and_the_unit_has_no_network() -> None:
    order = BuildOrder("mine", SOURCE, Backend.CPU, cmake_flags(Backend.CPU))
    script = script_text(order, dataclasses.replace(TOOLS, maker="make"), 3)
    assert "generator='Unix Makefiles'\njobs=3\n" in script
    assert "'-DCMAKE_INSTALL_RPATH=$ORIGIN'" in script
    unit = unit_text("mine")
    assert "PrivateNetwork=yes" in unit
    assert set(dataclasses.asdict(UnitContext("", "", ""))) == {"name", "folder", "work"}


def test_another_flag_source_or_name_is_another_build() -> None:
    flags = cmake_flags(Backend.CPU)
    orders = [
        BuildOrder("mine", SOURCE, Backend.CPU, flags),
        BuildOrder("other", SOURCE, Backend.CPU, flags),
        BuildOrder("mine", SOURCE, Backend.CPU, flags[1:]),
        BuildOrder("mine", SOURCE, Backend.CPU, flags, processor="AMD EPYC"),
        BuildOrder("mine", dataclasses.replace(SOURCE, about={"commit": "c"}), Backend.CPU, flags),
    ]
    assert len({order.digest for order in orders}) == len(orders)


SAID = """\
os=Debian GNU/Linux 12 (bookworm)
arch=x86_64
libc=glibc 2.36
threads=16
available_kib=67108864 kB
disk=/dev/sda1 200000000 1 104857600 1% /
cmake=cmake version 3.25.1
cc=cc (Debian 12.2.0-14) 12.2.0
c++=c++ (Debian 12.2.0-14) 12.2.0
maker=ninja
maker=make
nvcc_path=/usr/local/cuda/bin/nvcc
nvcc=Cuda compilation tools, release 12.9, V12.9.86
driver=580.65.06
"""


def test_a_toolchain_is_read_as_its_tools_say_it() -> None:
    assert TOOLCHAIN.parse(SAID) == TOOLS
    bare = "\n".join(SAID.splitlines()[:6])
    assert TOOLCHAIN.parse(bare).cmake is None
    with pytest.raises(ValueError, match="expected cmake version"):
        TOOLCHAIN.parse(SAID.replace("cmake version 3.25.1", "Segmentation fault"))
    assert json.loads(json.dumps(dataclasses.asdict(TOOLCHAIN.parse(bare))))["maker"] == ""
