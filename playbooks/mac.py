"""`fab node.launchd`: what a Mac's launchd needs to serve a model, for you to place there."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import Any

from freehold.errors import FreeholdError
from freehold.render.launchd import (
    SERVER_PLIST_PATH,
    WIRED_PLIST_PATH,
    server_plist,
    wired_plist,
)
from playbooks.executor import task
from playbooks.options import count_of


@task("launchd")
def launchd(
    _c: Any,
    out: str,
    user: str,
    engine: str,
    weights: str,
    key_file: str,
    memory_gib: str,
    limit_mib: str,
    port: str = "8080",
    context_tokens: str = "8192",
) -> None:
    """Write two property lists into --out: the server as --user, on the loopback and with the key
    in --key-file, and the limit of what the GPU may hold, --limit-mib of --memory-gib."""
    for option, path in (("engine", engine), ("weights", weights), ("key-file", key_file)):
        if not path.startswith("/"):
            raise FreeholdError.of(f"--{option}", f'expected an absolute path, got "{path}"')
    words = [engine, "--model", weights, "--host", "127.0.0.1"]
    words += ["--port", str(count_of("--port", port)), "--api-key-file", key_file]
    words += ["--ctx-size", str(count_of("--context-tokens", context_tokens))]
    words += ["--n-gpu-layers", "all", "--metrics", "--no-slots", "--offline"]
    limit, memory = count_of("--limit-mib", limit_mib), count_of("--memory-gib", memory_gib) * 1024
    try:
        wired = wired_plist(limit, memory)
    except ValueError as error:
        raise FreeholdError.of("--limit-mib", str(error)) from None
    log = str(PurePosixPath(key_file).with_name("llama-server.log"))
    texts = {SERVER_PLIST_PATH: server_plist(user, words, log), WIRED_PLIST_PATH: wired}
    Path(out).mkdir(parents=True, exist_ok=True)
    for target, text in texts.items():
        file = Path(out) / Path(target).name
        file.write_text(text)
        print(f"{file}: sudo install -o root -g wheel -m 644 {file} {target}")
