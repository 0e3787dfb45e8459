"""An engine build of this machine, and what it says of a layout."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from freehold.account.account import Account
from freehold.account.account_lines import account_lines
from freehold.account.ask import ask_engine, asked_flags
from freehold.account.attest import differences
from freehold.account.compare import compare_totals
from freehold.errors import FreeholdError
from freehold.gguf.header import Header
from freehold.hosts.host import Host
from freehold.render.engine_flags import known_flags
from freehold.sizing.layout import Layout
from freehold.sizing.planned import Planned
from freehold.weights.manifest import Kind
from freehold.weights.put import ask_help
from playbooks.sets import store_of
from playbooks.size_answer import Answered
from playbooks.size_model import Subject

ENTRY = "llama-server"


@dataclass(frozen=True)
class Build:
    """`entry` is its llama-server, on the host that is asked."""

    entry: str
    flags: frozenset[str]


@contextlib.contextmanager
def build_of(text: str, store: str) -> Iterator[Build]:
    """The path of a llama-server or of its folder, or the name of a build of the store.

    The latter is unpacked for as long as the block lasts. Raises FreeholdError for neither.
    """
    path = Path(text).expanduser()
    if "/" in text or path.exists():
        entry = path / ENTRY if path.is_dir() else path
        if not entry.is_file():
            raise FreeholdError.of("--engine", f"expected a llama-server, found none at {entry}")
        yield Build(str(entry.absolute()), known_flags(ask_help(entry)))
        return
    folder = store_of(store)
    manifest = folder.manifest(Kind.ENGINE, text)
    with tempfile.TemporaryDirectory(prefix="freehold-engine-", dir="/var/tmp") as unpacked:
        root = Path(unpacked)
        root.chmod(0o755)  # the engine is not asked as root
        for file in manifest.files:
            target = root / file.path
            target.parent.mkdir(parents=True, exist_ok=True)
            with target.open("wb") as out:
                out.writelines(folder.read(file))
            target.chmod(0o755 if file.executable else 0o644)
        entry = root / manifest.entry
        yield Build(str(entry), known_flags(manifest.engine_help or ""))


def confirmed(said: Answered, host: Host, build: Build, subject: Subject) -> Answered:
    """`said` with the engine's own account of its layout, and every way in which it differs."""
    if said.layout is None:
        return said
    planned = Planned.of(said.layout, build.flags)
    header = _require_header(subject)
    account = ask_engine(host, build.entry, header, asked_flags(planned))
    problems = differences(planned, account, host.name)
    return replace(
        said,
        lines=[*said.lines, "", *account_lines(said.layout, account), *map(str, problems)],
        data={**said.data, "account": _account_json(said.layout, account)},
    )


def _require_header(subject: Subject) -> Header:
    if subject.header is None:
        raise FreeholdError.of(
            "--ask-engine",
            "expected the header of the model's files, the catalogue has none",
            "--model takes the path or the URL of their first shard",
        )
    return subject.header


def _account_json(layout: Layout, account: Account) -> list[dict[str, Any]]:
    return [
        {
            "device": row.device,
            "part": row.part,
            "planned_bytes": row.planned_bytes,
            "engine_bytes": row.found_bytes,
            "difference_bytes": row.difference_bytes,
        }
        for row in compare_totals(layout, account)
    ]
