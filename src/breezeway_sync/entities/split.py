"""Splits a JSON text at its top level without decoding it.

It looks at brackets, strings and commas only. So a single value that no decoder takes (a lone surrogate, NaN, a raw
control character, extreme nesting) does not hide its neighbours.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

# Everything that can matter to the structure. A string is skipped as one token; a quote that stands alone begins
# one that never ends. Possessive, so that a long text is gone through once.
_TOKEN = re.compile(rb'"(?:[^"\\]++|\\.)*+"|["\[\]{},:]', re.DOTALL)
_PAIRS = {b"[": b"]", b"{": b"}"}


class NotJson(ValueError):
    """The text is cut or its brackets do not match."""


def split(text: bytes) -> list[tuple[bytes | None, bytes]]:
    """The members of one array or object as (key, value) texts; the key of an array's item is None.

    Raises NotJson when the text is cut, its brackets do not match, or something follows its end.
    """
    kind = text[:1]
    if kind not in _PAIRS:
        raise NotJson("neither an array nor an object")
    parts: list[tuple[bytes | None, bytes]] = []
    key: bytes | None = None
    start = 1
    for token, begin, end, depth in _tokens(text):
        if depth == 0:
            return _finish(text, parts, key, start, begin, kind)
        if depth > 1:
            continue
        if token == b":" and key is None and kind == b"{":
            key, start = text[start:begin].strip(), end
        elif token == b",":
            parts.append(_part(key, text[start:begin], kind))
            key, start = None, end
    raise NotJson("a cut body")


def _tokens(text: bytes) -> Iterator[tuple[bytes, int, int, int]]:
    """Every token with its place and the depth behind it; ends before a string that never does."""
    closing: list[bytes] = []
    for match in _TOKEN.finditer(text):
        token = match.group()
        if token == b'"':
            return
        if token in _PAIRS:
            closing.append(_PAIRS[token])
        elif token in (b"]", b"}") and (not closing or closing.pop() != token):
            raise NotJson("brackets that do not match")
        yield token, match.start(), match.end(), len(closing)


def _finish(
    text: bytes, parts: list[tuple[bytes | None, bytes]], key: bytes | None, start: int, end: int, kind: bytes
) -> list[tuple[bytes | None, bytes]]:
    if text[end + 1 :].strip():
        raise NotJson("something after its end")
    if text[start:end].strip() or parts:
        parts.append(_part(key, text[start:end], kind))
    return parts


def _part(key: bytes | None, value: bytes, kind: bytes) -> tuple[bytes | None, bytes]:
    value = value.strip()
    if not value or (kind == b"{" and key is None):
        raise NotJson("a missing value")
    return key, value
