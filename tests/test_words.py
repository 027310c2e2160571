"""Texts from elsewhere: no terminal obeys them, none is endless, and JSON stays JSON."""

from __future__ import annotations

import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.table import Table
from rich.text import Text

from breezeway_sync.cli.common import PlainConsole, say, shown
from breezeway_sync.cli.tables import counts_table
from breezeway_sync.core.errors import NotRead
from breezeway_sync.core.text import LONGEST_MESSAGE, shorten, visible, visible_json

HOSTILE = (
    "\x1b]0;owned\x07\x1b[31mred\x9b31m \u202egnp.exe\u2066 [red]markup[/red] [link=http://evil]x[/link] :bomb: \x7f\r"
)
DANGEROUS = "\x1b\x07\x9b\u202e\u2066\x7f\r"


@given(st.text(st.characters()))
def test_what_is_shown_has_nothing_that_a_terminal_obeys(text: str) -> None:
    shown = visible(text)
    assert all(character.isprintable() or character in "\n\t" or character.isspace() for character in shown) or not (
        set(shown) & set(DANGEROUS)
    )
    assert not [
        c for c in shown if (ord(c) < 32 and c not in "\n\t") or 0x7F <= ord(c) < 0xA0 or 0x202A <= ord(c) <= 0x202E
    ]
    assert visible(shown) == shown
    shown.encode()


@given(st.recursive(st.text(st.characters(exclude_categories=["Cs"])), lambda inner: st.dictionaries(st.text(), inner)))
def test_json_that_is_shown_is_the_same_json(value: object) -> None:
    for text in (json.dumps(value), json.dumps(value, ensure_ascii=False, indent=2)):
        assert json.loads(visible_json(text)) == value
        assert not set(visible_json(text)) & set("\x1b\x9b\u202e\x7f")


@pytest.mark.parametrize("is_terminal", [True, False])
def test_a_console_obeys_no_data(is_terminal: bool) -> None:
    stream = io.StringIO()
    console = PlainConsole(file=stream, force_terminal=is_terminal, width=400, color_system=None)
    table = Table("name")
    table.add_row(HOSTILE)
    table.add_row(shown(HOSTILE))
    for what in (HOSTILE, Text(HOSTILE), table, counts_table("t", [{"region_name": HOSTILE}])):
        console.print(what)
    console.print(HOSTILE, soft_wrap=True, style="red")
    seen = stream.getvalue()
    assert not set(seen) & set(DANGEROUS)
    assert seen.count("\\x1b[31mred\\x9b31m") == 6
    assert seen.count("\\u202egnp.exe") == 6
    assert seen.count("[red]markup[/red] [link=http://evil]x[/link] :bomb:") == 6


def test_our_own_styles_stay() -> None:
    stream = io.StringIO()
    PlainConsole(file=stream, force_terminal=True, color_system="standard").print(Text("late", style="red"))
    assert stream.getvalue() == "\x1b[31mlate\x1b[0m\n"


def test_lines_that_are_said(capsys: pytest.CaptureFixture[str]) -> None:
    say(HOSTILE)
    say('{"a": "\u202e\x7f"}', is_json=True)
    shown = capsys.readouterr().out
    assert not set(shown) & set(DANGEROUS)
    assert '{"a": "\\u202e\\u007f"}' in shown


def test_messages_are_bounded() -> None:
    assert shorten("abc", 3) == "abc"
    assert shorten("abcd", 3) == "abc … (1 more characters)"
    error = NotRead("x" * 1_000_000, actual="y" * 1_000_000)
    assert len(error.message) < LONGEST_MESSAGE + 100
    assert len(str(error)) < LONGEST_MESSAGE + 100
