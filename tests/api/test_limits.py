"""Pacing, in virtual time: no window of a minute holds more calls than the budget."""

from __future__ import annotations

import asyncio
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from breezeway_sync.api.limits import CallBudget, GlobalLimiter, pace

from .virtual_time import run

NUMBERS = st.one_of(st.integers(1, 12), st.integers(1, 400), st.sampled_from([180, 200, 719, 5000]))


async def call(budget: CallBudget, at: list[float], lasts: float = 0.0) -> None:
    async with budget.slot():
        at.append(asyncio.get_running_loop().time())
        await asyncio.sleep(lasts)


def most_in_a_minute(at: list[float]) -> int:
    at = sorted(at)
    first, most = 0, 0
    for last, moment in enumerate(at):
        while moment - at[first] > 60.0:
            first += 1
        most = max(most, last - first + 1)
    return most


def test_a_bucket_and_a_minutes_leakage_are_no_more_than_the_budget() -> None:
    for number in (*range(1, 3000), 10_000, 1_000_000):
        burst, period = pace(number)
        if burst == 1:
            assert 60.0 / number < period <= 1.02 * 60.0 / number
        else:
            assert burst + 60.0 * burst / period == pytest.approx(number)


def test_a_budget_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="wanted 1 or more"):
        pace(0)


@settings(max_examples=60, deadline=None)
@given(
    number=NUMBERS,
    gaps=st.lists(st.one_of(st.just(0.0), st.floats(0, 3), st.floats(0, 90)), min_size=1, max_size=12),
    batch=st.integers(1, 60),
    semaphore=st.integers(1, 6),
    lasts=st.floats(0, 20),
)
def test_no_minute_sees_more_than_the_budget(
    number: int, gaps: list[float], batch: int, semaphore: int, lasts: float
) -> None:
    """Whatever arrives when, and although calls wait for their place in a flight that others crowd."""

    async def main() -> list[float]:
        at: list[float] = []
        global_limiter = GlobalLimiter(semaphore)
        budget, other = CallBudget(number, 50, global_limiter), CallBudget(50, 50, global_limiter)
        tasks = []
        for gap in gaps:
            await asyncio.sleep(gap)
            tasks += [asyncio.create_task(call(other, [], lasts)) for _ in range(3)]
            tasks += [asyncio.create_task(call(budget, at, lasts / 7)) for _ in range(batch)]
        await asyncio.gather(*tasks)
        return at

    at = run(main())
    assert len(at) == batch * len(gaps)
    assert most_in_a_minute(at) <= number


@settings(max_examples=10, deadline=None)
@given(number=st.integers(180, 1500))
def test_a_busy_account_gets_nearly_all_of_its_budget(number: int) -> None:
    async def main() -> int:
        at: list[float] = []
        budget = CallBudget(number, 8, GlobalLimiter(16))
        tasks = [asyncio.create_task(call(budget, at)) for _ in range(4 * number)]
        await asyncio.sleep(180.0)
        for task in tasks:
            task.cancel()
        return len(at)

    assert run(main()) >= 0.95 * number * 3


def test_a_million_a_minute() -> None:
    async def main() -> float:
        at: list[float] = []
        budget = CallBudget(1_000_000, 500, GlobalLimiter(500))
        await asyncio.gather(*(call(budget, at) for _ in range(3000)))
        return at[-1] - at[0]

    assert run(main()) < 1.0


def test_one_a_minute_is_one_in_any_minute() -> None:
    async def main() -> list[float]:
        at: list[float] = []
        budget = CallBudget(1, 8, GlobalLimiter(16))
        await asyncio.gather(*(call(budget, at) for _ in range(4)))
        return at

    assert all(60.0 < later - earlier < 62.0 for earlier, later in pairwise(run(main())))


def test_calls_in_flight_are_bounded_per_account_and_in_all() -> None:
    async def main() -> tuple[int, int]:
        flying: list[str] = []
        most = {"one": 0, "all": 0}
        global_limiter = GlobalLimiter(5)

        async def fly(budget: CallBudget, name: str) -> None:
            async with budget.slot():
                flying.append(name)
                most["one"] = max(most["one"], flying.count(name))
                most["all"] = max(most["all"], len(flying))
                await asyncio.sleep(10)
                flying.remove(name)

        budgets = {name: CallBudget(100_000, 3, global_limiter) for name in "abc"}
        await asyncio.gather(*(fly(budget, name) for name, budget in budgets.items() for _ in range(9)))
        return most["one"], most["all"]

    assert run(main()) == (3, 5)


