"""Thinking presets as the real engine understands them: what its chat template is given."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from demo.parts import ENGINE
from freehold.catalog.models import known_model
from freehold.render.engine_flags import known_flags
from freehold.service.client import Client
from freehold.sizing.thinking import presets_of, request_body, thinking_flags
from freehold.weights.manifest import Kind
from freehold.weights.store import Store
from tests.service.local_server import KEY, serving

TEMPLATE = (
    "{{ messages[0].content }} {{ reasoning_effort | default('none set') }} "
    "{{ 'thinks' if enable_thinking else 'answers' }}"
    "{% if enable_thinking %}<think>{% endif %}"
)
PRESETS = {preset.name: preset for preset in presets_of(known_model("glm-5.2")[0].thinking)}
SEEN = {"off": "answers", "high": "high thinks<think>", "max": "max thinks<think>"}
"""At the end of the prompt of a request with that preset."""


def rendered(client: Client, body: Mapping[str, Any]) -> str:
    """The prompt that a chat request comes to."""
    asked = {"messages": [{"role": "user", "content": "x"}], **body}
    with client._post("/apply-template", KEY, asked) as response:
        return str(json.load(response)["prompt"])


@pytest.mark.parametrize("default", PRESETS)
def test_a_preset_is_the_servers_default_and_a_request_has_another(
    store: Store, tmp_path: Path, default: str
) -> None:
    (tmp_path / "template").write_text(TEMPLATE)
    known = known_flags(store.manifest(Kind.ENGINE, ENGINE).engine_help or "")
    flags = [
        word
        for flag in thinking_flags(default, PRESETS[default].template_kwargs, known)
        for word in flag
    ]
    flags += ["--chat-template-file", str(tmp_path / "template"), "--ctx-size", "256"]
    with serving(store, tmp_path, "--jinja", *flags) as client:
        assert rendered(client, {}).endswith(SEEN[default])
        for name, preset in PRESETS.items():
            assert rendered(client, request_body(preset.template_kwargs)).endswith(SEEN[name])
