"""A model of the Hugging Face hub, or of a mirror at HF_ENDPOINT, pinned to one commit.

`huggingface_hub` says what there is, who may have it and where: the commit, the files' sizes and
SHA-256, the licence, URLs and the token. The bytes are fetched by `http_fetch`, because of what
its own `hf_hub_download` (2.4.0, file_download.py) does with them: it compares the size alone, so
that a wrong file of the right size is a success; a partial file is of one process and removed at
its end, so that a killed fetch begins from zero; and of a file above 50 GB it asks for nothing
without hf_xet. `tests/weights/test_fetch_why.py` shows the first two. Files that the hub keeps in
Xet are given out by plain HTTP just the same.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from freehold.errors import Problem
from freehold.weights.origin import SHA256, FetchError, Origin, RemoteFile, require_one_model
from freehold.weights.retry import FailedError, Patience, asked_wait_s, persist

if TYPE_CHECKING:
    from huggingface_hub import ModelInfo

FORM = "hf:OWNER/REPO or hf:OWNER/REPO@REVISION"
_HUB = re.compile(r"hf:(?P<repo>\w[\w.-]*/\w[\w.-]*)(@(?P<revision>[\w.][\w./-]*))?", re.ASCII)
_COMMIT = re.compile(r"[0-9a-f]{40}")
_FOR_NOW = 500  # and above; 408 and 429 besides


def hub_origin(
    text: str,
    include: list[str],
    patience: Patience,
    pause: Callable[[float], object],
    endpoint: str | None = None,
) -> Origin:
    """The GGUF files of `text` whose path matches one of the patterns, or all where there are none.

    `text` is of FORM; the token is huggingface_hub's to find: HF_TOKEN, or `hf auth login`.
    `endpoint` instead of HF_ENDPOINT. Raises FetchError.
    """
    found = _HUB.fullmatch(text)
    if found is None:
        raise FetchError.of(text, f"expected {FORM}")
    place, revision = f"hf:{found['repo']}", found["revision"]
    info = _asked(place, found["repo"], revision, endpoint, patience, pause)
    commit = str(info.sha)
    if not _COMMIT.fullmatch(commit) or (_COMMIT.fullmatch(revision or "") and revision != commit):
        raise FetchError.of(place, f"expected the commit {revision or ''}, got {info.sha!a}")
    files = _files(place, found["repo"], info, include, commit, endpoint)
    return Origin(files, {"origin": place, "revision": commit, "licence": _licence(info)})


def _asked(
    place: str,
    repo: str,
    revision: str | None,
    endpoint: str | None,
    patience: Patience,
    pause: Callable[[float], object],
) -> ModelInfo:
    try:
        from httpx2 import HTTPError, InvalidURL
        from huggingface_hub import HfApi
        from huggingface_hub.errors import HfHubHTTPError, OfflineModeIsEnabled
    except ImportError:
        raise FetchError.of(
            place,
            "expected the Python package huggingface_hub, found none",
            ".venv/bin/pip install huggingface_hub (it is of the extra `fetch`)",
        ) from None

    def attempt() -> ModelInfo:
        # Its own default is to wait for ever.
        api, limit_s = HfApi(endpoint, library_name="freehold"), patience.timeout_s
        try:
            return api.model_info(repo, revision=revision, files_metadata=True, timeout=limit_s)
        except HfHubHTTPError as error:
            raise _refused(error.response, revision) from None
        except OfflineModeIsEnabled:
            raise FailedError("HF_HUB_OFFLINE, which forbids it", is_final=True) from None
        except (HTTPError, InvalidURL, OSError) as error:
            raise FailedError(_line(error)) from None
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            got = f"an answer that is no hub's: {_line(error)}"
            raise FailedError(got, is_final=True) from None

    try:
        return persist(attempt, patience, pause)
    except FailedError as failed:
        words = f"expected the hub's list of files, got {failed.got}"
        raise FetchError.of(place, words, failed.hint) from None


def _refused(response: Any, revision: str | None) -> FailedError:
    code, headers = int(response.status_code), response.headers
    why = headers.get("X-Error-Code", "")
    hint = None
    if why == "RevisionNotFound":
        return FailedError(f"no revision {revision}", is_final=True)
    if why == "GatedRepo":
        hint = "accept its terms on its page, and set HF_TOKEN to a token of that account"
    elif code in (401, 403, 404):
        hint = "see that the name is right; a private one takes HF_TOKEN, or `hf auth login`"
    is_final = code < _FOR_NOW and code not in (408, 429)
    asked_s = None if is_final else asked_wait_s(headers)
    got = f"HTTP {code} {ascii(why)[1:-1]}".strip()
    return FailedError(got, hint, is_final=is_final, asked_s=asked_s)


def _files(
    place: str,
    repo: str,
    info: ModelInfo,
    include: list[str],
    commit: str,
    endpoint: str | None,
) -> tuple[RemoteFile, ...]:
    from huggingface_hub import hf_hub_url
    from huggingface_hub.utils._headers import build_hf_headers

    there = {str(each.rfilename): each for each in info.siblings or ()}
    gguf = [path for path in there if path.endswith(".gguf")]
    paths = [p for p in gguf if not include or any(fnmatch.fnmatchcase(p, i) for i in include)]
    if not paths:
        wanted = f" that match {', '.join(include)}" if include else ""
        words = f"expected GGUF files{wanted}, found none of {len(gguf)}"
        raise FetchError.of(place, words, _choices(gguf))
    known: Mapping[str, str] = build_hf_headers(library_name="freehold")
    headers = {name: value for name, value in known.items() if name.lower() == "authorization"}
    problems, files = [], []
    for path in require_one_model(place, paths, _choices(gguf)):
        declared = there[path].lfs
        if not (declared and SHA256.fullmatch(str(declared.sha256)) and type(declared.size) is int):
            words = "expected a size and a SHA-256 that the hub declares, found none"
            problems.append(Problem(f"{place}/{path}", words))
            continue
        name = path.rpartition("/")[2]
        url = hf_hub_url(repo, path, revision=commit, endpoint=endpoint)
        files.append(
            RemoteFile(name, url, f"{place}/{path}", declared.size, declared.sha256, "", headers)
        )
    if problems:
        raise FetchError(problems)
    return tuple(files)


def _choices(paths: list[str]) -> str:
    """What --include could be, of a repository with a folder for each quant."""
    folders = sorted({path.rpartition("/")[0] for path in paths} - {""})
    some = " or ".join(f"'{folder}/*'" for folder in folders[:4]) or "'*Q4_K_M*'"
    return f"choose one by --include, such as {some}"


def _licence(info: ModelInfo) -> str:
    """As the repository's card gives it; "" where it has none."""
    card = info.card_data
    name = getattr(card, "license", None)
    if name == "other":
        name = getattr(card, "license_name", None) or name
    return str(name) if isinstance(name, str) else ""


def _line(error: Exception) -> str:
    first = (str(error).strip() or type(error).__name__).splitlines()[0]
    return ascii(first)[1:-1]
