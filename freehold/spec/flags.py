"""Further flags for the engine: which are taken, and which are refused and why."""

from __future__ import annotations

import math
import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, PlainValidator
from pydantic_core import PydanticCustomError

from freehold.spec.kinds import expected

_FLAG = re.compile(r"--?[A-Za-z][A-Za-z0-9-]*")

_BY_REASON = {
    "weights come from the store, as freehold:model.weights": "--model -m --model-url -mu "
    "--hf-repo -hf -hfr --hf-file -hff --docker-repo -dr --models-dir --models-preset",
    "set freehold:model.alias": "--alias -a",
    "set freehold:server.listen": "--host",
    "set freehold:server.port": "--port",
    "set the secret freehold:api_key": "--api-key --api-key-file",
    "set freehold:server.context_tokens": "--ctx-size -c",
    "set freehold:server.slots": "--parallel -np",
    "set freehold:server.threads": "--threads -t",
    "set freehold:server.cache_type": "--cache-type-k -ctk --cache-type-v -ctv",
    "set freehold:server.batch_tokens": "--batch-size -b",
    "set freehold:server.ubatch_tokens": "--ubatch-size -ub",
    "set freehold:server.load_mode": "--load-mode -lm --mlock --mmap --no-mmap "
    "--direct-io -dio --no-direct-io -ndio",
    "set freehold:server.devices": "--device -dev",
    "set freehold:server.mtp": "--spec-type",
    "set freehold:server.headroom_gpu_gib": "--fit-target -fitt",
    "Freehold turns --fit off, as it may shrink the context in silence": "--fit -fit "
    "--fit-ctx -fitc",
    "Freehold sets it, as its count of the memory rests on it": "--flash-attn -fa "
    "--kv-unified -kvu --no-kv-unified -no-kvu",
    "Freehold sets the log, to read from it what the engine holds": "--log-verbosity --verbosity "
    "-lv --verbose --log-verbose -v --log-disable --log-jsonl",
    "Freehold sets it, to read the node's metrics": "--metrics",
    "Freehold turns it off, as it would show what others ask": "--slots --no-slots",
    "it lets whoever reaches the server act on the node": "--tools --agent -ag --ui-mcp-proxy "
    "--webui-mcp-proxy --mcp-servers-config --mcp-servers-json",
    "it opens the server to the pages of other sites": "--cors-origins",
}
REFUSED = {flag: reason for reason, flags in _BY_REASON.items() for flag in flags.split()}

# Where a layout is computed, these would change it; placement: by_hand leaves them to the user.
PLACING = frozenset({
    "--n-gpu-layers", "--gpu-layers", "-ngl", "--tensor-split", "-ts", "--split-mode", "-sm",
    "--main-gpu", "-mg", "--override-tensor", "-ot", "--cpu-moe", "-cmoe", "--n-cpu-moe", "-ncmoe",
    "--kv-offload", "-kvo", "--no-kv-offload", "-nkvo", "--numa", "--rpc",
})  # fmt: skip
# Where freehold:model.thinking is set, it stands for these.
THINKING = frozenset({"--reasoning", "-rea", "--reasoning-effort"})


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
