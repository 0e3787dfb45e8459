"""A new instance's SSH host keys, from its console: known before the first session."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_ssh_public_key

from freehold.rent.aws import Aws, AwsError, calling
from freehold.rent.launched import UnfinishedError

BEGIN = "-----BEGIN SSH HOST KEY KEYS-----"
END = "-----END SSH HOST KEY KEYS-----"
"""Source: cloud-init's tool write-ssh-key-fingerprints, which its module keys_to_console runs."""

TIMEOUT_S = 600
"""A machine of eight GPUs counts its memory for minutes before anything else."""
POLL_S = 5
SAID_EVERY_S = 30
LAST_LINES = 10

_LINE = re.compile(
    r"(ssh-ed25519|ecdsa-sha2-nistp(?:256|384|521)|ssh-rsa) (AAAA[A-Za-z0-9+/]+={0,2})(?: .*)?"
)
_NO_LATEST = ("UnsupportedOperation", "InvalidParameterCombination")
"""Of instance types that are not Nitro's: their console comes later, and without asking."""


class NoHostKeysError(AwsError):
    """The console showed no host key in time: nothing would tell the instance from another."""


def host_keys(
    aws: Aws,
    region: str,
    instance_id: str,
    *,
    say: Callable[[str], None] = lambda _: None,
    pause: Callable[[float], None] = time.sleep,
    is_gone: Callable[[], bool] = lambda: False,
    is_cancelled: Callable[[], bool] = lambda: False,
    timeout_s: float = TIMEOUT_S,
) -> tuple[str, ...]:
    """The instance's public host keys, "ssh-ed25519 AAAA...", as soon as its console shows them.

    The console is read by the account's own authenticated call, so whoever is between us and the
    instance cannot put another key there. `is_gone` says that the instance has ended, which ends
    the wait. Raises NoHostKeysError after `timeout_s`, with what the console showed last,
    UnfinishedError where the wait is cancelled, and AwsError where AWS cannot be asked.
    """
    waited_s = 0.0
    while True:
        text = console(aws, region, instance_id)
        if found := parsed(text):
            return found
        if waited_s >= timeout_s or is_gone():
            raise _none(region, instance_id, text, waited_s)
        if is_cancelled():
            raise UnfinishedError.of_instance(
                region, instance_id, "cancelled: its host key is not known yet"
            )
        if waited_s % SAID_EVERY_S == 0:
            last = _lines(text)[-1:] or ["nothing yet"]
            say(f"{instance_id}: waiting for its host key ({waited_s:.0f} s); console: {last[0]}")
        pause(POLL_S)
        waited_s += POLL_S


def console(aws: Aws, region: str, instance_id: str) -> str:
    """What the instance has written to its serial console, the last 64 KiB; "" if nothing yet."""
    place = f"{region}: {instance_id}: GetConsoleOutput"
    ec2 = aws.client("ec2", region)
    try:
        with calling(place):
            answer = ec2.get_console_output(InstanceId=instance_id, Latest=True)
    except AwsError as error:
        if error.code not in _NO_LATEST:
            raise
        with calling(place):
            answer = ec2.get_console_output(InstanceId=instance_id)
    return str(answer.get("Output") or "")


def parsed(text: str) -> tuple[str, ...]:
    """The host keys of the last whole block between cloud-init's markers; empty if there is none.

    Whatever else the console has between them is left out, and so is a key that is not one: each
    is decoded as SSH would.
    """
    for block in reversed(_blocks(text)):
        if found := tuple(dict.fromkeys(key for line in block if (key := _key(line)))):
            return found
    return ()


def _blocks(text: str) -> list[list[str]]:
    """The lines between each pair of markers; an inner BEGIN starts anew, as a new boot does."""
    blocks: list[list[str]] = []
    block: list[str] | None = None
    for line in _lines(text):
        if line.endswith(BEGIN):
            block = []
        elif line.endswith(END) and block is not None:
            blocks.append(block)
            block = None
        elif block is not None:
            block.append(line)
    return blocks


def _lines(text: str) -> list[str]:
    return [line for raw in re.split(r"[\r\n]+", text) if (line := raw.strip())]


def _key(line: str) -> str | None:
    """Type and key without the comment; None where the line is no public key that we trust."""
    match = _LINE.fullmatch(line)
    if match is None:
        return None
    key = f"{match[1]} {match[2]}"
    try:
        load_ssh_public_key(key.encode())
    except (ValueError, UnsupportedAlgorithm):
        return None
    return key


def _none(region: str, instance_id: str, text: str, waited_s: float) -> NoHostKeysError:
    last = "\n".join(_printable(_lines(text)[-LAST_LINES:])) or "(nothing)"
    return NoHostKeysError.of(
        f"{region}: {instance_id}",
        f"expected its SSH host key on its console within {waited_s:.0f} s, found none; "
        f"the console's last lines:\n{last}",
        "the image must run cloud-init; aws ec2 get-console-output --latest --output text "
        f"--region {region} --instance-id {instance_id} shows the whole console",
    )


def _printable(lines: list[str]) -> Iterator[str]:
    """A console's colours and bells are not for another's terminal."""
    return ("".join(c if c.isprintable() else "?" for c in line)[:200] for line in lines)
