"""What the store's own files say of the model that a set holds."""

from __future__ import annotations

from dataclasses import dataclass

from freehold.gguf.error import GgufError
from freehold.gguf.header import Header
from freehold.gguf.read import read_files
from freehold.weights.manifest import FileEntry, Manifest
from freehold.weights.objects import StoreError
from freehold.weights.store import Store, blob_name


@dataclass(frozen=True)
class _FileInStore:
    """See ByteSource: the parts of a file that its header takes, from wherever the store is."""

    store: Store
    file: FileEntry
    place: str

    def size_bytes(self) -> int | None:
        """What the store really has of it."""
        return self.store.objects.size_bytes(blob_name(self.file.sha256))

    def read(self, offset: int, count: int) -> bytes:
        try:
            return b"".join(self.store.stream(self.file, offset, count))
        except StoreError as error:
            raise GgufError.of(self.place, str(error)) from None


def header_of(store: Store, manifest: Manifest) -> Header:
    """The header of a set of weights, of which the store reads no tensor.

    Raises GgufError naming every shard that is missing, damaged or another model's.
    """
    files = sorted(manifest.files, key=lambda file: file.path)
    sources = [
        _FileInStore(store, file, f"{manifest.name}/{file.path}")
        for file in files
        if file.path.endswith(".gguf")
    ]
    if not sources:
        raise GgufError.of(manifest.name, "expected a set with GGUF files, found none in it")
    return read_files(sources)