def test_a_pause_stops_calls_that_already_wait_for_their_turn() -> None:
    async def main() -> tuple[list[float], list[float]]:
        at: list[float] = []
        told: list[float] = []
        budget = CallBudget(2, 8, GlobalLimiter(16), on_pause=told.append)
        began = asyncio.get_running_loop().time()
        tasks = [asyncio.create_task(call(budget, at)) for _ in range(3)]
        await asyncio.sleep(1.0)
        assert budget.pause(200.0)
        assert not budget.pause(100.0), "a shorter pause changes nothing"
        assert budget.paused_for_seconds() == pytest.approx(200.0)
        await asyncio.gather(*tasks)
        assert budget.paused_for_seconds() == 0.0
        return [moment - began for moment in at], told

    at, told = run(main())
    assert at[0] == pytest.approx(0.0, abs=1e-3)
    assert at[1] > 200.99
    assert told == [200.0]


def test_a_pause_stops_a_call_that_waits_for_its_place_in_the_flight() -> None:
    async def main() -> float:
        at: list[float] = []
        global_limiter = GlobalLimiter(1)
        blocker, budget = CallBudget(600, 1, global_limiter), CallBudget(600, 8, global_limiter)
        began = asyncio.get_running_loop().time()
        tasks = [asyncio.create_task(call(blocker, [], 10.0)), asyncio.create_task(call(budget, at))]
        await asyncio.sleep(5.0)
        budget.pause(100.0)
        await asyncio.gather(*tasks)
        return at[0] - began

    assert run(main()) > 104.99


def test_a_paused_account_takes_no_place_from_the_others() -> None:
    async def main() -> float:
        at: list[float] = []
        global_limiter = GlobalLimiter(2)
        paused, other = CallBudget(600, 8, global_limiter), CallBudget(600, 8, global_limiter)
        paused.pause(500.0)
        waiting = [asyncio.create_task(call(paused, [])) for _ in range(8)]
        await asyncio.sleep(1.0)
        began = asyncio.get_running_loop().time()
        await asyncio.gather(*(call(other, at) for _ in range(4)))
        await asyncio.gather(*waiting)
        return max(at) - began

    assert run(main()) < 1.0


def test_the_first_call_waits_for_the_rest_of_the_last_process() -> None:
    async def main() -> tuple[float, float]:
        budget = CallBudget(200, 4, GlobalLimiter(4), first_call_in_seconds=7.0)
        assert budget.next_call_in_seconds() == pytest.approx(7.0)
        began = asyncio.get_running_loop().time()
        async with budget.slot() as waited:
            return asyncio.get_running_loop().time() - began, waited

    assert run(main()) == pytest.approx((7.0, 7.0))


@settings(max_examples=30, deadline=None)
@given(number=st.integers(1, 300), before=st.integers(0, 80), gap=st.floats(0, 30), pause=st.floats(0, 90))
def test_two_processes_one_after_the_other_keep_the_limit(number: int, before: int, gap: float, pause: float) -> None:
    async def main() -> list[float]:
        at: list[float] = []
        first = CallBudget(number, 8, GlobalLimiter(8))
        await asyncio.gather(*(call(first, at) for _ in range(min(before, 3 * number))))
        first.pause(pause)
        await asyncio.sleep(gap)
        paused_until = asyncio.get_running_loop().time() + first.paused_for_seconds()
        assert first.next_call_in_seconds() <= max(first.drain_seconds, pause) + 1e-6
        second = CallBudget(number, 8, GlobalLimiter(8), first.next_call_in_seconds())
        later: list[float] = []
        await asyncio.gather(*(call(second, later) for _ in range(min(80, 3 * number))))
        assert min(later) >= paused_until - 1e-6
        return at + later

    assert most_in_a_minute(run(main())) <= number


@settings(max_examples=30, deadline=None)
@given(cancelled=st.lists(st.tuples(st.integers(0, 39), st.floats(0, 40)), max_size=30))
def test_cancelled_calls_leave_their_places_free(cancelled: list[tuple[int, float]]) -> None:
    async def main() -> None:
        global_limiter = GlobalLimiter(2)
        budget = CallBudget(120, 3, global_limiter)
        tasks = [asyncio.create_task(call(budget, [], 1.5)) for _ in range(40)]
        loop = asyncio.get_running_loop()
        for index, after in cancelled:
            loop.call_later(after, tasks[index].cancel)
        await asyncio.gather(*tasks, return_exceptions=True)
        at: list[float] = []
        async with asyncio.timeout(30):
            await asyncio.gather(*(call(budget, at, 1.0) for _ in range(3)))
        assert len(at) == 3

    run(main())
