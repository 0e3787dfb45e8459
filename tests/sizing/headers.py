"""Headers of synthetic models, without files."""

from __future__ import annotations

from typing import Any

from freehold.gguf.header import Header
from freehold.gguf.tensor import Tensor
from tests.engine.models import Model


def header_of(model: Model, **keys: Any) -> Header:
    """What a file of it would say. `keys` change the metadata (`__` stands for a point); None
    takes a key away."""
    metadata = {f"{model.arch}.{name}": value for name, value in model.keys().items()}
    for name, value in keys.items():
        metadata[f"{model.arch}.{name.replace('__', '.')}"] = value
    metadata = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in metadata.items()
        if value is not None
    }
    metadata["general.architecture"] = model.arch
    tensors = (Tensor(name, shape, model.type_of(name, shape)) for name, shape in model.tensors())
    return Header("synthetic.gguf", metadata, tuple(tensors))
