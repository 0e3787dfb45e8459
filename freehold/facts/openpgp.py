"""The fingerprint of an OpenPGP public key, by Python's own library: it also runs on a box."""

import base64
import hashlib
import sys

PUBLIC_KEY = 6  # RFC 4880, 4.3: the packet's tag


def fingerprint(data):
    # type: (bytes) -> str
    """Of the primary key of version 4 in `data`, binary or armoured: 40 hexadecimal digits.

    Raises ValueError where `data` is anything else, or holds more than one primary key: a keyring
    is trusted as a whole.
    """
    found = [body for tag, body in _packets(_binary(data)) if tag == PUBLIC_KEY]
    if len(found) != 1 or found[0][:1] != b"\x04":
        raise ValueError(f"expected one OpenPGP public key of version 4, found {len(found)}")
    digest = hashlib.sha1(b"\x99" + len(found[0]).to_bytes(2, "big") + found[0])  # noqa: S324
    return digest.hexdigest().upper()  # RFC 4880, 12.2: the format's own hash


def _binary(data):
    # type: (bytes) -> bytes
    if not data.lstrip().startswith(b"-----BEGIN PGP PUBLIC KEY BLOCK-----"):
        return data
    lines = data.decode("ascii").replace("\r", "").strip().split("\n")
    if lines[-1] != "-----END PGP PUBLIC KEY BLOCK-----" or "" not in lines:
        raise ValueError("an armoured key that is cut off")
    body = [line for line in lines[lines.index("") + 1 : -1] if not line.startswith("=")]
    return base64.b64decode("".join(body), validate=True)


def _packets(data):
    # type: (bytes) -> list[tuple[int, bytes]]
    """Tag and body of each packet: RFC 4880, 4.2."""
    found, at = [], 0
    while at < len(data):
        head = data[at]
        if not head & 0x80:
            raise ValueError("not an OpenPGP key")
        if head & 0x40:
            tag, (size, skip) = head & 0x3F, _new_length(data[at + 1 : at + 6])
        else:
            tag, width = (head >> 2) & 0x0F, 1 << (head & 3)
            if width == 8:
                raise ValueError("a packet without a length")
            size, skip = int.from_bytes(data[at + 1 : at + 1 + width], "big"), width
        begin = at + 1 + skip
        at = begin + size
        if at > len(data):
            raise ValueError("a key that is cut off")
        found.append((tag, data[begin:at]))
    return found


def _new_length(head):
    # type: (bytes) -> tuple[int, int]
    """The length that begins there, and how many bytes tell it."""
    if not head or 224 <= head[0] < 255:
        raise ValueError("a packet without a length")
    if head[0] < 192:
        return head[0], 1
    if head[0] < 224 and len(head) > 1:
        return ((head[0] - 192) << 8) + head[1] + 192, 2
    if head[0] == 255 and len(head) > 4:
        return int.from_bytes(head[1:5], "big"), 5
    raise ValueError("a key that is cut off")


if __name__ == "__main__":  # on a box: the fingerprint of what is on stdin
    print(fingerprint(sys.stdin.buffer.read()))
