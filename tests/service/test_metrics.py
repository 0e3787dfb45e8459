"""A server's own metrics: of the real engine, and of what is none."""

from __future__ import annotations

from pathlib import Path

import pytest

from freehold.hosts.host import HostError
from freehold.service.metrics import ServerMetrics, read_metrics
from freehold.weights.store import Store
from tests.service.local_server import KEY, serving

TEXT = """\
# HELP llamacpp:prompt_tokens_total Number of prompt tokens processed.
# TYPE llamacpp:prompt_tokens_total counter
llamacpp:prompt_tokens_total 512
llamacpp:prompt_tokens_seconds 210.4
llamacpp:tokens_predicted_total 1.28e+02
llamacpp:predicted_tokens_seconds 8.5
llamacpp:requests_processing 1
llamacpp:requests_deferred 3
llamacpp:something_new{slot="0"} 7
"""


def test_the_real_engine_says_what_it_has_answered(store: Store, tmp_path: Path) -> None:
    with serving(store, tmp_path, "--metrics") as client:
        before = client.metrics(KEY)
        client.complete(KEY, {"prompt": "The", "n_predict": 8, "ignore_eos": True})
        after = client.metrics(KEY)
        with pytest.raises(HostError, match="HTTP 401"):
            client.metrics("another-key")
    assert (before.processing, before.deferred, before.predicted_tokens) == (0, 0, 0)
    assert after.predicted_tokens == 8
    assert after.predicted_tokens_per_s > 0


def test_metrics_that_are_off_are_an_error_with_the_servers_words(
    store: Store, tmp_path: Path
) -> None:
    with serving(store, tmp_path) as client, pytest.raises(HostError, match="HTTP 501"):
        client.metrics(KEY)


def test_its_text_is_read() -> None:
    assert read_metrics(TEXT) == ServerMetrics(1, 3, 128, 8.5, 512, 210.4)


@pytest.mark.parametrize(
    ("good", "bad"),
    [
        ("llamacpp:requests_deferred 3\n", ""),
        ("requests_deferred 3", "requests_deferred many"),
        ("requests_deferred 3", "requests_deferred NaN"),
        (TEXT, "<html>it works</html>"),
        (TEXT, ""),
    ],
)
def test_what_is_no_metrics_raises(good: str, bad: str) -> None:
    with pytest.raises(ValueError, match=r"expected|could not convert"):
        read_metrics(TEXT.replace(good, bad))
