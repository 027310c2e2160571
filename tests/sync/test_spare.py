"""How many calls may go to records that lists do not show."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from breezeway_sync.sync.run_budget import LEAST_ASKED, RunBudget, calls_to_spare

CALLS = st.integers(0, 1_000_000)


@pytest.mark.parametrize(
    ("scan_calls", "taken", "left"),
    [(0, 0, 5400), (800, 0, 5000), (800, 4000, 1000), (10_800, 0, LEAST_ASKED), (800, 5000, LEAST_ASKED)],
)
def test_half_of_what_lists_leave_of_an_hour(scan_calls: int, taken: int, left: int) -> None:
    assert calls_to_spare(180.0, scan_calls, taken) == left


@given(per_minute=st.floats(1, 10_000), scan_calls=CALLS, taken=CALLS)
def test_some_are_asked_whatever_lists_need_and_never_more_than_half(
    per_minute: float, scan_calls: int, taken: int
) -> None:
    left = calls_to_spare(per_minute, scan_calls, taken)
    assert LEAST_ASKED <= left <= max(LEAST_ASKED, per_minute * 30)
    assert calls_to_spare(per_minute, scan_calls + 1, taken) <= left


def test_the_calls_of_all_jobs_count_and_those_that_asked_only_once() -> None:
    run_budget = RunBudget()
    lists, asking = run_budget.tally(), run_budget.tally()
    lists.calls, asking.calls, run_budget.asked = 800, 1000, 1000
    assert run_budget.take(range(2000), 180.0) == range(2000)
    assert run_budget.left(180.0) == 3000
    assert run_budget.take(range(5000), 180.0) == range(3000)
    assert run_budget.left(180.0) == LEAST_ASKED
