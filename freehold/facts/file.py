"""What lies at one path of a box."""

from __future__ import annotations

import base64
from dataclasses import dataclass

from freehold.facts.fact import Fact, quote

READ_BYTES = 1 << 20  # what Freehold places is text of a few kB; more than this is not read


@dataclass(frozen=True)
class FileFacts:
    """`mode` is octal text such as "0644"; `content` is cut after READ_BYTES."""

    mode: str
    owner: str
    content: bytes


def file_fact(path: str) -> Fact[FileFacts | None]:
    """The regular file at `path`; None where nothing is; a link or a folder there raises."""
    p = quote(path)
    script = (
        f"if [ -L {p} ] || {{ [ -e {p} ] && [ ! -f {p} ]; }}; then "
        f"echo 'expected a file, found:'; stat -c %F {p}; exit 1; fi\n"
        f"[ -e {p} ] || {{ echo absent; exit 0; }}\n"
        f"stat -c '0%a %U:%G' {p} && head -c {READ_BYTES} {p} | base64 -w 0"
    )
    return Fact(path, script, _parse)


def _parse(text: str) -> FileFacts | None:
    if text.strip() == "absent":
        return None
    status, _, content = text.partition("\n")
    mode, owner = status.split()
    return FileFacts(mode, owner, base64.b64decode(content, validate=True))
