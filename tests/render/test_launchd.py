"""A Mac's property lists: goldens, read back by plistlib, by the rules of plutil and launchd."""

from __future__ import annotations

import plistlib
import re
from pathlib import Path

import pytest

from freehold.render.launchd import server_plist, wired_plist

GOLDENS = Path(__file__).with_name("mac")
WORDS = (
    "/Users/Shared/freehold/llama-server",
    "--model",
    "/Users/Shared/freehold/a & b.gguf",
    "--api-key-file",
    "/Users/Shared/freehold/api-key",
    "--chat-template-kwargs",
    '{"reasoning_effort": "<high>"}',
)
LISTS = {
    "llama-server.plist": server_plist("ada", WORDS, "/Users/Shared/freehold/server.log"),
    "wired-limit.plist": wired_plist(491_520, memory_mb=524_288),
}
# Of launchd.plist(5): each key's type.
TYPES = {
    "Label": str, "UserName": str, "ProgramArguments": list, "RunAtLoad": bool, "KeepAlive": dict,
    "ThrottleInterval": int, "ExitTimeOut": int, "ProcessType": str, "Umask": int,
    "StandardOutPath": str, "StandardErrorPath": str,
}  # fmt: skip


@pytest.mark.parametrize("name", LISTS)
def test_a_list_is_as_its_golden(name: str) -> None:
    assert LISTS[name] == (GOLDENS / name).read_text()


@pytest.mark.parametrize("name", LISTS)
def test_a_list_is_one_that_launchd_takes(name: str) -> None:
    found = plistlib.loads(LISTS[name].encode(), fmt=plistlib.FMT_XML)
    assert all(type(value) is TYPES[key] for key, value in found.items())
    assert found["Label"].startswith("freehold.")
    assert found["ProgramArguments"][0].startswith("/")
    keys = re.findall(r"<key>(.*?)</key>", LISTS[name])
    assert len(keys) == len(set(keys))  # plutil -lint refuses a key that is there twice


def test_every_word_comes_through_as_it_was() -> None:
    found = plistlib.loads(LISTS["llama-server.plist"].encode())
    assert tuple(found["ProgramArguments"]) == WORDS
    assert (found["UserName"], found["Umask"]) == ("ada", 0o77)


@pytest.mark.parametrize("limit_mb", [0, -1, 524_288, 520_000])
def test_a_limit_that_leaves_the_system_nothing_is_refused(limit_mb: int) -> None:
    with pytest.raises(ValueError, match="expected a limit of at most 516096 MiB"):
        wired_plist(limit_mb, memory_mb=524_288)
