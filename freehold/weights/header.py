"""What the store's own files say of the model that a set holds."""

from __future__ import annotations

from freehold.gguf.error import GgufError
from freehold.gguf.header import Header
from freehold.gguf.read import read_files
from freehold.gguf.source import FileSource
from freehold.weights.manifest import Manifest
from freehold.weights.store import FolderStore


def header_of(store: FolderStore, manifest: Manifest) -> Header:
    """The header of a set of weights, of which the store reads no tensor.

    Raises GgufError naming every shard that is missing, damaged or another model's.
    """
    files = sorted(manifest.files, key=lambda file: file.path)
    sources = [
        FileSource(store.path_of(file), f"{manifest.name}/{file.path}")
        for file in files
        if file.path.endswith(".gguf")
    ]
    if not sources:
        raise GgufError.of(manifest.name, "expected a set with GGUF files, found none in it")
    return read_files(sources)
