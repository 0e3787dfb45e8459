"""Further flags for the engine: which are taken, and which are refused and why."""

from __future__ import annotations

import math
import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, PlainValidator
from pydantic_core import PydanticCustomError

from freehold.spec.kinds import expected

_FLAG = re.compile(r"--?[A-Za-z][A-Za-z0-9-]*")

_FROM_STORE = "weights come from the store, as freehold:model.weights"
_ALWAYS_ON = "Freehold sets it, to read the node's metrics"
_NO_PROMPTS = "Freehold turns it off, as it would show what others ask"
_RUNS_PROGRAMS = "it lets whoever reaches the server act on the node"

REFUSED = {
    **dict.fromkeys(("--model", "-m"), _FROM_STORE),
    **dict.fromkeys(("--model-url", "-mu", "--hf-repo", "-hf", "-hfr"), _FROM_STORE),
    **dict.fromkeys(("--alias", "-a"), "set freehold:model.alias"),
    "--host": "set freehold:server.listen",
    "--port": "set freehold:server.port",
    **dict.fromkeys(("--api-key", "--api-key-file"), "set the secret freehold:api_key"),
    **dict.fromkeys(("--ctx-size", "-c"), "set freehold:server.context_tokens"),
    **dict.fromkeys(("--parallel", "-np"), "set freehold:server.slots"),
    **dict.fromkeys(("--threads", "-t"), "set freehold:server.threads"),
    "--metrics": _ALWAYS_ON,
    **dict.fromkeys(("--slots", "--no-slots"), _NO_PROMPTS),
    **dict.fromkeys(("--tools", "--agent", "--ui-mcp-proxy"), _RUNS_PROGRAMS),
    "--cors-origins": "it opens the server to the pages of other sites",
}


def _flag(text: str) -> str:
    if reason := REFUSED.get(text):
        raise PydanticCustomError(
            "refused", "{flag} is refused: {reason}", {"flag": text, "reason": reason}
        )
    if "=" in text:
        name, _, value = text.partition("=")
        raise expected("a flag and its value apart", f"{name}: {value}")
    if not _FLAG.fullmatch(text):
        raise expected("an engine flag such as --temp")
    return text


def _value(value: Any) -> str | int | float | Literal[True]:
    match value:
        case False:
            raise expected("text, a number or true", "leave out a flag that is not wanted")
        case str() if value.isprintable():
            return value
        case int():
            return value
        case float() if math.isfinite(value):
            return value
    raise expected("text, a number or true", "true is a flag without a value")


FlagName = Annotated[str, AfterValidator(_flag)]
FlagValue = Annotated[str | int | float | Literal[True], PlainValidator(_value)]
