"""This program itself, as one archive that `python3` runs; every set on a node carries it."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

PROGRAM = ".freehold-agent"
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest that an archive can say: the same bytes each time
_START = (
    "from freehold.agent.main import main\nraise SystemExit(main(__import__('sys').argv[1:]))\n"
)


def program_bytes() -> bytes:
    """The archive that runs now, or one of the package where that runs from its folder."""
    archive = getattr(globals().get("__loader__"), "archive", None)
    if archive is not None:
        return Path(archive).read_bytes()
    package = Path(__file__).parent
    files = {f"freehold/agent/{path.name}": path.read_bytes() for path in package.glob("*.py")}
    files.update({"freehold/__init__.py": b"", "__main__.py": _START.encode()})
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as target:
        for name, content in sorted(files.items()):
            target.writestr(zipfile.ZipInfo(name, _EPOCH), content, zipfile.ZIP_DEFLATED)
    return made.getvalue()
