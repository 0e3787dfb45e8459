"""Values of a file that fit no type, kept until a type refuses them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Unfit:
    """A value that fits no type, and why: what an error shows of it, and its hint."""

    shown: str
    hint: str | None = None


class Encrypted(Unfit):
    """What Pulumi encrypted: `{secure: ...}`."""


class Switch(Unfit):
    """Plain yes, no, on or off: true or false by YAML 1.1, text by YAML 1.2, as Pulumi reads it.

    A key whose words include one of them takes it as that word.
    """


ENCRYPTED = Encrypted("a secret", "only freehold:api_key may be a secret")
NOTHING = Unfit("nothing")
TAGGED = Unfit("a value with a YAML tag (!)", "remove the tag, or quote text")
