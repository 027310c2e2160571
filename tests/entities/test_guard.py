"""When so much is gone at once that a person must decide."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from breezeway_sync.entities.guard import Guard
from breezeway_sync.entities.marks import NEAR, WHOLE

COUNTS = st.integers(0, 10_000)


@pytest.mark.parametrize(
    ("expected", "absent", "is_held"),
    [(1000, 0, False), (1000, 50, False), (1000, 51, True), (100, 19, False), (100, 20, True), (20, 20, True)],
)
def test_five_percent_and_twenty(expected: int, absent: int, is_held: bool) -> None:
    assert bool(Guard().of_pass(expected, absent)) == is_held
    assert bool(Guard().of_list(WHOLE, expected - absent or 1, expected, absent)) == is_held


@pytest.mark.parametrize(("kind", "is_held"), [(WHOLE, True), (NEAR, False)])
def test_a_list_that_had_one_row_and_is_empty(kind: str, is_held: bool) -> None:
    assert bool(Guard().of_list(kind, 0, 1, 1)) == is_held


def test_a_list_that_shows_other_records_is_not_empty() -> None:
    assert Guard().of_list(WHOLE, 1, 2, 2) is None


@given(expected=COUNTS, absent=COUNTS, share=st.floats(0, 1), least=st.integers(1, 1000))
def test_more_absent_is_never_less_suspicious(expected: int, absent: int, share: float, least: int) -> None:
    guard = Guard(share, least)
    if guard.of_pass(expected, absent):
        assert guard.of_pass(expected, absent + 1)
        assert absent >= least
    assert guard.of_pass(expected, 0) is None
