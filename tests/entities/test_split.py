"""Splitting at the top level, compared with the standard library's reading of the same text."""

from __future__ import annotations

import json
import time
from contextlib import suppress

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from breezeway_sync.entities.decode import Json
from breezeway_sync.entities.split import NotJson, split
from tests.entities.strategies import any_text, tricky_text, tricky_values

layouts = st.sampled_from([(None, None), (",", ":"), (" , ", " : "), (",\n\t", ":\r\n")])
Layout = tuple[str, str] | tuple[None, None]


def written(value: Json, layout: Layout, ascii_only: bool) -> bytes:
    separators = None if layout[0] is None or layout[1] is None else (layout[0], layout[1])
    text = json.dumps(value, separators=separators, ensure_ascii=ascii_only)
    return text.encode("utf-8", errors="surrogatepass")


def read(part: bytes) -> Json:
    value: Json = json.loads(part.decode("utf-8", errors="surrogatepass"))
    return value


@given(st.lists(tricky_values, max_size=6), layouts, st.booleans())
def test_an_array_gives_its_items(items: list[Json], layout: Layout, ascii_only: bool) -> None:
    parts = split(written(items, layout, ascii_only))
    assert [key for key, _ in parts] == [None] * len(items)
    assert [read(value) for _, value in parts] == items


@given(st.dictionaries(tricky_text | any_text, tricky_values, max_size=6), layouts, st.booleans())
def test_an_object_gives_its_members(members: dict[str, Json], layout: Layout, ascii_only: bool) -> None:
    parts = split(written(members, layout, ascii_only))
    assert [(read(key or b""), read(value)) for key, value in parts] == list(members.items())


def test_members_of_one_name_are_all_given() -> None:
    assert split(b'{"a": 1, "a": [2]}') == [(b'"a"', b"1"), (b'"a"', b"[2]")]


@pytest.mark.parametrize("text", [b"[]", b"{}", b"[ ]", b"{\n}", b"[\t]\n "])
def test_what_is_empty_has_no_parts(text: bytes) -> None:
    assert split(text) == []


@pytest.mark.parametrize(
    "text",
    [
        *(
            b"",
            b"1",
            b'"a"',
            b"null",
            b" [1]",
            b"[",
            b"{",
            b'["',
            b'["\\',
            b"[1,",
            b"[1",
            b'{"a"',
            b'{"a":',
        ),
        *(b"[1}", b"{]", b"[[1}]", b'{"a":[}', b"[1]]", b"[1] 2", b"[1][2]", b"{}{}", b"[1],", b"[]x"),
        *(
            b"[,]",
            b"[1,]",
            b"[,1]",
            b"[1,,2]",
            b'{"a"}',
            b'{"a":1,}',
            b'{,"a":1}',
            b'{"a":1,"b"}',
            b'{"a" 1}',
        ),
    ],
)
def test_what_is_cut_or_does_not_match_is_refused(text: bytes) -> None:
    with pytest.raises(NotJson):
        split(text)


@pytest.mark.parametrize(
    "text", [b'["abc]', b'[1, "abc]', b'["a", "b]', b'{"a": "b}', b'[{"a": "b}]', b'["\\"]', b'["a,b]']
)
def test_a_text_that_ends_within_a_string_is_cut(text: bytes) -> None:
    with pytest.raises(NotJson):
        split(text)


@given(st.lists(tricky_values, max_size=4) | st.dictionaries(tricky_text, tricky_values, max_size=4), st.data())
@example(["]"], None)
@example({"a": "}"}, None)
def test_every_proper_prefix_is_refused(value: Json, data: st.DataObject | None) -> None:
    text = written(value, (None, None), ascii_only=False)
    cuts = range(len(text)) if data is None else [data.draw(st.integers(0, len(text) - 1))]
    for cut in cuts:
        with pytest.raises(NotJson):
            split(text[:cut])


@given(st.binary(max_size=40) | st.text('[]{},:"\\ 1a', max_size=20).map(str.encode))
def test_nothing_but_not_json_is_raised(text: bytes) -> None:
    for start in (b"", b"[", b"{"):
        try:
            parts = split(start + text)
        except NotJson:
            continue
        assert all(value.strip() == value != b"" for _, value in parts)


@pytest.mark.parametrize(
    "text",
    [
        b"[" * 200_000,
        b"[" * 200_000 + b"]" * 200_000,
        b'["' + b"a" * 2_000_000,
        b'["' + b"\\\\" * 1_000_000,
        b'["' + b"[" * 500_000,
        b"[" + b'"a",' * 300_000 + b"1]",
        b"[" + b'"' * 400_001,
    ],
    ids=["open", "deep", "unended", "backslashes", "brackets in a string", "strings", "quotes"],
)
def test_long_texts_are_split_in_linear_time(text: bytes) -> None:
    began = time.perf_counter()
    with suppress(NotJson):
        split(text)
    assert time.perf_counter() - began < 5


def test_an_unended_string_full_of_escaped_quotes_is_refused_in_linear_time() -> None:
    began = time.perf_counter()
    with pytest.raises(NotJson):
        split(b'["' + b'\\"' * 20_000)
    assert time.perf_counter() - began < 1
