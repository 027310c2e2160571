"""Bodies of lists and records: what is an answer, what is none, and what one bad item costs."""

from __future__ import annotations

import json
import math
import time
from contextlib import suppress
from decimal import Decimal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from breezeway_sync.entities.decode import (
    BadBody,
    EmptyBody,
    Json,
    ListBody,
    Unreadable,
    read_item,
    read_list,
    read_object,
)
from tests.entities.strategies import any_text, nested, tricky_values

GOOD: list[Json] = [{"id": 1, "name": "Zoë", "cost": Decimal("2.50")}, {"id": 2, "tags": []}]
GOOD_TEXT = ['{"id": 1, "name": "Zoë", "cost": 2.50}', '{"id": 2, "tags": []}']
CONSTANTS = st.sampled_from([math.nan, math.inf, -math.inf])

json_lists = st.lists(
    nested(
        st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), any_text),
        any_text,
    ),
    max_size=6,
)


def envelope(results: str, **fields: str) -> bytes:
    members = [f'"results": {results}', *(f'"{name}": {value}' for name, value in fields.items())]
    return ("{" + ", ".join(members) + "}").encode()


def both(items: str) -> tuple[bytes, bytes]:
    """The same list bare and in an envelope."""
    return f"[{items}]".encode(), envelope(f"[{items}]", total_pages="1")


def deep(levels: int, opening: str = "[", closing: str = "]") -> str:
    return opening * levels + closing * levels


def test_an_envelope_gives_its_items_and_counts() -> None:
    body = envelope(f"[{','.join(GOOD_TEXT)}]", limit="100", page="2", total_pages="7", total_results="612")
    assert read_list(body) == ListBody(tuple(GOOD), False, limit=100, page=2, total_pages=7, total_results=612)


def test_a_bare_array_gives_its_items() -> None:
    assert read_list(f" \r\n[{','.join(GOOD_TEXT)}]\n".encode()) == ListBody(tuple(GOOD), is_bare=True)


@pytest.mark.parametrize("body", [b"[]", b" [ ] ", b'{"results": []}', b'{"results":[],"total_results":0}'])
def test_an_empty_list_is_a_list(body: bytes) -> None:
    assert read_list(body).items == ()


def test_fractions_are_exact_and_whole_numbers_whole() -> None:
    (item,) = read_list(b"[[0.1, 1.10, 1e2, 12345678901234567890, 123456789012345678.123456789]]").items
    assert isinstance(item, list)
    assert list(map(repr, item)) == [
        "Decimal('0.1')",
        "Decimal('1.10')",
        "Decimal('1E+2')",
        "12345678901234567890",
        "Decimal('123456789012345678.123456789')",
    ]


@pytest.mark.parametrize(
    ("written", "count"),
    [
        *(("612", 612), ('"612"', 612), ("0", 0), ("null", None), ("-1", None), ("1.5", None), ('"many"', None)),
        *(
            ('""', None),
            ("true", None),
            ("[]", None),
            ("{}", None),
            ("1e3", None),
            ("9" * 400, None),
            ("1e400", None),
            ("1e99999999999999999999", None),
            ('"٣"', None),
        ),
    ],
)
def test_counts_are_whole_numbers_or_unknown(written: str, count: int | None) -> None:
    for damage in ("[1]", "[NaN]"):
        body = read_list(envelope(damage, total_results=written, total_pages=written, page=written, limit=written))
        assert (body.total_results, body.total_pages, body.page, body.limit) == (count,) * 4


def test_counts_that_are_not_sent_are_unknown() -> None:
    body = read_list(b'{"results": [1]}')
    assert (body.total_results, body.total_pages, body.page, body.limit) == (None,) * 4


@pytest.mark.parametrize("body", [b"", b" ", b"\r\n\t "])
def test_no_body_is_told_from_a_bad_one(body: bytes) -> None:
    for read in (read_list, read_object):
        with pytest.raises(EmptyBody):
            read(body)


