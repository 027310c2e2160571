"""Finds keys that stand twice in a JSON object. The last one counts; the others are counted.

Decoders drop them silently. The check must cost next to nothing where there are none. A key and its colon are `":` in
the text, and they are as often in the text that the decoded value makes, unless keys were dropped or the text is
written in another way. Only then the text is read once more.
"""

from __future__ import annotations

import json
import re

import msgspec

_encode = msgspec.json.Encoder().encode
_KEY_END = b'":'
_ANY_KEY_END = re.compile(rb'"[ \t\r\n]*:')
_HIDDEN_QUOTE = b"\\u0022"


def count_repeats(raw: bytes, value: object) -> int:
    """Count the members of objects in `raw` that a later one of the same name replaces. `raw` decodes to `value`.

    0 where that cannot be told: what no decoder takes is kept as it came.
    """
    try:
        kept = _encode(value).count(_KEY_END)
    except (TypeError, ValueError, RecursionError):  # surrogates, nesting: of other decoders' values
        return _read_again(raw)
    is_plain = _HIDDEN_QUOTE not in raw
    if is_plain and (raw.count(_KEY_END) == kept or len(_ANY_KEY_END.findall(raw)) == kept):
        return 0
    return _read_again(raw)


def _read_again(raw: bytes) -> int:
    repeats = 0

    def look(pairs: list[tuple[str, object]]) -> None:
        nonlocal repeats
        repeats += len(pairs) - len({name for name, _ in pairs})

    try:
        json.loads(raw.decode("utf-8", errors="replace"), strict=False, object_pairs_hook=look, parse_int=str)
    except (ValueError, RecursionError):
        return 0
    return repeats
