"""The first bytes of a file, fetched in ever larger pieces as far as a header turns out to go."""

from __future__ import annotations

from freehold.gguf.error import GgufError
from freehold.gguf.source import ByteSource

FIRST_BYTES = 256 << 10  # all that a shard without a vocabulary takes
STEP_BYTES_MAX = 4 << 20  # the most that is fetched in vain
HEADER_BYTES_MAX = 64 << 20  # the longest known, with their vocabularies, take a quarter of it


class Prefix:
    """`data` always begins at the file's first byte. GLM-5.2's 9 MiB are five reads."""

    def __init__(self, source: ByteSource) -> None:
        self._source = source
        self.data = bytearray(source.read(0, FIRST_BYTES))

    def reach(self, end: int) -> None:
        """Make `data` hold `end` bytes at least.

        Raises GgufError where the file has not as many, or no header is that long: before
        anything is fetched, since a length that is not one would ask for gigabytes.
        """
        if end <= len(self.data):
            return
        size = self._source.size_bytes()
        if size is not None and end > size:
            raise self._cut_short(size)
        if end > HEADER_BYTES_MAX:
            raise GgufError.of(
                self._source.place,
                f"expected a GGUF header, found one of more than {HEADER_BYTES_MAX} bytes",
                "its lengths cannot be right: fetch it again",
            )
        while len(self.data) < end:
            have = len(self.data)
            step = min(max(3 * have, FIRST_BYTES), STEP_BYTES_MAX, HEADER_BYTES_MAX - have)
            piece = self._source.read(have, step)
            if not piece:
                raise self._cut_short(have)
            self.data += piece

    def _cut_short(self, found: int) -> GgufError:
        return GgufError.of(
            self._source.place,
            f"expected a whole GGUF file, found {found} bytes, which its header exceeds: "
            "it is cut short",
            "fetch it again",
        )
