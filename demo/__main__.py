"""`make demo`: from nothing to a served token on a lab box. `make demo-down`: and back."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import openai
from rich.console import Console

from demo.parts import fill_store
from demo.place import FOLDER, LAB, ROOT, STACK, STACK_FILE, STORE, environment, prepare
from freehold import lab
from freehold.errors import FreeholdError

QUESTION = "What is the capital of France? Answer in one sentence."
console = Console(highlight=False)
stages: list[tuple[str, float]] = []


def main() -> int:
    """Run `up` or `down`; the exit code."""
    verbs = {"up": up, "down": down}
    if len(sys.argv) != 2 or sys.argv[1] not in verbs:
        console.print("usage: python -m demo up|down")
        return 2
    try:
        verbs[sys.argv[1]]()
    except FreeholdError as error:
        console.print(f"\n{error}", style="red", markup=False, soft_wrap=True)
        return 1
    except KeyboardInterrupt:
        console.print("\nstopped; `make demo` goes on from here, `make demo-down` removes it")
        return 130
    return 0


def up() -> None:
    """Store, box, preview, up, a question; each told with its time."""
    reason = lab.unsupported()
    if reason is not None:
        raise FreeholdError.of(
            "demo",
            f"lab boxes cannot run on this machine: {reason}",
            "all else works here, against hosts of your own: see README.md, 'On your own box'",
        )
    prepare()
    with stage("store: a small real model and engine"):
        fill_store(STORE, say)
    with stage("lab: a Debian box with systemd and sshd"):
        lab.up(STACK, 1, state_dir=LAB, on_progress=say)
    with stage("pulumi preview"):
        pulumi("stack", "select", "--create", STACK)
        unlock()
        pulumi("preview")
    with stage("pulumi up"):
        pulumi("up", "--yes", "--skip-preview")
    with stage("first answer"):
        endpoint, key = outputs()
        ask(endpoint, key)
    tell(endpoint)


def down() -> None:
    """Destroy the stack, then everything that the demo made."""
    if STACK_FILE.exists() and FOLDER.exists():
        boxes = [found for found in lab.list_labs(LAB) if found.name == STACK]
        if boxes:
            unlock()
            if not pulumi("destroy", "--yes", "--skip-preview", must_succeed=False):
                say("the stack could not be destroyed; its box goes with the lab")
    lab.down(STACK, LAB)
    STACK_FILE.unlink(missing_ok=True)
    if FOLDER.exists():
        shutil.rmtree(FOLDER)
    say("the demo is gone: box, network, state and its own store")


def ask(endpoint: str, key: str) -> None:
    """One question, streamed, with the client that users have."""
    console.print(f"[bold]> {QUESTION}[/bold]")
    client = openai.OpenAI(base_url=endpoint, api_key=key)
    answer = client.chat.completions.create(
        model="smollm2-135m",
        messages=[{"role": "user", "content": QUESTION}],
        max_tokens=64,
        temperature=0,
        stream=True,
    )
    for chunk in answer:
        if chunk.choices:
            console.print(chunk.choices[0].delta.content or "", end="", markup=False)
    console.print()


def outputs() -> tuple[str, str]:
    """The endpoint and the API key of the demo's node."""
    command = ["pulumi", "stack", "output", "--json", "--show-secrets"]
    shown = subprocess.run(command, cwd=ROOT, env=environment(), capture_output=True, check=True)
    found = json.loads(shown.stdout)
    return found["endpoints"]["demo-1"], found["api_key"]


def unlock() -> None:
    """Free the stack of an engine that was killed; one that is at work keeps its lock."""
    locks = (FOLDER / "state").glob(".pulumi/locks/**/*.json")
    pids = [json.loads(lock.read_text())["pid"] for lock in locks]
    if pids and not any(map(is_engine, pids)):
        pulumi("cancel", "--yes")


def is_engine(pid: int) -> bool:
    """Whether that process is an engine at work: the number may be another's by now."""
    try:
        return b"pulumi" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


def pulumi(*arguments: str, must_succeed: bool = True) -> bool:
    """Run the engine on the demo's stack, its output as it comes."""
    engine = subprocess.Popen(["pulumi", *arguments], cwd=ROOT, env=environment())
    try:
        code = engine.wait()
    except KeyboardInterrupt:
        engine.wait()  # the terminal told it too: it ends in order, and gives its lock back
        raise
    if code and must_succeed:
        raise FreeholdError.of("demo", f"pulumi {arguments[0]}: exit {code}")
    return code == 0


@contextmanager
def stage(title: str) -> Iterator[None]:
    """Announce a stage, and keep how long it took."""
    console.rule(f"[bold]{title}", align="left")
    began = time.monotonic()
    yield
    stages.append((title, time.monotonic() - began))


def tell(endpoint: str) -> None:
    """The times, and what to try next."""
    console.rule("[bold]times", align="left")
    for title, took_s in [*stages, ("all", sum(took_s for _, took_s in stages))]:
        console.print(f"{took_s:7.1f} s  {title}")
    console.rule("[bold]try next", align="left")
    text = Path(__file__).with_name("next.txt").read_text()
    shown = text.format(endpoint=endpoint, stack_file=STACK_FILE.relative_to(ROOT))
    console.print(shown, markup=False, soft_wrap=True, end="")


def say(line: str) -> None:
    """A line of progress."""
    console.print(line, markup=False, soft_wrap=True)


if __name__ == "__main__":
    sys.exit(main())
