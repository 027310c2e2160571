"""Seen against the plainest thing that does the same: a dictionary."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from breezeway_sync.sync.seen import Seen

keys = st.integers(1, 6) | st.sampled_from([-(2**63), 2**63 - 1, 0, -1])
orders = st.integers(0, 5) | st.sampled_from([2**63 - 1])


@given(st.lists(st.tuples(keys, orders), max_size=40))
def test_it_answers_like_a_dictionary_of_newest_orders(shown: list[tuple[int, int]]) -> None:
    seen = Seen()
    newest: dict[int, int] = {}
    for key, order in shown:
        expected = key not in newest or order >= newest[key]
        assert seen.is_newest(key, order) == expected
        newest[key] = max(order, newest.get(key, order))
        assert len(seen) == len(newest)


@given(st.lists(keys, unique=True))
def test_a_list_without_repeats_passes_whole(shown: list[int]) -> None:
    seen = Seen()
    assert all(seen.is_newest(key, 5) for key in shown)


def test_two_records_of_one_request_both_pass() -> None:
    seen = Seen()
    assert seen.is_newest(1, 5)
    assert seen.is_newest(1, 5)


def test_a_later_request_counts_and_an_earlier_one_does_not() -> None:
    seen = Seen()
    assert seen.is_newest(1, 5)
    assert not seen.is_newest(1, 4)
    assert seen.is_newest(1, 6)
    assert not seen.is_newest(1, 5)
