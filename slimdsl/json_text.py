"""JSON that people can read and compare: one line for each entry of a table."""

from __future__ import annotations

import json
from collections.abc import Mapping


def json_text(document: Mapping[str, object]) -> str:
    """The text of an object; lists of objects, and objects, take a line for each entry, all else a line as a whole."""
    parts = [f"  {json.dumps(key)}: {_entry(entry)}" for key, entry in document.items()]
    return "{\n" + ",\n".join(parts) + "\n}"


def _entry(entry: object) -> str:
    if isinstance(entry, list) and entry and isinstance(entry[0], dict):
        return "[\n" + ",\n".join(f"    {json.dumps(item)}" for item in entry) + "\n  ]"
    if isinstance(entry, dict) and entry:
        return "{\n" + ",\n".join(f"    {json.dumps(key)}: {json.dumps(item)}" for key, item in entry.items()) + "\n  }"
    return json.dumps(entry)
