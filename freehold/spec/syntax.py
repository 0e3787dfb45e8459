"""Text to YAML nodes, with what is wrong in the text said in our words.

PyYAML's own messages quote the file, and a file may hold an API key that was typed in by mistake.
"""

from __future__ import annotations

from typing import Any

import yaml

from freehold.errors import Problem
from freehold.spec.error import SpecError

SIZE_MAX_BYTES = 256 * 1024  # far above any stack, far below what stalls the parser

# A part of what PyYAML says -> what we say. The first that fits.
WORDS = {
    "mapping values are not allowed": 'a second ":" in this entry: check the indentation, or quote '
    "the text",
    "could not find expected ':'": 'expected "key: value"',
    "found character '\\t'": "a tab: YAML is indented with spaces",
    "cannot start any token": "a value cannot start with this character: quote it",
    "found unexpected end of stream": "a quoted text is not closed",
    "expected ',' or": 'a "[" or "{" is not closed',
    "expected <block end>": "this does not fit the lines above: check the indentation and quotes",
    "found undefined alias": "an alias (*) of an anchor (&) that is not there",
    "second occurrence": "an anchor (&) of this name is there already",
    "found another document": 'a second document: only one is allowed, without a "---" in between',
    "escape": 'an unknown "\\" sequence: use single quotes around text with a "\\"',
    "expected alphabetic or numeric": "an anchor (&) or alias (*) needs a name: quote other text",
    "tag": "YAML tags (!) are not used here: quote the text",
    "scanning a block scalar": 'text that starts with "|" or ">": quote it',
    "entries are not allowed": 'a "- " entry cannot stand here: it begins its own line',
    "keys are not allowed": 'a "? " cannot stand here: quote the text',
    "expected the node content": "expected a value",
    "document start": 'a "]" or "}" too many',
    "YAML document": 'a "%" at the start of a line: quote it',
    "directive": 'a "%" at the start of a line: quote it',
}
FALLBACK = "not valid YAML"


def compose(text: str, place: str) -> yaml.Node | None:
    """The root node, None for an empty file; SpecError at `place`:line:column."""
    try:
        root: yaml.Node | None = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark: Any = error.problem_mark or error.context_mark
        at = f"{place}:{mark.line + 1}:{mark.column + 1}"
        raise SpecError([Problem(at, words_for(error))]) from None
    except yaml.reader.ReaderError as error:
        before = text[: error.position].splitlines() or [""]
        at = f"{place}:{len(before)}:{len(before[-1]) + 1}"
        raise SpecError([Problem(at, "a control character, which YAML forbids")]) from None
    except RecursionError:
        raise SpecError([Problem(place, "the lists and mappings are nested too deeply")]) from None
    return root


def words_for(error: yaml.MarkedYAMLError) -> str:
    """What is wrong, without a word of the file."""
    said = f"{error.context} {error.problem}"
    return next((words for part, words in WORDS.items() if part in said), FALLBACK)
