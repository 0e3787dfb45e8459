"""How many weights a second one core multiplies, by tensor type, with an engine's own CPU code.

    python -m bench.dequantise FOLDER_OF_THE_ENGINE

It is what bounds routed experts in RAM, and where `elements_g_per_s` of
freehold/catalog/data/calibration.yaml comes from.
"""

from __future__ import annotations

import ctypes
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from freehold.errors import FreeholdError
from freehold.gguf.tensor import BLOCKS, NUMBERS

# A long row, as a call from Python takes half a microsecond; many, so that caches hold few of them.
ROW_ELEMENTS = 1 << 17
WEIGHTS_BYTES = 64 << 20
REPEATS = 3


class CpuTraits(ctypes.Structure):
    """struct ggml_type_traits_cpu of ggml-cpu.h, as far as it is read here."""

    _fields_ = (
        ("from_float", ctypes.c_void_p),
        ("vec_dot", ctypes.c_void_p),
        ("vec_dot_type", ctypes.c_int),
    )


VecDot = ctypes.CFUNCTYPE(
    None, ctypes.c_int, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_void_p, ctypes.c_size_t,
    ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int,
)  # fmt: skip


def rates(folder: Path) -> Iterator[tuple[str, float]]:
    """Each type's name and weights/s. Raises FreeholdError where there is no CPU back end."""
    library = _load(folder)
    library.ggml_cpu_init()
    library.ggml_get_type_traits_cpu.restype = ctypes.POINTER(CpuTraits)
    for number, name in NUMBERS.items():
        elements, size = BLOCKS[name]
        traits = library.ggml_get_type_traits_cpu(number).contents
        if traits.vec_dot and elements > 1:
            row_bytes = ROW_ELEMENTS // elements * size
            yield name, _rate(VecDot(traits.vec_dot), row_bytes)


def _rate(vec_dot: ctypes._CFunctionType, row_bytes: int) -> float:
    rows = WEIGHTS_BYTES // row_bytes
    weights = ctypes.create_string_buffer(bytes(range(1, 101)) * (rows * row_bytes // 100 + 1))
    token = ctypes.create_string_buffer(b"\1" * (4 * ROW_ELEMENTS))
    result, start = ctypes.c_float(), ctypes.addressof(weights)
    best_s = float("inf")
    for _ in range(REPEATS):
        began = time.perf_counter()
        for row in range(rows):
            at = start + row * row_bytes
            vec_dot(ROW_ELEMENTS, ctypes.addressof(result), 0, at, 0, token, 0, 1)
        best_s = min(best_s, time.perf_counter() - began)
    return rows * ROW_ELEMENTS / best_s


def _load(folder: Path) -> ctypes.CDLL:
    try:
        for name in ("libggml-base.so.0", "libggml-cpu.so.0"):
            library = ctypes.CDLL(str(folder / name), mode=ctypes.RTLD_GLOBAL)
    except OSError as error:
        message = f"expected the engine's CPU back end, got: {error}"
        raise FreeholdError.of(str(folder), message) from None
    return library


def main() -> int:
    """Print a line for each type."""
    try:
        for name, per_s in rates(Path(sys.argv[1])):
            elements, size = BLOCKS[name]
            bytes_per_s = per_s * size / elements
            print(f"{name:8}{per_s / 1e9:8.1f} G weights/s{bytes_per_s / 1e9:8.1f} GB/s")
    except FreeholdError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
