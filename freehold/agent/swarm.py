"""The leg among nodes: each is sent a part of a set, and they give each other the rest.

Said first, a line of JSON: `python`, `machine` and `tools`, by which the sender chooses a build of
libtorrent. Read then: a line with `tool`, its SHA-256, and `tool_bytes`, `ca`, `cert` and `key`
(PEM), and the wheel itself where this node lacks it. Said: `{"cannot": ...}` with the reason, or
`{"listening": PORT, "addresses": [...], "is_guarded": ...}`. Read from then on: frames of pieces,
and of news, `{"peers": [[[ADDRESS, PORT], ...], ...]}`, each of which is all there is of the other
nodes. Said: `+FILE PIECE` or `-FILE PIECE` of a piece that was sent, `=FILE PIECE` of one that came
from another node, `{"from_peers": BYTES}`, `{"told": ...}`. It ends with its stdin.
"""

from __future__ import annotations

import json
import platform
from pathlib import Path
from typing import Any

from freehold.agent.frames import say, stdin
from freehold.agent.order import OrderError
from freehold.agent.staging import Staging
from freehold.agent.swarm_member import SwarmMember
from freehold.agent.swarm_tool import NoSwarmError, keep_tool, load_tool, python_tag, tools


def swarm(folder: str, tools_folder: str) -> None:
    """Take part in a swarm for the set that another process began."""
    staging, kept = Staging.open(folder), Path(tools_folder)
    known = {"python": python_tag(), "machine": platform.machine(), "tools": tools(kept)}
    say(json.dumps(known))
    line = stdin().readline()
    if not line:  # the sender has no build for this node
        return
    try:
        head: dict[str, Any] = json.loads(line)
        sha256, tool_bytes = str(head["tool"]), int(head["tool_bytes"])
        authority, certificate, key = (str(head[name]) for name in ("ca", "cert", "key"))
    except (ValueError, KeyError, TypeError):
        raise OrderError("expected the head of a swarm, got something else") from None
    try:
        if tool_bytes:
            keep_tool(kept, sha256, stdin().read(tool_bytes))
        member = SwarmMember(load_tool(kept, sha256), staging, authority)
        member.listen(certificate, key)
    except NoSwarmError as error:
        say(json.dumps({"cannot": str(error)}))
        return
    try:
        member.run(stdin())
    finally:
        member.close()
