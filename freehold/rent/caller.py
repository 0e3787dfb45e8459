"""This machine's public address, for `open_to: caller`: the only one that a port is opened to."""

from __future__ import annotations

import http.client
import ipaddress
import urllib.request

from freehold.errors import FreeholdError

ASKED = "https://checkip.amazonaws.com"
TIMEOUT_S = 10.0
PLACE = "freehold:rented.open_to"

_ADDRESS_CHARACTERS = 45  # of the longest IPv6 address, RFC 4291 2.2
_HINT = 'give it as a network: freehold:rented.open_to: ["198.51.100.7/32"]'


def caller_network(url: str = ASKED, timeout_s: float = TIMEOUT_S) -> str:
    """The network of this one address, such as 203.0.113.9/32, as AWS's own service sees it.

    Raises FreeholdError where nobody says it, or what is said is no public address.
    """
    try:
        with urllib.request.urlopen(url, timeout=timeout_s) as answer:  # noqa: S310 - of our own
            said = answer.read(_ADDRESS_CHARACTERS + 2).decode("ascii", "replace").strip()
    except (OSError, http.client.HTTPException) as error:
        raise FreeholdError.of(
            PLACE, f"expected this machine's public address from {url}, got: {error}", _HINT
        ) from None
    try:
        address = ipaddress.ip_address(said)
    except ValueError:
        raise FreeholdError.of(
            PLACE, f'expected an address from {url}, got "{said}"', _HINT
        ) from None
    if not address.is_global:
        raise FreeholdError.of(PLACE, f"expected a public address from {url}, got {address}", _HINT)
    return f"{address}/{address.max_prefixlen}"
