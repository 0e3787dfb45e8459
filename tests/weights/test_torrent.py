"""The .torrent of a set, as libtorrent reads, checks and would have made it."""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path
from typing import Any

import libtorrent
import pytest

from freehold.agent.merkle import PIECE_BYTES_MIN, TreeBuilder, layer_root, piece_bytes_of
from freehold.weights.manifest import FileEntry, Kind, Manifest
from freehold.weights.torrent import bencode, torrent_of
from tests.deadline import in_time

PIECE = PIECE_BYTES_MIN
LEAF = 16 << 10
SIZES = {
    "empty": 0,
    "one-byte": 1,
    "a-leaf-less-one": LEAF - 1,
    "a-leaf": LEAF,
    "three-leaves": 3 * LEAF,
    "a-piece-less-one": PIECE - 1,
    "a-piece": PIECE,
    "a-piece-and-one": PIECE + 1,
    "nested/in/folders/two-pieces": 2 * PIECE,
    "nested/three-pieces-and-some": 3 * PIECE + 5 * LEAF + 7,
    "nested/in/last": 2 * PIECE + LEAF,
}


def entry(path: str, content: bytes, executable: bool = False) -> tuple[FileEntry, bytes]:
    builder = TreeBuilder(len(content))
    builder.update(content)
    layer = builder.finish()
    root = layer_root(layer, piece_bytes_of(len(content)), len(content)).hex()
    sha256 = hashlib.sha256(content).hexdigest()
    return FileEntry(path, len(content), sha256, root, executable), layer


class Set:
    """Files on the disk under FOLDER/NAME, as a v2 client wants them, and their torrent."""

    def __init__(self, folder: Path, name: str, sizes: dict[str, int]) -> None:
        self.folder, self.layers = folder, {}
        entries = []
        for path, size in sizes.items():
            content = os.urandom(size)
            (folder / name / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / name / path).write_bytes(content)
            file, self.layers[file.pieces_root] = entry(path, content)
            entries.append(file)
        self.manifest = Manifest(Kind.WEIGHTS, name, entries[0].path, tuple(entries))
        self.torrent = torrent_of(self.manifest, self.layers)

    def path(self, file: str) -> Path:
        return self.folder / self.manifest.name / file


@pytest.fixture
def files(tmp_path: Path) -> Set:
    return Set(tmp_path, "glm", SIZES)


def info_of(content: bytes) -> libtorrent.torrent_info:
    return libtorrent.torrent_info(libtorrent.bdecode(content))


def files_of(info: libtorrent.torrent_info) -> dict[str, int]:
    """Path and size of each file but the padding, by which libtorrent counts."""
    layout = info.layout()
    return {
        layout.file_path(i): layout.file_size(i)
        for i in range(layout.num_files())
        if not layout.file_flags(i) & libtorrent.file_flags_t.flag_pad_file
    }


def recheck(content: bytes, folder: Path) -> list[bool]:
    """Which pieces a libtorrent that was handed the files finds whole."""
    session = libtorrent.session(
        {
            "listen_interfaces": "127.0.0.1:0",
            "alert_mask": libtorrent.alert.category_t.all_categories,
            **dict.fromkeys(("enable_dht", "enable_lsd", "enable_upnp", "enable_natpmp"), False),
        }
    )
    wanted: Any = libtorrent.add_torrent_params()
    wanted.ti, wanted.save_path = info_of(content), str(folder)
    handle = session.add_torrent(wanted)

    def is_checked() -> bool:
        session.wait_for_alert(200)
        alerts = session.pop_alerts()
        return any(isinstance(alert, libtorrent.torrent_checked_alert) for alert in alerts)

    assert in_time(is_checked)
    status = handle.status()
    assert status.errc.value() == 0
    return [handle.have_piece(piece) for piece in range(wanted.ti.num_pieces())]


def test_libtorrent_reads_the_sets_files_from_it(files: Set) -> None:
    info = info_of(files.torrent.content)
    assert files_of(info) == {f"glm/{path}": size for path, size in SIZES.items()}
    assert (info.name(), info.piece_length()) == ("glm", files.manifest.piece_bytes)
    assert info.priv()
    assert set(libtorrent.bdecode(files.torrent.content)) == {b"info", b"piece layers"}
    assert info.info_hashes().has_v2()
    assert not info.info_hashes().has_v1()
    assert str(info.info_hashes().v2) == files.torrent.info_hash


def test_libtorrent_would_have_made_the_same(files: Set) -> None:
    """The same info dictionary, hence the same info-hash, from the files themselves."""
    theirs = made_by_libtorrent(files)
    assert libtorrent.bencode(theirs[b"info"]) == info_of(files.torrent.content).info_section()
    assert theirs[b"piece layers"] == libtorrent.bdecode(files.torrent.content)[b"piece layers"]


