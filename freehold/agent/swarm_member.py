"""One member of a swarm: libtorrent over the staging folder, fed from stdin and by other nodes."""

from __future__ import annotations

import json
import threading
import time
from typing import Any, BinaryIO

from freehold.agent.frames import read_frames, say
from freehold.agent.merkle import hash_piece
from freehold.agent.order import OrderError
from freehold.agent.staging import Staging
from freehold.agent.swarm_port import Firewall, addresses, free_port
from freehold.agent.swarm_session import DH_PARAMETERS, settings
from freehold.agent.swarm_tool import NoSwarmError
from freehold.agent.swarm_torrent import PieceNumbers, save_path_of, torrent_of

LISTEN_TIMEOUT_S = 10
TURN_S = 1  # between looks at what no alert tells
HELD_BYTES_MAX = 64 << 20  # handed to libtorrent and not yet checked by it
FLUSH_TIMEOUT_S = 60


class SwarmMember:
    """What libtorrent (`lt`) has checked is said at once, and journaled when it is in the file."""

    def __init__(self, lt: Any, staging: Staging, authority: str) -> None:
        self._lt, self._staging, self._order = lt, staging, staging.order
        self._numbers = PieceNumbers.of(staging.order)
        self._port = free_port()
        self._session = lt.session(settings(lt, self._port))
        self._firewall: Firewall | None = None
        params = lt.add_torrent_params()
        params.ti = lt.torrent_info(torrent_of(staging.order, authority))
        params.save_path = save_path_of(staging.order)
        flags = lt.torrent_flags
        params.flags = flags.disable_dht | flags.disable_lsd | flags.disable_pex
        pieces = map(self._numbers.piece, range(self._numbers.count))
        self._has = bytearray(staging.has(*piece) for piece in pieces)
        params.have_pieces = [bool(mark) for mark in self._has]
        self._handle = self._session.add_torrent(params)
        self._peers: list[list[tuple[str, int]]] = []
        self._changed = threading.Condition()
        self._sent: set[int] = set()  # pieces of the sender's that libtorrent has yet to check
        self._has_ended = False
        self._failure: BaseException | None = None
        self._to_note: list[int] = []
        self._noting: list[int] = []
        self._told_bytes = 0

    def listen(self, certificate: str, key: str) -> None:
        """Say which port is open. Raises NoSwarmError."""
        dh = DH_PARAMETERS.encode()
        self._handle.set_ssl_certificate_buffer(certificate.encode(), key.encode(), dh)
        said, end = "none was tried", time.monotonic() + LISTEN_TIMEOUT_S
        while time.monotonic() < end:
            self._session.wait_for_alert(200)
            for alert in self._session.pop_alerts():
                if alert.what() == "listen_failed":  # one address of several may be unusable
                    said = alert.message()
                if alert.what() == "listen_succeeded" and alert.port == self._port:
                    self._firewall = Firewall(self._port)
                    about = {"listening": self._port, "is_guarded": self._firewall.is_up}
                    say(json.dumps({**about, "addresses": addresses()}))
                    return
        raise NoSwarmError(f"no port could be opened: {said}")

    def run(self, source: BinaryIO) -> None:
        """Until `source` ends. Raises OSError where libtorrent cannot write or read a file."""
        reader = threading.Thread(target=self._read, args=(source,), daemon=True)
        reader.start()
        next_turn = 0.0
        while not self._has_ended:
            self._session.wait_for_alert(int(TURN_S * 1000))
            self._heed()
            if time.monotonic() >= next_turn:
                next_turn = time.monotonic() + TURN_S
                self._turn()
        if self._failure is not None:
            raise self._failure

    def close(self) -> None:
        """Journal what is written, and shut the port."""
        self._session.pause()
        self._heed()
        end = time.monotonic() + FLUSH_TIMEOUT_S
        while (self._to_note or self._noting) and time.monotonic() < end:
            self._flush()
            self._session.wait_for_alert(200)
            self._heed()
        if self._firewall is not None:
            self._firewall.close()
        self._staging.close()

    def _read(self, source: BinaryIO) -> None:
        try:
            read_frames(source, self._order.piece_bytes, self._take, lambda: None, self._learn)
        except (OrderError, OSError) as error:
            self._failure = error
        self._has_ended = True

    def _take(self, file: int, piece: int, data: memoryview) -> None:
        """A piece that was sent. libtorrent sees only what is right."""
        order = self._order
        try:
            size = order.piece_size(file, piece)
            number = self._numbers.first(file) + piece
        except (IndexError, ValueError):
            raise OrderError(f"expected a piece of the order, got {file} {piece}") from None
        found = hash_piece(data, order.piece_bytes, order.files[file].size_bytes)
        if len(data) != size or found != order.piece_hash(file, piece):
            say(f"-{file} {piece}")
            return
        with self._changed:
            if self._has[number]:
                say(f"+{file} {piece}")
                return
            self._sent.add(number)
            while len(self._sent) > max(1, HELD_BYTES_MAX // order.piece_bytes):
                self._changed.wait()
        self._handle.add_piece(number, bytes(data), 0)

    def _learn(self, news: bytes) -> None:
        try:
            peers = json.loads(news)["peers"]
            self._peers = [[(str(ip), int(port)) for ip, port in each] for each in peers]
        except (ValueError, KeyError, TypeError):
            raise OrderError("expected news of peers, got something else") from None
        if self._firewall is not None:
            self._firewall.admit(ip for each in self._peers for ip, _port in each)
        self._connect()

    def _connect(self) -> None:
        for contact in (contact for each in self._peers for contact in each):
            self._handle.connect_peer(contact)

    def _turn(self) -> None:
        status = self._handle.status()
        if status.num_peers < len(self._peers):
            self._connect()
        if status.total_payload_download != self._told_bytes:
            self._told_bytes = status.total_payload_download
            say(json.dumps({"from_peers": self._told_bytes}))
        self._flush()

    def _flush(self) -> None:
        """Have what was checked written, of which `cache_flushed` tells."""
        if self._to_note and not self._noting:
            self._noting, self._to_note = self._to_note, []
            self._handle.flush_cache()

    def _heed(self) -> None:
        for alert in self._session.pop_alerts():
            kind = alert.what()
            if kind == "piece_finished":
                self._arrived(int(alert.piece_index))
            elif kind == "cache_flushed":
                for number in self._noting:
                    self._staging.note(*self._numbers.piece(number))
                self._noting = []
            elif kind == "file_error":
                raise OSError(alert.error.value(), alert.error.message(), alert.filename())
            elif kind == "torrent_error":
                raise OSError(alert.message())
            elif kind == "hash_failed":
                file, piece = self._numbers.piece(int(alert.piece_index))
                path = self._order.files[file].path
                told = f"{path}: piece {piece} came wrong from another node: it is asked for again"
                say(json.dumps({"told": told}))
            elif kind == "peer_ban":
                told = f"{alert.endpoint[0]} gave out wrong pieces: it is listened to no more"
                say(json.dumps({"told": told}))

    def _arrived(self, number: int) -> None:
        file, piece = self._numbers.piece(number)
        with self._changed:
            self._has[number] = 1
            mark = "+" if number in self._sent else "="
            self._sent.discard(number)
            say(f"{mark}{file} {piece}")
            self._changed.notify_all()
        self._to_note.append(number)
