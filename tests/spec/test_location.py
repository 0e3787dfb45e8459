"""Where a store may be said to be."""

from __future__ import annotations

import pytest

from freehold.spec.location import InBucket, OnServer, remote_location

GOOD = {
    "ssh://nas/srv/weights": OnServer("ssh://nas", "/srv/weights"),
    "ssh://ada@nas.lan:2222/srv/my weights/": OnServer("ssh://ada@nas.lan:2222", "/srv/my weights"),
    "ssh://ada@[fe80::1]/srv": OnServer("ssh://ada@[fe80::1]", "/srv"),
    "s3://weights": InBucket("weights", ""),
    "s3://weights/": InBucket("weights", ""),
    "s3://my.weights/glm/of-2026/": InBucket("my.weights", "glm/of-2026"),
    "/srv/weights": None,
    "~/weights": None,
    "nas:/srv/weights": None,  # a folder of that name: a URL is what has "://"
}
BAD = [
    "gs://bucket/weights", "http://nas/weights", "file:///srv", "://",
    "ssh://nas", "ssh://nas/", "ssh:///srv", "ssh://-oProxyCommand=x/srv", "ssh://nas/srv/../etc",
    "ssh://a b/srv", "ssh://nas:0/srv", "ssh://nas/srv\n", "ssh://$(x)/srv",
    "s3://", "s3://B/x", "s3://ab", "s3://bucket/../x", "s3://bucket/.hidden", "s3://bucket//x",
    "s3://bucket/a b",
]  # fmt: skip


@pytest.mark.parametrize("text", GOOD)
def test_a_location_means(text: str) -> None:
    assert remote_location(text) == GOOD[text]


@pytest.mark.parametrize("text", BAD)
def test_what_is_no_location_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="a folder, ssh://HOST/FOLDER or s3://BUCKET/PREFIX"):
        remote_location(text)
