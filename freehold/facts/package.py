"""What dpkg knows of one package of the distribution, and whether Freehold brought it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from freehold.facts.fact import Fact, every, field, quote

MARKS = "/var/lib/freehold/packages"
"""A file by the name of each package that Freehold installed, with all that came with it."""

INSTALLED = "installed"
ABSENT = "not-installed"


@dataclass(frozen=True)
class PackageFacts:
    """`status` is dpkg's own word (dpkg-query(1), db:Status-Status): `half-configured` is what an
    install leaves that was killed."""

    status: str
    version: str | None
    is_held: bool
    is_ours: bool
    """Whether Freehold installed it; else it is the owner's, and stays."""
    units_on: tuple[str, ...]
    """Of the units that were asked for, those that run or start at boot."""
    has_dpkg: bool = True

    @property
    def is_installed(self) -> bool:
        """Whether it is there, whole."""
        return self.status == INSTALLED


def package_fact(name: str, units: Sequence[str] = ()) -> Fact[PackageFacts]:
    """Of the package `name`, and of those of its `units` that are on."""
    n, mark = quote(name), quote(f"{MARKS}/{name}")
    form = "'known=${db:Status-Want} ${db:Status-Status} ${Version}\\n'"
    lines = [
        "command -v dpkg-query >/dev/null || { echo dpkg=no; exit 0; }",
        "echo dpkg=yes",
        # 1 is "no such package"; 2 is a database that cannot be read (dpkg-query(1)).
        f"dpkg-query -W -f={form} {n} 2>/dev/null || [ $? = 1 ] || "
        f"{{ dpkg-query -W {n} 2>&1; exit 1; }}",
        f"if [ -e {mark} ]; then echo ours=yes; else echo ours=no; fi",
    ]
    for unit in units:
        u = quote(unit)
        lines.append(
            f"if systemctl is-enabled -q {u} 2>/dev/null || systemctl is-active -q {u}; "
            f"then echo on={u}; fi"
        )
    return Fact(f"package {name}", "\n".join([*lines, "true"]), _parse)


def _parse(text: str) -> PackageFacts:
    if field(text, "dpkg") == "no":
        return PackageFacts(ABSENT, None, False, False, (), has_dpkg=False)
    # A line for each architecture that is known of; the one that is installed counts.
    known = [_status(line) for line in every(text, "known")] or [("unknown", ABSENT, None)]
    want, status, version = min(known, key=lambda each: each[1] != INSTALLED)
    is_ours = {"yes": True, "no": False}[field(text, "ours")]
    return PackageFacts(status, version, want == "hold", is_ours, every(text, "on"))


def _status(line: str) -> tuple[str, str, str | None]:
    want, status, *version = line.split()
    return want, status, version[0] if version else None
