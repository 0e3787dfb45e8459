"""One server on loopback for the whole process; a request goes to the world of its access key."""

from __future__ import annotations

import functools
import io
import itertools
import logging
import socket
import threading
from collections.abc import Callable, Iterable
from typing import Protocol

import botocore.session
import moto.settings
from moto.moto_server.werkzeug_app import (
    DomainDispatcherApplication,
    MotoRequestHandler,
    create_backend_app,
)
from werkzeug.serving import make_server
from werkzeug.test import run_wsgi_app

from tests.aws.answer import Answer, Refusal, refused
from tests.aws.call import Call, Environ, call_of
from tests.aws.faults import Dropped

StartResponse = Callable[..., object]

_numbers = itertools.count(1)


class Account(Protocol):
    """Who answers the calls of one access key."""

    def answer(self, call: Call, environ: Environ, body: bytes) -> Answer:
        """Raises Refusal, or Dropped for none."""


def _load_models_once() -> None:
    """botocore reads its models anew for each session (0.3 s for EC2), and each test has one."""
    botocore.session.create_loader = functools.cache(botocore.session.create_loader)


class Server:
    """`endpoint` is its URL. It runs until the process ends."""

    def __init__(self) -> None:
        _load_models_once()
        # A thousand images a region that nobody asks for: a world has its own one.
        moto.settings.ec2_load_default_amis = lambda: False
        self._moto = DomainDispatcherApplication(create_backend_app)
        self._accounts: dict[str, Account] = {}
        logging.getLogger("werkzeug").setLevel(logging.ERROR)
        http = make_server(
            "127.0.0.1", 0, self._application, threaded=True, request_handler=MotoRequestHandler
        )
        http.daemon_threads = True
        self.endpoint = f"http://127.0.0.1:{http.server_port}"
        threading.Thread(target=http.serve_forever, name="aws", daemon=True).start()

    def register(self, account: Account) -> tuple[str, str]:
        """A new account's number and the access key that leads to it."""
        number = next(_numbers)
        key = f"AKIAFREEHOLD{number:08d}"
        self._accounts[key] = account
        return f"1{number:011d}", key

    def forget(self, key: str) -> None:
        """Calls with this key are refused from now on."""
        del self._accounts[key]

    def moto(self, environ: Environ, body: bytes, account: str) -> Answer:
        """moto's own answer."""
        asked = {**environ, "wsgi.input": io.BytesIO(body), "HTTP_X_MOTO_ACCOUNT_ID": account}
        chunks, status, headers = run_wsgi_app(self._moto, asked)
        return Answer(int(status.split()[0]), tuple(headers), b"".join(chunks))

    def _application(self, environ: Environ, start: StartResponse) -> Iterable[bytes]:
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        call = call_of(environ, body)
        if call is None:
            start("403 unsigned", [])
            return [b"expected a signed request"]
        try:
            account = self._accounts.get(call.key)
            if account is None:
                raise Refusal("InvalidClientTokenId", "of a test that has ended", 403)
            answer = account.answer(call, environ, body)
        except Refusal as refusal:
            call.code = refusal.code
            answer = refused(call, refusal)
        except Dropped:
            call.code = "dropped"
            environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)
            raise ConnectionAbortedError from None  # werkzeug then says nothing
        kept = [(k, v) for k, v in answer.headers if k.lower() != "content-length"]
        start(f"{answer.status} .", [*kept, ("Content-Length", str(len(answer.body)))])
        return [answer.body]


@functools.cache
def server() -> Server:
    """The process's own, started when it is first asked for."""
    return Server()
