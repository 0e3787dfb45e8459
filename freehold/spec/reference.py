"""The table of all keys, made from the models."""

from __future__ import annotations

from freehold.spec.schema import NAMESPACE, default_of, keys


def keys_table() -> str:
    """A Markdown table: key, default, meaning; a row for each key of a stack file."""
    rows = ["| key | default | meaning |", "|---|---|---|"]
    for path, field in keys():
        name = f"{NAMESPACE}:{'.'.join(path)}"
        for of_many in ("nodes", "limits", "keys"):
            name = name.replace(f"{of_many}.", f"{of_many}[].")
        rows.append(f"| `{name}` | {default_of(field) or 'required'} | {field.description} |")
    return "\n".join(rows) + "\n"
