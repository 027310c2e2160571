"""Makes text safe for PostgreSQL: neither text nor jsonb takes U+0000 or half a surrogate pair."""

from __future__ import annotations

import re

from breezeway_sync.entities.decode import Json

_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


def clean_text(text: str) -> tuple[str, int]:
    """Remove U+0000, replace lone surrogates by U+FFFD; also the number of characters changed."""
    if not _UNSTORABLE.search(text):
        return text, 0
    changed = len(_UNSTORABLE.findall(text))
    return _UNSTORABLE.sub(lambda match: "" if match[0] == "\x00" else "\ufffd", text), changed


def clean(value: Json) -> tuple[Json, int]:
    """The same for every name and text within a JSON value.

    A name that becomes equal to another one by this is kept apart by U+FFFD at its end.
    """
    if isinstance(value, str):
        return clean_text(value)
    if isinstance(value, list):
        pairs = [clean(item) for item in value]
        return [item for item, _ in pairs], sum(count for _, count in pairs)
    if isinstance(value, dict):
        return _clean_object(value)
    return value, 0


def _clean_object(value: dict[str, Json]) -> tuple[dict[str, Json], int]:
    total = 0
    names: dict[str, str] = {}
    taken = {name for name in value if not _UNSTORABLE.search(name)}
    for name in value:
        cleaned, changed = clean_text(name)
        while changed and cleaned in taken:
            cleaned += "\ufffd"
        taken.add(cleaned)
        names[name] = cleaned
        total += changed
    result: dict[str, Json] = {}
    for name, item in value.items():
        result[names[name]], changed = clean(item)
        total += changed
    return result, total
