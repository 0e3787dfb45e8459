"""A secret of the stack, which never shows itself."""

from __future__ import annotations

import hmac
from typing import Any

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

from freehold.errors import FreeholdError


class Secret:
    """A value that is set; it is known only where Pulumi decrypted it.

    It does not show in repr, str, errors, dumps or pickles: `reveal` is the one way to it.
    """

    __slots__ = ("_value",)

    def __init__(self, value: str | None = None) -> None:
        self._value = value

    @property
    def is_decrypted(self) -> bool:
        """Whether `reveal` has a value to give."""
        return self._value is not None

    def reveal(self) -> str:
        """The value. Raises FreeholdError outside the Pulumi program, where it stays encrypted."""
        if self._value is None:
            raise FreeholdError.of(
                "secret",
                "it is set, and encrypted here: only the Pulumi program has its value",
                "pulumi config get freehold:api_key",
            )
        return self._value

    def __repr__(self) -> str:
        return "Secret(***)" if self.is_decrypted else "Secret(set, not decrypted)"

    __str__ = __repr__

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        if self._value is None or other._value is None:
            return self._value is other._value
        return hmac.compare_digest(self._value.encode(), other._value.encode())

    __hash__ = None  # type: ignore[assignment]  # a hash would be a fingerprint of the value

    def __reduce__(self) -> Any:
        raise TypeError("a Secret is not pickled")

    @classmethod
    def __get_pydantic_core_schema__(
        cls, _source: type[Any], _handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.is_instance_schema(
            cls, serialization=core_schema.plain_serializer_function_ser_schema(repr)
        )
