"""Makes foreign texts safe to show and to store: no control codes for a terminal, and a limited length."""

from __future__ import annotations

import re
from collections.abc import Sequence

LONGEST_MESSAGE = 1_000
"""Characters of one error's message."""
LONGEST_SENTENCE = 4_000
"""Characters of one run's message."""

# C0 without tab and line feed, DEL and C1 (a terminal takes U+009B for "ESC ["), what turns the direction of writing
# (UAX 9), invisible line ends, and halves of surrogate pairs, which no UTF-8 has.
_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")


def visible(text: str) -> str:
    """The text with everything that a terminal would obey written out: `\\x1b`, `\\u202e`. Tabs and line feeds stay."""
    return _CONTROLS.sub(_written, text)


def visible_json(text: str) -> str:
    """The same for JSON text, which stays JSON with the same value."""
    return _CONTROLS.sub(lambda match: _tame(match[0]), text)


def shorten(text: str, most: int) -> str:
    """The text; a longer one is cut after `most` characters, and the end says how many are missing."""
    if len(text) <= most:
        return text
    remark = f" … ({len(text) - most} more characters)"
    return text[:most] + remark


def enumerated(names: Sequence[str]) -> str:
    """Names as a sentence lists them: "people, tags and tasks"."""
    *others, last = names
    return f"{', '.join(others)} and {last}" if others else last


def _written(match: re.Match[str]) -> str:
    number = ord(match[0])
    return f"\\x{number:02x}" if number < 0x100 else f"\\u{number:04x}"


def _tame(character: str) -> str:
    # Between values these are white space; within a string they stand as escapes already.
    return character if character == "\r" else f"\\u{ord(character):04x}"