@pytest.mark.parametrize(
    "body",
    [
        *(b"null", b"true", b"12", b'"text"', b"<html><body>403</body></html>", b"OK", b"\xff\xfe", b"\x00"),
        *(b"nul", b'"', b"{", b"[", b"}", b"{}x", b"[1] [2]", b"\xef\xbb\xbf", b"{'results': []}"),
        *(b"{}", b'{"results": null}', b'{"results": {}}', b'{"results": "none"}', b'{"result": []}', b'{"id": 1}'),
        *(b'{"error": "inactive client"}', b'{"error": "rate", "results": []}', b'{"error": {}, "results": [NaN]}'),
        *(b'{"results": [1], "results": 2}', b'{"results": [NaN}', b'{"results": [NaN,]}', b'{"results" [NaN]}'),
    ],
)
def test_what_is_no_list_is_never_an_empty_page(body: bytes) -> None:
    with pytest.raises(BadBody) as caught:
        read_list(body)
    assert not isinstance(caught.value, EmptyBody)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"<html>secret</html>", "HTML"),
        (b"null", "JSON null"),
        (b'"secret"', "a JSON scalar"),
        (b"secret", "no JSON"),
        (b'{"error": "secret"}', "an `error` body"),
        (b'{"secret": 1}', "an object without a list of `results`"),
    ],
)
def test_a_bad_body_is_described_without_quoting_it(body: bytes, words: str) -> None:
    with pytest.raises(BadBody) as caught:
        read_list(body)
    assert str(caught.value) == words


