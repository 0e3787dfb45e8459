"""Quotes where AWS does not answer, or nobody asks it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from freehold.catalog.instances import instances
from freehold.rent.aws import Aws
from freehold.rent.quote import quote
from freehold.rent.quote_lines import quote_lines
from tests.aws.world import World
from tests.rent.quoting import EAST, SPOT, WEST, need, only, quoted, shop, whys, wish


def test_offline_nobody_is_asked_and_prices_are_the_catalogue_s(world: World) -> None:
    found = quote(None, wish(types=(), regions=(EAST, WEST)), need(), world.clock())
    assert not world.calls
    for row in found.rows:
        assert row.usd_per_hour == instances()[row.instance_type].usd_h
        assert row.priced_at.startswith("catalogue, mid-2026")
        assert [offer.zone for offer in row.offers] == [None]
    assert "mid-2026" in quote_lines(found)[1]


def test_offline_there_is_no_spot_price_to_guess(world: World) -> None:
    row = only(quote(None, wish(markets=SPOT), need(), world.clock()))
    assert row.usd_per_hour is None
    assert "its spot price is not known: AWS was not asked" in whys(row)


def test_without_credentials_the_catalogue_answers_and_the_reason_is_said_once(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    found = quoted(world, wish("p5.48xlarge", "p4de.24xlarge"), need())
    assert not world.calls
    assert {row.priced_at for row in found.rows} == {"catalogue, mid-2026"}
    ((why, count),) = found.unasked
    assert "credentials" in why.why
    assert why.hint is not None
    assert count > 1
    assert sum("credentials" in line for line in quote_lines(found)) == 1


def test_a_region_that_is_off_is_said_and_the_other_is_quoted(world: World) -> None:
    shop(world)
    off = world.regions_off[0]
    found = quoted(world, wish(regions=(off, EAST)), need())
    assert [row.region for row in found.rows if row.priced_at.startswith("AWS")] == [EAST]
    assert any("AuthFailure" in why.why for why, _ in found.unasked)


@pytest.fixture
def proxy() -> Iterator[str]:
    """The URL of something that answers every call with a page of its own."""

    class Page(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.send_response(502)
            self.end_headers()
            self.wfile.write(b"<!doctype html><title>Bad gateway</title>")

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Page)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_proxy_s_page_is_no_answer_of_aws(
    world: World, proxy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", proxy)
    monkeypatch.setattr("freehold.rent.aws.ATTEMPTS", 1)
    row = only(quote(Aws(), wish(), need(), world.clock()))
    assert row.priced_at == "catalogue, mid-2026"
