"""Placed by Freehold. Gives the door's running worker its keys and limits anew, each whole at once.

The workers' run-time interface: HAProxy's management guide, "prepare map" and "commit map".
"""

import pathlib
import socket
import sys

FOLDER = pathlib.Path("/etc/freehold/door")
SOCKET = "/run/freehold-door/admin.sock"
MAPS = ["names.map", "per-minute.map", "at-once.map"]


def ask(command):
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(10)
        client.connect(SOCKET)
        client.sendall(command.encode() + b"\n")
        client.shutdown(socket.SHUT_WR)
        said = b""
        while part := client.recv(65536):
            said += part
    return said.decode().strip()


def renew(path):
    said = ask(f"prepare map {path}")
    version = said.rpartition(" ")[2]
    if not version.isdigit():
        sys.exit(f"{path}: prepare map: {said}")
    for line in path.read_text().splitlines():
        if said := ask(f"add map @{version} {path} {line}"):
            sys.exit(f"{path}: add map: {said}")
    if said := ask(f"commit map @{version} {path}"):
        sys.exit(f"{path}: commit map: {said}")


for name in MAPS:
    renew(FOLDER / name)
