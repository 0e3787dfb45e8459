"""A client of S3, configured as for every other tool: by the environment and ~/.aws."""

from __future__ import annotations

from typing import Any

from freehold.weights.objects import StoreError

CONNECT_TIMEOUT_S, READ_TIMEOUT_S, ATTEMPTS = 10, 60, 3
CONNECTIONS = 16


def bucket_client() -> Any:
    """Raises StoreError where boto3 is not installed, or not configured as it should be.

    One may be used from several threads.
    """
    try:
        import boto3
        from botocore.config import Config
        from botocore.exceptions import BotoCoreError
    except ImportError:
        raise StoreError.of(
            "s3://",
            "expected the Python package boto3, found none",
            ".venv/bin/pip install 'boto3>=1.44,<2' (it is of the extra `rent`)",
        ) from None
    config = Config(
        connect_timeout=CONNECT_TIMEOUT_S,
        read_timeout=READ_TIMEOUT_S,
        max_pool_connections=CONNECTIONS,
        retries={"max_attempts": ATTEMPTS, "mode": "standard"},
        signature_version="s3v4",  # it would presign by version 2, which has no region
    )
    try:
        return boto3.session.Session().client("s3", config=config)
    except (BotoCoreError, ValueError) as error:
        raise StoreError.of("s3://", f"expected AWS's configuration, got {error}") from None
