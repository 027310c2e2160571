"""When so much is gone at once that a person must decide."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from breezeway_sync.entities.checkpoints import BACKFILL, FULL, WINDOW
from breezeway_sync.entities.guard import Guard

COUNTS = st.integers(0, 10_000)


@pytest.mark.parametrize(
    ("live", "gone", "needs_review"),
    [(1000, 0, False), (1000, 50, False), (1000, 51, True), (100, 19, False), (100, 20, True), (20, 20, True)],
)
def test_five_percent_and_twenty(live: int, gone: int, needs_review: bool) -> None:
    assert bool(Guard().of_deletion(gone, live)) == needs_review
    assert Guard().is_too_many(gone, live) == needs_review


def test_so_few_are_never_too_many_also_where_they_are_all() -> None:
    assert Guard().of_deletion(1, 1) is None
    assert Guard().of_deletion(19, 19) is None
    assert Guard().of_list(FULL, 0, 19, can_be_asked=True) is None


@pytest.mark.parametrize(("kind", "is_doubted"), [(FULL, True), (WINDOW, False), (BACKFILL, False)])
def test_a_list_of_many_that_is_empty_is_not_believed(kind: str, is_doubted: bool) -> None:
    assert bool(Guard().of_list(kind, 0, 20, can_be_asked=True)) == is_doubted


@pytest.mark.parametrize(("can_be_asked", "is_doubted"), [(True, False), (False, True)])
def test_an_empty_list_of_few_is_believed_where_each_can_be_asked(can_be_asked: bool, is_doubted: bool) -> None:
    assert bool(Guard().of_list(FULL, 0, 1, can_be_asked=can_be_asked)) == is_doubted


@given(shown=st.integers(1, 10), expected=COUNTS, can_be_asked=st.booleans())
def test_a_list_that_shows_anything_is_believed(shown: int, expected: int, can_be_asked: bool) -> None:
    assert Guard().of_list(FULL, shown, expected, can_be_asked=can_be_asked) is None


@given(live=COUNTS, gone=COUNTS, share=st.floats(0, 1), least=st.integers(1, 1000))
def test_more_gone_is_never_less_suspicious(live: int, gone: int, share: float, least: int) -> None:
    guard = Guard(share, least)
    if guard.is_too_many(gone, live):
        assert guard.is_too_many(gone + 1, live)
        assert gone >= least
    assert not guard.is_too_many(0, live)
