"""Keys that stand twice: the last counts by every way of reading, and it is counted."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from breezeway_sync.entities import repeats
from breezeway_sync.entities.decode import read_item, read_list, read_object
from breezeway_sync.entities.repeats import count_repeats

# Texts as hostile as they come: quotes and colons within, surrogates, white space around colons, other escapes.
TEXTS = st.text(max_size=6) | st.sampled_from(['":', '\\":', '" :', "\\", '{"a":1,"a":2}', "\u0000", "é"])
PAIRS = st.deferred(lambda: st.lists(st.tuples(TEXTS | st.sampled_from(["a", "b"]), VALUES), max_size=4))
VALUES: st.SearchStrategy[Any] = st.deferred(
    lambda: st.none() | st.integers() | TEXTS | st.builds(list, st.lists(VALUES, max_size=3)) | st.builds(tuple, PAIRS)
)


def written(value: Any, space: str, ascii_only: bool) -> tuple[str, int]:
    """JSON text in which tuples of pairs are objects, and how many members are replaced by a later one."""
    if isinstance(value, tuple):
        parts = [(name, *written(item, space, ascii_only)) for name, item in value]
        text = ",".join(f"{json.dumps(name, ensure_ascii=ascii_only)}{space}:{space}{item}" for name, item, _ in parts)
        return f"{{{text}}}", sum(count for *_, count in parts) + len(parts) - len({name for name, *_ in parts})
    if isinstance(value, list):
        items = [written(item, space, ascii_only) for item in value]
        return f"[{','.join(text for text, _ in items)}]", sum(count for _, count in items)
    return json.dumps(value, ensure_ascii=ascii_only), 0


@given(PAIRS, st.sampled_from(["", " ", "\n\t"]), st.booleans())
def test_as_many_are_counted_as_there_are(pairs: list[tuple[str, Any]], space: str, ascii_only: bool) -> None:
    text, count = written(tuple(pairs), space, ascii_only)
    raw = text.encode("utf-8", errors="surrogatepass" if ascii_only else "replace")
    assert count_repeats(raw, read_item(raw)) == count


@pytest.mark.parametrize("spoil", ["", ', "n": NaN', ', "s": "\\ud800"', ', "c": "\u0001"'])
def test_both_ways_of_reading_keep_the_last_and_count_the_others(spoil: str) -> None:
    """What msgspec refuses is read patiently: with the same value, and the same count."""
    record = '{"id": 1, "name": "first", "rate": {"a": 1, "a": 2}, "name": "last", "id": 7' + spoil + "}"
    body = read_list(f'{{"results": [{record}, {{"id": 2}}]}}'.encode())
    first = body.items[0]
    assert isinstance(first, dict)
    assert (first["id"], first["name"], first["rate"]) == (7, "last", {"a": 2})
    assert body.repeats == 3
    alone = read_object(record.encode())
    assert alone == first
    assert count_repeats(record.encode(), alone) == 3
    assert read_list(f"[{record}]".encode()).repeats == 3


def test_of_a_list_that_stands_twice_the_last_counts_and_it_is_counted() -> None:
    for spoil in (b"", b', "n": NaN'):
        body = read_list(b'{"results": [{"id": 1}], "results": [{"id": 2' + spoil + b"}]}")
        assert [item["id"] for item in body.items if isinstance(item, dict)] == [2]
        assert body.repeats == 1


def test_nothing_is_read_twice_where_no_key_stands_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    def again(_raw: bytes) -> int:
        raise AssertionError("it was read again")

    monkeypatch.setattr(repeats, "_read_again", again)
    record = {"id": 1, "text": 'a ":" b', "nested": [{"a": 1.5}, {"a": None}], "é": "ü", "long": "x" * 10_000}
    for body in (json.dumps([record]), json.dumps([record], ensure_ascii=False), json.dumps([record], indent=1)):
        assert read_list(body.encode()).repeats == 0
