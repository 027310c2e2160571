"""Calls under way: fewer after trouble, more again without, for an account and for all of them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import httpx
import pytest

from breezeway_sync.api.limits import CallBudget, GlobalLimiter
from breezeway_sync.core import errors

from .support import Service, account, envelope
from .virtual_time import run

Told = list[tuple[int, str]]


@dataclass
class Crowd:
    """An account with many calls to make, a told flight, and how many were under way at once since `mark`."""

    told: Told = field(default_factory=list)
    all_told: Told = field(default_factory=list)
    under_way: int = 0
    most: int = 0

    def __post_init__(self) -> None:
        self.global_limiter = GlobalLimiter(24, lambda *change: self.all_told.append(change))
        self.budget = self.another(self.told)

    def another(self, told: Told) -> CallBudget:
        return CallBudget(1_000_000, 8, self.global_limiter, on_resize=lambda *change: told.append(change))

    async def call(self, seconds: float = 1.0, error: errors.ApiError | None = None) -> None:
        slot = self.budget.slot()
        async with slot:
            self.under_way += 1
            self.most = max(self.most, self.under_way)
            await asyncio.sleep(seconds)
            self.under_way -= 1
            if error is None:
                slot.answered("/task/", 1000)
            else:
                slot.troubled(error)

    async def calls(self, count: int, seconds: float = 1.0, error: errors.ApiError | None = None) -> None:
        await asyncio.gather(*(self.call(seconds, error) for _ in range(count)))


def limited() -> errors.ApiError:
    return errors.RateLimited("429", endpoint="/task/", retry_after_seconds=None)


def blocked() -> errors.ApiError:
    return errors.EdgeBlocked("403", endpoint="/task/", status=403)


def crowded(story: Callable[[Crowd], Awaitable[None]]) -> Crowd:
    async def main() -> Crowd:
        crowd = Crowd()
        await story(crowd)
        return crowd

    return run(main())


def test_a_429_halves_the_account_once_and_calls_that_wait_obey_at_once() -> None:
    async def story(crowd: Crowd) -> None:
        failing = asyncio.create_task(crowd.calls(8, 1.0, limited()))
        await asyncio.sleep(0.5)
        waiting = asyncio.create_task(crowd.calls(12, 0.5))
        await failing
        crowd.most = 0
        await asyncio.sleep(0.4)
        assert crowd.most == 4
        await waiting

    crowd = crowded(story)
    assert crowd.told == [(8, "started"), (4, "rate_limited"), (5, "recovered"), (6, "recovered")]
    assert crowd.all_told == [(24, "started")]


def test_a_block_halves_the_account_and_all_together() -> None:
    crowd = crowded(lambda crowd: crowd.calls(8, 1.0, blocked()))
    assert crowd.told == [(8, "started"), (4, "edge_blocked")]
    assert crowd.all_told == [(24, "started"), (4, "edge_blocked")]


@pytest.mark.parametrize("kind", [errors.ServerFailed, errors.NotFound, errors.ApiUnreachable])
def test_other_failures_say_nothing_of_how_many(kind: type[errors.ApiError]) -> None:
    crowd = crowded(lambda crowd: crowd.calls(30, 1.0, kind("it failed", endpoint="/task/")))
    assert crowd.told == [(8, "started")]


def test_answers_that_slow_down_lower_the_account_alone() -> None:
    async def story(crowd: Crowd) -> None:
        await crowd.calls(60, 0.5)
        await crowd.calls(200, 4.0)

    crowd = crowded(story)
    assert [reason for _, reason in crowd.told].count("slow") == 1
    assert crowd.told[1] in [(3, "slow"), (4, "slow")]
    assert crowd.told[-1] == (8, "recovered")
    assert crowd.all_told == [(24, "started")]


def test_slow_answers_before_a_decrease_decide_nothing_after_it() -> None:
    async def story(crowd: Crowd) -> None:
        await crowd.calls(60, 0.5)
        await crowd.calls(20, 4.0)
        await crowd.calls(1, 1.0, limited())
        await crowd.calls(12, 4.0)

    assert "slow" not in [reason for _, reason in crowded(story).told]


def test_a_call_passes_none_of_its_account_that_was_just_let_in() -> None:
    async def story(crowd: Crowd) -> None:
        crowd.global_limiter.resize(1)
        started: list[str] = []

        async def call(name: str) -> None:
            async with crowd.budget.slot():
                started.append(name)

        blocker = asyncio.create_task(crowd.call(5.0))
        await asyncio.sleep(0.1)
        first = asyncio.create_task(call("first"))
        await asyncio.sleep(0.1)
        second = asyncio.create_task(call("second"))
        crowd.global_limiter.resize(3)
        await asyncio.gather(blocker, first, second)
        assert started == ["first", "second"]

    crowded(story)


def test_a_healthy_service_is_asked_by_as_many_as_are_allowed() -> None:
    crowd = crowded(lambda crowd: crowd.calls(2_000, 0.9))
    assert (crowd.told, crowd.most) == ([(8, "started")], 8)


def test_a_lowered_number_holds_for_a_call_that_waits_in_the_flight() -> None:
    async def story(crowd: Crowd) -> None:
        began = asyncio.get_running_loop().time()
        other = crowd.another([])
        crowd.global_limiter.resize(6)

        async def hold() -> None:
            async with other.slot():
                await asyncio.sleep(20.0)

        holding = [asyncio.create_task(hold()) for _ in range(3)]
        own = [asyncio.create_task(crowd.call(seconds)) for seconds in (10.0, 10.0)]
        failing = asyncio.create_task(crowd.call(1.0, limited()))
        await asyncio.sleep(0.5)
        late = asyncio.create_task(crowd.call(0.0))
        await asyncio.gather(failing, late)
        assert asyncio.get_running_loop().time() - began >= 10.0
        await asyncio.gather(*own, *holding)

    assert crowded(story).told[1] == (1, "rate_limited")


def test_two_hundred_accounts_share_the_flight_evenly() -> None:
    """No account waits for its next call longer than all the others take for one."""

    async def main() -> tuple[list[int], list[int]]:
        global_limiter = GlobalLimiter(24)
        done = [0] * 200

        async def work(number: int) -> None:
            budget = CallBudget(1_000_000, 8, global_limiter)

            async def calls() -> None:
                while True:
                    async with budget.slot():
                        await asyncio.sleep(1.0)
                    done[number] += 1

            await asyncio.gather(*(calls() for _ in range(8)))

        tasks = [asyncio.create_task(work(number)) for number in range(200)]
        await asyncio.sleep(20.5)  # the first accounts found all places free
        start = list(done)
        await asyncio.sleep(100.0)
        before = list(done)
        now = asyncio.get_running_loop().time()
        global_limiter.shrink(now - 1.0, now, 24, "edge_blocked")
        await asyncio.sleep(100.0)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        return [before[n] - start[n] for n in range(200)], [done[n] - before[n] for n in range(200)]

    whole, half = run(main())
    assert 11 <= min(whole) <= max(whole) <= 13
    assert 5 <= min(half) <= max(half) <= 7


def test_the_client_tells_how_calls_went() -> None:
    """A block in HTML, then answers: the numbers fall and come back to what is configured."""
    answers = [httpx.Response(403, html="<html>blocked</html>") for _ in range(4)]

    async def handle(_request: httpx.Request) -> httpx.Response:
        await asyncio.sleep(0.2)
        return answers.pop() if answers else envelope([])

    async def main() -> tuple[Told, Told]:
        told: Told = []
        all_told: Told = []
        global_limiter = GlobalLimiter(4, lambda *change: all_told.append(change))
        async with account(
            Service(handle),
            max_in_flight=8,
            global_limiter=global_limiter,
            on_resize=lambda *change: told.append(change),
        ) as setup:
            await asyncio.gather(*(setup.api.listing("/task/", "/task/") for _ in range(60)))
        return told, all_told

    told, all_told = run(main())
    assert [reason for _, reason in told].count("edge_blocked") == 1
    assert told[1] == (2, "edge_blocked")
    assert [size for size, _ in all_told] == [4, 2, 3, 4]
    assert [size for size, _ in told[1:]] == list(range(2, 9))


def test_closing_ends_calls_that_wait_for_a_lowered_number() -> None:
    async def story(crowd: Crowd) -> None:
        await crowd.calls(2, 1.0, limited())
        flying = asyncio.create_task(crowd.call(5.0))
        waiting = [asyncio.create_task(crowd.call()) for _ in range(5)]
        await asyncio.sleep(1.0)
        crowd.budget.close()
        found = await asyncio.gather(*waiting, return_exceptions=True)
        assert {type(one) for one in found} == {errors.ShuttingDown}
        await flying

    assert crowded(story).most == 2
