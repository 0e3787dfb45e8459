"""Run on a box by its own Python: objects of a bucket to a folder, by boto3 as it is used."""

import os
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import boto3
from boto3.s3.transfer import TransferConfig

CONNECTIONS = 4  # for each of so many files at a time


def main(bucket: str, folder: str, pairs: list[str]) -> None:
    """Each of `pairs` is KEY=NAME."""
    # Debian 12's boto3 does not read this variable by itself.
    client = boto3.client("s3", endpoint_url=os.environ["AWS_ENDPOINT_URL_S3"])
    settings = TransferConfig(max_concurrency=CONNECTIONS)
    Path(folder).mkdir(parents=True)

    def fetch(pair: str) -> None:
        key, name = pair.split("=")
        client.download_file(bucket, key, f"{folder}/{name}", Config=settings)

    with ThreadPoolExecutor(CONNECTIONS) as pool:
        list(pool.map(fetch, pairs))


main(sys.argv[1], sys.argv[2], sys.argv[3:])