@given(json_lists, st.booleans(), st.booleans())
@example(["]", "}"], True, True)
def test_no_proper_prefix_of_a_list_is_a_list(items: list[Json], bare: bool, ascii_only: bool) -> None:
    whole = items if bare else {"results": items, "total_pages": 1}
    text = json.dumps(whole, ensure_ascii=ascii_only).encode(errors="replace")
    for cut in range(0, len(text), max(1, len(text) // 50)):
        with pytest.raises(BadBody):
            read_list(text[:cut])


@pytest.mark.parametrize("body", [b'[{"id": 1}, "a]', b'{"results": [{"id": 1, "name": "x}]}'])
def test_a_body_cut_within_a_text_that_looks_like_the_end_is_bad(body: bytes) -> None:
    with pytest.raises(BadBody):
        read_list(body)


@given(json_lists, st.booleans())
def test_every_list_is_read_as_the_standard_library_reads_it(items: list[Json], ascii_only: bool) -> None:
    text = json.dumps(items, ensure_ascii=ascii_only)
    expected = tuple(json.loads(text, parse_float=Decimal))
    if not ascii_only and any("\ud800" <= character <= "\udfff" for character in text):
        return
    for body in (text, json.dumps({"results": items}, ensure_ascii=ascii_only)):
        assert read_list(body.encode()).items == expected


BAD_ITEMS = {
    "lone surrogate": ('{"id": 3, "name": "\\ud83d"}', {"id": 3, "name": "\ud83d"}),
    "NaN": ('{"id": 3, "cost": NaN}', {"id": 3, "cost": "NaN"}),
    "Infinity": ('{"id": 3, "cost": -Infinity}', {"id": 3, "cost": "-Infinity"}),
    "control characters": ('{"id": 3, "name": "a\tb\nc\x01"}', {"id": 3, "name": "a\tb\nc\x01"}),
    "invalid UTF-8": ('{"id": 3, "name": "a\udcffb"}', {"id": 3, "name": "a\ufffdb"}),
}


@pytest.mark.parametrize(("text", "expected"), BAD_ITEMS.values(), ids=BAD_ITEMS)
def test_an_item_that_is_not_quite_json_is_read_beside_its_neighbours(text: str, expected: Json) -> None:
    for body in (f"[{GOOD_TEXT[0]},{text},{GOOD_TEXT[1]}]", f'{{"results":[{GOOD_TEXT[0]},{text},{GOOD_TEXT[1]}]}}'):
        items = read_list(body.encode(errors="surrogateescape")).items
        assert items == (GOOD[0], expected, GOOD[1])


def test_fractions_are_exact_beside_what_is_not_quite_json() -> None:
    (item,) = read_list(b"[[0.10, 1e2, 12345678901234567890, NaN]]").items
    assert repr(item) == "[Decimal('0.10'), Decimal('1E+2'), 12345678901234567890, 'NaN']"


@pytest.mark.parametrize(
    "text",
    [
        *(
            '{"id": 3, "a": nonsense}',
            "1 2",
            '"\\x"',
            "{1: 2}",
            '{"a": 01}',
            "'a'",
        ),
        *('{"id": 3, "a": ' + deep(levels) + "}" for levels in (3_000, 50_000)),
        *('{"id": 3, "a": ' + deep(levels, '{"b":', "}").replace(":}", ":1}") + "}" for levels in (3_000, 50_000)),
    ],
    ids=lambda text: text[:20] + str(len(text)),
)
def test_an_item_that_nothing_reads_costs_only_itself(text: str) -> None:
    for body in both(f"{GOOD_TEXT[0]},{text},{GOOD_TEXT[1]}"):
        first, item, last = read_list(body).items
        assert (first, last) == tuple(GOOD)
        assert isinstance(item, Unreadable)
        assert item.text == text
        assert "nonsense" not in item.reason


def test_a_whole_number_of_many_digits_keeps_them_all() -> None:
    for body in both(f"{GOOD_TEXT[0]},[{'9' * 5000}],{GOOD_TEXT[1]}"):
        assert read_list(body).items == (GOOD[0], [Decimal("9" * 5000)], GOOD[1])


@pytest.mark.parametrize("levels", [900, 990, 1_000, 1_100])
def test_an_item_near_the_interpreters_limit_costs_at_most_itself(levels: int) -> None:
    for body in both(f"{GOOD_TEXT[0]},{deep(levels)},{GOOD_TEXT[1]}"):
        first, item, last = read_list(body).items
        assert (first, last) == tuple(GOOD)
        assert isinstance(item, list | Unreadable)


@pytest.mark.parametrize("number", ["1e99999999999999999999", "-1E+99999999999999999999", "1e-99999999999999999999"])
def test_a_number_beyond_every_decimal_costs_at_most_its_item(number: str) -> None:
    for body in both(f'{GOOD_TEXT[0]},{{"id": 3, "cost": {number}}},{GOOD_TEXT[1]}'):
        first, item, last = read_list(body).items
        assert (first, last) == tuple(GOOD)
        assert number in str(item)


def test_of_a_key_that_stands_twice_the_last_counts() -> None:
    assert read_list(b'[{"a": 1, "a": 2}]').items == ({"a": 2},)
    assert read_list(b'[{"a": 1, "a": NaN}]').items == ({"a": "NaN"},)


@given(st.binary(max_size=60) | st.text('[]{},:"\\ 1eN', max_size=30).map(str.encode))
@example(b"1e99999999999999999999")
@example(b"\\")
def test_no_bytes_raise_anything_but_bad_body(text: bytes) -> None:
    assert read_item(text) is not NotImplemented
    for start in (b"", b"[", b"{", b'{"results":', b'{"results":['):
        for end in (b"", b"]", b"}", b"]}"):
            for read in (read_list, read_object):
                with suppress(BadBody):
                    read(start + text + end)


@given(st.dictionaries(any_text, tricky_values, max_size=5))
def test_a_record_is_read_as_the_standard_library_reads_it(record: dict[str, Json]) -> None:
    text = json.dumps({"id": 1, **record})
    assert read_object(text.encode()) == json.loads(text, parse_float=Decimal)
    for cut in range(0, len(text), max(1, len(text) // 30)):
        with pytest.raises(BadBody):
            read_object(text[:cut].encode())


@pytest.mark.parametrize(
    "body", [b"[]", b'[{"id":1}]', b"null", b"1", b"<p>", b'{"id":1', b'{"id":1}}', b'{"error":"x"}']
)
def test_what_is_no_record_is_bad(body: bytes) -> None:
    with pytest.raises(BadBody):
        read_object(body)


def test_a_record_may_have_an_error_of_its_own() -> None:
    assert read_object(b'{"id": 1, "error": "lock jammed"}') == {"id": 1, "error": "lock jammed"}


def test_a_record_that_nothing_reads_is_kept_as_text() -> None:
    body = '{"id": 1, "a": ' + deep(50_000) + "}"
    found = read_object(body.encode())
    assert isinstance(found, Unreadable)
    assert found.text == body


def test_a_large_page_with_one_bad_item_is_read_in_linear_time() -> None:
    item = '{"id": 1, "note": "' + "a [b] {c}, \\\\" * 100 + '"}'
    body = ("[" + ",".join([item] * 1600) + ', "\\ud800"]').encode()
    began = time.perf_counter()
    assert len(body) > 2_000_000
    assert len(read_list(body).items) == 1601
    with pytest.raises(BadBody):
        read_list(body[:-2])
    assert time.perf_counter() - began < 10
