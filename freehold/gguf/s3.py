"""A file in an S3 bucket (AWS, or any store that speaks its protocol), read by ranges."""

from __future__ import annotations

from typing import Any

from freehold.gguf.error import GgufError

CONNECT_TIMEOUT_S, READ_TIMEOUT_S, ATTEMPTS = 10, 30, 3


class S3Source:
    """`client` is of `s3_client`; several sources may share it, from several threads."""

    def __init__(self, client: Any, bucket: str, key: str) -> None:
        self._client, self._bucket, self._key = client, bucket, key
        self.place = f"s3://{bucket}/{key}"
        self._size: int | None = None

    def size_bytes(self) -> int | None:
        """See ByteSource.size_bytes."""
        return self._size

    def read(self, offset: int, count: int) -> bytes:
        """See ByteSource.read."""
        from botocore.exceptions import BotoCoreError, ClientError  # there is a client of it

        byte_range = f"bytes={offset}-{offset + count - 1}"
        try:
            answer = self._client.get_object(Bucket=self._bucket, Key=self._key, Range=byte_range)
            data: bytes = answer["Body"].read(count)
        except ClientError as error:
            code = error.response.get("Error", {}).get("Code", "")
            if code == "InvalidRange":  # the file ends before `offset`
                return b""
            raise self._wrong(f"{code}: {error.response['Error'].get('Message', '')}") from None
        except (BotoCoreError, OSError) as error:
            raise self._wrong(str(error)) from None
        self._size = int(answer["ContentRange"].rpartition("/")[2])
        return data

    def _wrong(self, found: str) -> GgufError:
        hint = "credentials, region and endpoint come from the environment and ~/.aws, as for aws"
        return GgufError.of(self.place, f"expected the file, got {found}", hint)


def s3_client() -> Any:
    """By the environment's credentials, region and AWS_ENDPOINT_URL.

    Raises GgufError where boto3 is not installed, or not configured as it should be.
    """
    try:
        import boto3
        from botocore.config import Config
        from botocore.exceptions import BotoCoreError
    except ImportError:
        raise GgufError.of(
            "s3://",
            "expected the Python package boto3, found none",
            ".venv/bin/pip install boto3 (it is of the extra `rent`)",
        ) from None
    config = Config(
        connect_timeout=CONNECT_TIMEOUT_S,
        read_timeout=READ_TIMEOUT_S,
        retries={"max_attempts": ATTEMPTS, "mode": "standard"},
    )
    try:
        return boto3.session.Session().client("s3", config=config)
    except (BotoCoreError, ValueError) as error:
        raise GgufError.of("s3://", f"expected AWS's configuration, got {error}") from None
