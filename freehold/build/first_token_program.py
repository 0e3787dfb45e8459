"""Runs on a node, by its own Python: start a llama-server, ask it once, print what it said, end it.

Arguments: the llama-server, the model.
"""

import http.client
import json
import subprocess
import sys
import tempfile
import time
from typing import Optional

PORT = 8080  # of a network that is this program's alone
BODY = {"prompt": "The capital of France is", "n_predict": 4, "temperature": 0}
LOG_BYTES = 4000


def ask(method: str, path: str, body: Optional[str] = None) -> "tuple[int, str]":
    """Status and text of the answer. Raises OSError or HTTPException."""
    client = http.client.HTTPConnection("127.0.0.1", PORT, timeout=120)
    client.request(method, path, body, {"Content-Type": "application/json"})
    answer = client.getresponse()
    return answer.status, answer.read().decode("utf-8", "replace")


def answer_of(process: "subprocess.Popen[bytes]") -> "tuple[int, str]":
    """Of the first request, once it has loaded; of its end, 0."""
    status, text = 0, "it ended"
    while process.poll() is None and status != 200:
        try:
            status, text = ask("GET", "/health")
        except (OSError, http.client.HTTPException):
            time.sleep(0.1)
    if status != 200:
        return 0, text
    try:
        return ask("POST", "/completion", json.dumps(BODY))
    except (OSError, http.client.HTTPException) as error:
        return 0, str(error)


def main(server: str, model: str) -> int:
    """The exit code; the server's last lines are on stderr where it is not 0."""
    listens = ["--host", "127.0.0.1", "--port", str(PORT), "--ctx-size", "512"]
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen([server, "--model", model, *listens], stdout=log, stderr=log)
        status, text = answer_of(process)
        process.kill()
        process.wait()
        if status == 200:
            print(text)
            return 0
        log.seek(0)
        said = log.read().decode("utf-8", "replace")[-LOG_BYTES:]
        sys.stderr.write(f"{said}\n{text}\n")
        return 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
