"""The values of a GGUF header, one after the other: numbers, strings, and arrays of them.

Source: ggml/docs/gguf.md of llama.cpp, and what its ggml/src/gguf.cpp refuses.
"""

from __future__ import annotations

import struct
from typing import Any

from freehold.gguf.error import GgufError
from freehold.gguf.prefix import Prefix

UINT32, STRING, ARRAY, UINT64 = 4, 8, 9, 10
KEPT_ELEMENTS = 65_536  # of an array; a longer one is a vocabulary's
_KEPT_TOTAL = 1 << 20  # elements of all the arrays together, so that memory has a bound
_STRINGS_MAX = 1 << 21  # in an array; the longest vocabularies have 2^19 with their merges

# each scalar value type by its number in the file
_SCALARS = {
    number: struct.Struct(form)
    for number, form in (
        (0, "<B"), (1, "<b"), (2, "<H"), (3, "<h"), (UINT32, "<I"), (5, "<i"), (6, "<f"),
        (7, "<?"), (UINT64, "<Q"), (11, "<q"), (12, "<d"),
    )
}  # fmt: skip
_LENGTH = _SCALARS[UINT64]


class Values:
    """A reader that stands at `at`, counted in bytes from the file's begin."""

    def __init__(self, prefix: Prefix, place: str) -> None:
        self._prefix, self._place = prefix, place
        self._kept_elements = 0
        self.at = 0

    def scalar(self, kind: int) -> Any:
        """The next number, of that value type."""
        form = _SCALARS.get(kind)
        if form is None:
            raise self.wrong(f"the value type {kind}")
        return form.unpack_from(self._prefix.data, self._advance(form.size))[0]

    def name(self, length_max: int) -> str:
        """The next string, which must be UTF-8, not empty, and of `length_max` bytes at most."""
        length = self.scalar(UINT64)
        if not 0 < length <= length_max:
            raise self.wrong(f"a name of {length} bytes")
        raw = self.raw(length)
        try:
            return raw.decode()
        except UnicodeDecodeError:
            raise self.wrong(f"a name that is not UTF-8: {raw[:80]!r}") from None

    def raw(self, count: int) -> bytes:
        """The next `count` bytes."""
        at = self._advance(count)
        return bytes(self._prefix.data[at : self.at])

    def value(self, kind: int) -> Any:
        """A number, a string, an array of numbers as a tuple, or the length of another array."""
        if kind == STRING:
            return self.raw(self.scalar(UINT64)).decode("utf-8", "replace")
        if kind != ARRAY:
            return self.scalar(kind)
        inner, length = self.scalar(UINT32), self.scalar(UINT64)
        if inner == STRING:
            self._skip_strings(length)
            return length
        form = _SCALARS.get(inner)
        if form is None:  # nested arrays too, as llama.cpp
            raise self.wrong(f"an array of the value type {inner}")
        at = self._advance(form.size * length)
        if length > KEPT_ELEMENTS or self._kept_elements + length > _KEPT_TOTAL:
            return length
        self._kept_elements += length
        return struct.unpack_from(f"<{length}{form.format[1:]}", self._prefix.data, at)

    def wrong(self, found: str) -> GgufError:
        """The error of a header that holds `found`, told with where in the file that was."""
        return GgufError.of(
            self._place,
            f"expected a whole GGUF file, found {found} (before byte {self.at})",
            "fetch it again",
        )

    def _advance(self, count: int) -> int:
        """Step over `count` bytes that are there; where they begin."""
        at, self.at = self.at, self.at + count
        if self.at > len(self._prefix.data):
            self._prefix.reach(self.at)
        return at

    def _skip_strings(self, count: int) -> None:
        """Step over strings by their lengths alone: a vocabulary has half a million."""
        if count > _STRINGS_MAX:
            raise self.wrong(f"an array that counts to {count}")
        self._prefix.reach(self.at + _LENGTH.size * count)
        data, unpack, at = self._prefix.data, _LENGTH.unpack_from, self.at
        for _ in range(count):
            try:
                at += _LENGTH.size + unpack(data, at)[0]
            except (struct.error, OverflowError):
                self._prefix.reach(at + _LENGTH.size)
                at += _LENGTH.size + unpack(data, at)[0]
        self._prefix.reach(at)
        self.at = at
