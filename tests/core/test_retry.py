"""The policy of retries: waits that grow to a bound, counts and times that end them, and the loop that follows it."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import Awaitable, Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from breezeway_sync.core.errors import DatabaseBusy, DatabaseError, DataRefused
from breezeway_sync.core.retry import RetryPolicy, retried
from tests.api.virtual_time import run

READINGS = RetryPolicy(first_seconds=5.0, longest_seconds=900.0)


def waits(policy: RetryPolicy, many: int, chance: float = 0.5) -> list[float | None]:
    return [policy.wait_seconds(failed, chance=lambda: chance) for failed in range(1, many + 1)]


def test_waits_double_up_to_the_longest() -> None:
    assert waits(READINGS, 9) == [5, 10, 20, 40, 80, 160, 320, 640, 900]


def test_waits_grow_by_the_factor_until_the_attempts_are_used_up() -> None:
    assert waits(RetryPolicy(first_seconds=2.0, factor=4.0, attempts=3), 4) == [2.0, 8.0, None, None]


@pytest.mark.parametrize(("chance", "expected"), [(0.0, [1.0, 2.0]), (0.5, [2.0, 4.0]), (1.0, [3.0, 6.0])])
def test_chance_makes_each_wait_shorter_or_longer_by_its_share(chance: float, expected: list[float]) -> None:
    assert waits(RetryPolicy(first_seconds=2.0, jitter=0.5), 2, chance) == expected


def test_no_wait_begins_after_the_time_is_over() -> None:
    policy = RetryPolicy(first_seconds=1.0, within_seconds=90.0)
    assert (policy.wait_seconds(1, 89.9), policy.wait_seconds(1, 90.0)) == (1.0, None)


@given(st.integers(1, 10**6), st.floats(0, 1))
def test_any_number_of_failures_has_a_wait_within_the_bounds(failed: int, chance: float) -> None:
    wait = RetryPolicy(0.5, 15.0, jitter=0.5).wait_seconds(failed, chance=lambda: chance)
    assert wait is not None
    assert 0.25 <= wait <= 22.5


def failing(*errors: Exception) -> tuple[list[float], Callable[[], Awaitable[str]]]:
    """When it was called, and work that fails with each of these before it succeeds."""
    called: list[float] = []
    left = list(errors)

    async def work() -> str:
        called.append(asyncio.get_running_loop().time() - 1_000.0)
        if left:
            raise left.pop(0)
        return "done"

    return called, work


def test_work_is_made_again_after_each_wait() -> None:
    called, work = failing(DatabaseBusy("locked"), DatabaseBusy("locked"))
    assert run(retried(work, READINGS, DatabaseBusy)) == "done"
    assert called == pytest.approx([0.0, 5.0, 15.0], abs=1e-3)


@pytest.mark.parametrize("error", [DataRefused("a bad row"), ValueError()])
def test_what_does_not_pass_or_is_of_another_kind_is_raised_at_once(error: Exception) -> None:
    called, work = failing(error)
    with pytest.raises(type(error)):
        run(retried(work, READINGS, DatabaseError))
    assert len(called) == 1


def test_the_last_error_is_raised_when_attempts_or_time_are_used_up() -> None:
    first, second, third = (DatabaseBusy(name) for name in ("first", "second", "third"))
    for policy in (RetryPolicy(first_seconds=60.0, attempts=2), RetryPolicy(first_seconds=60.0, within_seconds=60.0)):
        _, work = failing(first, second, third)
        with pytest.raises(DatabaseBusy, match="second"):
            run(retried(work, policy, DatabaseBusy))


async def test_a_retry_leaves_nothing_to_the_collector() -> None:
    seen: list[weakref.ref[Exception]] = []

    class Error(Exception):
        def __init__(self) -> None:
            seen.append(weakref.ref(self))

    async def work() -> None:
        if not seen:
            raise Error
        # Also while it is made again, the first error is gone.
        assert seen[0]() is None

    gc.disable()
    try:
        await retried(work, RetryPolicy(), Error, lambda _error: True)
    finally:
        gc.enable()
