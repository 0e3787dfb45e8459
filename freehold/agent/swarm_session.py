"""How libtorrent is set up among nodes: TLS over TCP alone, and no peers but those it is told."""

from __future__ import annotations

from typing import Any

DH_PARAMETERS = """-----BEGIN DH PARAMETERS-----
MIIBCAKCAQEA//////////+t+FRYortKmq/cViAnPTzx2LnFg84tNpWp4TZBFGQz
+8yTnc4kmz75fS/jY2MMddj2gbICrsRhetPfHtXV/WVhJDP1H18GbtCFY2VVPe0a
87VXE15/V8k1mE8McODmi3fipona8+/och3xWKE2rec1MKzKT0g6eXq8CrGCsyT7
YdEIqUuyyOP7uWrat2DX9GgdT0Kj3jlN9K5W7edjcrsZCwenyO4KbXCeAvzhzffi
7MA0BM0oNC9hkXL+nOmFg/+OTxIy7vKBg8P+OxtMb61zO7X8vC7CIAXFjvGDfRaD
ssbzSibBsu/6iGtCOGEoXJf//////////wIBAg==
-----END DH PARAMETERS-----
"""
"""The group ffdhe2048 of RFC 7919, appendix A.1: libtorrent wants one, TLS 1.3 has its own."""


def settings(lt: Any, port: int) -> Any:
    """What a session on this port begins with; libtorrent's own names."""
    kinds = lt.alert.category_t
    params = lt.session_params()
    params.settings = {
        "listen_interfaces": f"0.0.0.0:{port}s,[::]:{port}s",
        "enable_dht": False,
        "enable_lsd": False,
        "enable_upnp": False,
        "enable_natpmp": False,
        "enable_incoming_utp": False,
        "enable_outgoing_utp": False,
        "alert_mask": kinds.error_notification
        | kinds.status_notification
        | kinds.storage_notification
        | kinds.piece_progress_notification
        | kinds.peer_notification,
        "alert_queue_size": 100_000,
        "unchoke_slots_limit": -1,
        "mixed_mode_algorithm": 0,
        "peer_turnover": 0,
        "min_reconnect_time": 1,
        "connection_speed": 100,
        # Of memory: the defaults hold a hundred MB of blocks.
        "max_queued_disk_bytes": 32 << 20,
        "hashing_threads": 1,
        "aio_threads": 2,
        "send_buffer_watermark": 4 << 20,
        "send_buffer_low_watermark": 1 << 20,
        "max_out_request_queue": 1500,
    }
    return params
