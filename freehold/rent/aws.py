"""AWS by boto3: one client a service and region, calls that end, errors for a person."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from freehold.errors import FreeholdError

INSTALL = (
    ".venv/bin/pip install 'pulumi-aws>=7.51,<8' 'boto3>=1.44,<2', as pyproject.toml's extra `rent`"
)
CONNECT_TIMEOUT_S = 5
READ_TIMEOUT_S = 30
ATTEMPTS = 5


class AwsError(FreeholdError):
    """What AWS refused, or that it could not be asked.

    `code` is its own word ("UnauthorizedOperation"), "" where there was no answer.
    """

    code: str = ""

    @classmethod
    def coded(cls, code: str, place: str, message: str, hint: str | None = None) -> AwsError:
        """The error of one call."""
        error = cls.of(place, message, hint)
        error.code = code
        return error


class Aws:
    """The account that the user's own AWS configuration names.

    Threads may share it. Each client's calls are retried by botocore where that is safe; a call
    that changes something must be safe to repeat, as one that timed out may have been carried out.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._session: Any = None
        self._clients: dict[tuple[str, str], Any] = {}

    def client(self, service: str, region: str) -> Any:
        """The client of a service ("ec2") in a region. Raises AwsError where boto3 is lacking."""
        with self._lock:
            if (service, region) not in self._clients:
                self._clients[service, region] = self._made(service, region)
            return self._clients[service, region]

    def _made(self, service: str, region: str) -> Any:
        try:
            # Only now: it takes half a second to import, and a stack of owned boxes lacks it.
            import boto3
            from botocore.config import Config
            from botocore.exceptions import BotoCoreError
        except ImportError:
            raise AwsError.of("aws", "expected boto3, found nothing", INSTALL) from None
        config = Config(
            connect_timeout=CONNECT_TIMEOUT_S,
            read_timeout=READ_TIMEOUT_S,
            retries={"mode": "standard", "max_attempts": ATTEMPTS},
            user_agent_appid="freehold",
        )
        try:
            if self._session is None:
                self._session = boto3.session.Session()
            return self._session.client(service, region_name=region, config=config)
        except BotoCoreError as error:
            raise AwsError.of("aws", f"expected a usable configuration, got: {error}") from None


@contextmanager
def calling(place: str) -> Iterator[None]:
    """Turns what boto3 raises within into AwsError; `place` names the call and region."""
    from botocore.exceptions import BotoCoreError, ClientError
    from botocore.parsers import ResponseParserError

    try:
        yield
    except ClientError as error:
        found = error.response.get("Error", {})
        code = str(found.get("Code", ""))
        raise AwsError.coded(code, place, f"{code}: {found.get('Message', '')}") from None
    except ResponseParserError:  # no BotoCoreError: a proxy's page, say
        raise AwsError.of(place, "no answer that is AWS's", "is there a proxy between?") from None
    except BotoCoreError as error:
        raise AwsError.of(place, f"no answer: {error}", _HINTS.get(type(error).__name__)) from None


_HINTS = {
    "NoCredentialsError": "aws configure, or set AWS_PROFILE",
    "ProfileNotFound": "aws configure list-profiles shows those that there are",
    "EndpointConnectionError": "is the network up, and the region's name right?",
}