def made_by_libtorrent(files: Set) -> dict[bytes, Any]:
    listed = [
        libtorrent.create_file_entry(f"glm/{path}", size) for path, size in sorted(SIZES.items())
    ]
    maker = libtorrent.create_torrent(
        listed, files.manifest.piece_bytes, libtorrent.create_torrent.v2_only
    )
    maker.set_priv(True)
    libtorrent.set_piece_hashes(maker, str(files.folder))
    made: dict[bytes, Any] = maker.generate()
    return made


def test_a_recheck_of_the_files_finds_every_piece(files: Set) -> None:
    found = recheck(files.torrent.content, files.folder)
    assert len(found) == sum(-(-size // PIECE) for size in SIZES.values())
    assert all(found)


@pytest.mark.parametrize("path", [path for path, size in SIZES.items() if size])
@pytest.mark.parametrize("where", ["first", "last"])
def test_a_flipped_byte_fails_the_one_piece_it_lies_in(files: Set, path: str, where: str) -> None:
    content = bytearray(files.path(path).read_bytes())
    content[0 if where == "first" else -1] ^= 1
    files.path(path).write_bytes(content)
    assert recheck(files.torrent.content, files.folder).count(False) == 1


def test_a_missing_file_fails_alone(files: Set) -> None:
    files.path("nested/in/folders/two-pieces").unlink()
    assert recheck(files.torrent.content, files.folder).count(False) == 2


def test_files_of_a_set_whose_pieces_are_longer_than_their_own_are_still_proven(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As beside a shard of 300 GB; here the pieces double from one MiB on."""
    monkeypatch.setattr("freehold.agent.merkle.PIECE_BYTES_MIN", 1 << 20)
    monkeypatch.setattr("freehold.agent.merkle.PIECES_WANTED", 4)
    sizes = {"large": 9 << 20, "middle": (4 << 20) + 1, "below": (4 << 20) - 1, "small": 5}
    files = Set(tmp_path, "m", sizes)
    lengths = {piece_bytes_of(size) for size in sizes.values()}
    assert lengths == {1 << 20, 2 << 20, 4 << 20}
    assert files.manifest.piece_bytes == 4 << 20
    assert all(recheck(files.torrent.content, tmp_path))


def test_one_file_alone_lies_in_no_folder(tmp_path: Path) -> None:
    files = Set(tmp_path, "m", {"m.gguf": PIECE + 1})
    assert files_of(info_of(files.torrent.content)) == {"m.gguf": PIECE + 1}
    assert recheck(files.torrent.content, tmp_path / "m") == [True, True]


def test_one_file_in_a_folder_lies_in_the_sets_too(tmp_path: Path) -> None:
    files = Set(tmp_path, "m", {"q4/m.gguf": 5})
    assert files_of(info_of(files.torrent.content)) == {"m/q4/m.gguf": 5}
    assert recheck(files.torrent.content, tmp_path) == [True]


def test_a_certificate_authority_makes_another_torrent(files: Set) -> None:
    private = torrent_of(files.manifest, files.layers, ca_pem=b"-----BEGIN CERTIFICATE-----\n")
    info = libtorrent.bdecode(private.content)[b"info"]
    assert info[b"ssl-cert"] == b"-----BEGIN CERTIFICATE-----\n"
    assert private.info_hash != files.torrent.info_hash


def test_a_program_stays_one() -> None:
    file, _ = entry("llama-server", b"x", executable=True)
    made = torrent_of(Manifest(Kind.ENGINE, "e", file.path, (file,)), {})
    layout = info_of(made.content).layout()
    assert layout.file_flags(0) == libtorrent.file_flags_t.flag_executable


@pytest.mark.parametrize("size", [0, 5])
def test_a_set_of_equal_files_holds_each(tmp_path: Path, size: int) -> None:
    """One root for both; two empty files have none."""
    files = Set(tmp_path, "m", {"a": PIECE * 2, "b": size})
    shutil.copy(files.path("a"), files.path("c"))
    shutil.copy(files.path("b"), files.path("d"))
    twice = [
        *files.manifest.files,
        *(entry(path, files.path(path).read_bytes())[0] for path in "cd"),
    ]
    made = torrent_of(Manifest(Kind.WEIGHTS, "m", "a", tuple(twice)), files.layers)
    assert all(recheck(made.content, tmp_path))


@pytest.mark.parametrize(
    "value",
    [0, -5, b"", b"spam", {}, {b"b": 1, b"a": {b"": b"x", b"B": {}}}, {b"\xff": 1, b"a": 2}],
)
def test_what_is_encoded_is_what_libtorrent_decodes(value: Any) -> None:
    encoded = bencode(value)
    assert libtorrent.bdecode(encoded) == value
    assert libtorrent.bencode(value) == encoded
