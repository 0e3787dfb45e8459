"""The kinds of text a spec is made of, each with the words that refuse what it is not."""

from __future__ import annotations

import ipaddress
import os
import re
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, ValidationInfo
from pydantic_core import PydanticCustomError

from freehold.spec.location import remote_location

NAME_LENGTH_MAX = 100
_DIGITS = re.compile(r"[1-9][0-9]{0,8}")
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]*")

# OpenSSH refuses shell metacharacters in users and hosts, and a leading "-" would be an option.
_USER = r"[A-Za-z0-9_][A-Za-z0-9_.@+-]*"
_HOST = r"[A-Za-z0-9_.:\[][A-Za-z0-9_.:%\[\]-]*"
_DESTINATION = re.compile(rf"(?:ssh://)?(?:{_USER}@)?{_HOST}/?")
_HOST_AND_PORT = re.compile(r"(?:.*@)?[^:@]+:[0-9]+")


def expected(what: str, hint: str = "") -> PydanticCustomError:
    """The error "expected `what`, got ...": the wording adds what was found."""
    context = {"expected": what, "hint": hint}
    return PydanticCustomError("expected", "expected {expected}", context)


def _name(text: str) -> str:
    if not _NAME.fullmatch(text):
        raise expected('a name of a-z, 0-9, ".", "_" and "-" that starts with a letter or digit')
    if len(text) > NAME_LENGTH_MAX:
        raise expected(f"a name of at most {NAME_LENGTH_MAX} characters")
    return text


def _one_line(text: str) -> str:
    if not text.strip() or not text.isprintable():
        raise expected("one line of printable text")
    return text


def _destination(text: str) -> str:
    if not text.startswith("ssh://") and _HOST_AND_PORT.fullmatch(text):
        raise expected("an SSH destination", f"a port is written ssh://{text}")
    if not _DESTINATION.fullmatch(text):
        raise expected("an SSH destination: host, user@host or ssh://user@host:port")
    return text


def _address(text: str) -> str:
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        raise expected("an IP address", "127.0.0.1 is this node alone, 0.0.0.0 all") from None


def _path(value: Any, info: ValidationInfo) -> Any:
    if not isinstance(value, str):
        return value  # a Path is taken as it is; pydantic refuses the rest
    _one_line(value)
    if "://" in value:
        raise expected("a path on this machine")
    if "$" in value:
        raise expected("a path without variables", "write ~ for your home folder")
    path = Path(value)
    if value.startswith("~"):
        try:
            path = path.expanduser()
        except RuntimeError:
            raise expected("a path in a home folder that exists") from None
    root = (info.context or {}).get("root", Path())
    return Path(os.path.normpath(root / path))


def _store(value: Any, info: ValidationInfo) -> Any:
    if not isinstance(value, str):
        return value
    _one_line(value)
    try:
        is_remote = remote_location(value) is not None
    except ValueError as error:
        raise expected(str(error)) from None
    return value.rstrip("/") if is_remote else str(_path(value, info))


def _integer(value: Any) -> Any:
    # "pulumi config set", of whatever key, rewrites a number right under config: as text.
    return int(value) if isinstance(value, str) and _DIGITS.fullmatch(value) else value


Name = Annotated[str, AfterValidator(_name)]
OneLine = Annotated[str, AfterValidator(_one_line)]
Destination = Annotated[str, AfterValidator(_destination)]
Address = Annotated[str, AfterValidator(_address)]
TopLevelInteger = Annotated[int, BeforeValidator(_integer)]
StoreLocation = Annotated[str, BeforeValidator(_store)]
LocalPath = Annotated[Path, BeforeValidator(_path)]
