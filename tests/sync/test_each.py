"""Doing something for many things, some at once."""

from __future__ import annotations

import asyncio

import pytest

from breezeway_sync.core.memory_budget import MemoryBudget
from breezeway_sync.sync.job import each


async def test_every_thing_is_done_once_some_at_a_time() -> None:
    done: list[int] = []
    active = most = 0

    async def work(thing: int) -> None:
        nonlocal active, most
        active += 1
        most = max(most, active)
        await asyncio.sleep(0)
        active -= 1
        done.append(thing)

    await each(range(50), 4, work)
    assert sorted(done) == list(range(50))
    assert most == 4


async def test_nothing_to_do_is_done_at_once() -> None:
    async def work(_thing: int) -> None:
        raise AssertionError

    await each([], 8, work)


async def test_the_first_error_cancels_the_others_and_waits_for_them() -> None:
    started: list[int] = []
    ended: list[int] = []

    async def work(thing: int) -> None:
        started.append(thing)
        try:
            if thing == 2:
                await asyncio.sleep(0)
                raise ValueError("two")
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0.005)
            ended.append(thing)

    with pytest.raises(ValueError, match="two"):
        await each(range(100), 3, work)
    assert sorted(started) == sorted(ended) == [0, 1, 2]


async def test_who_is_cancelled_cancels_and_waits_for_all() -> None:
    ended: list[int] = []
    running = asyncio.Event()

    async def work(thing: int) -> None:
        running.set()
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0.005)
            ended.append(thing)

    task = asyncio.ensure_future(each(range(100), 3, work))
    await running.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert sorted(ended) == [0, 1, 2]


async def test_hands_are_shared_and_one_is_always_there() -> None:
    memory = MemoryBudget(worker_slots=3)
    active: dict[str, int] = {"a": 0, "b": 0}
    most = {"a": 0, "b": 0, "all": 0}

    async def all_of(name: str) -> None:
        async def work(_thing: int) -> None:
            active[name] += 1
            most[name] = max(most[name], active[name])
            most["all"] = max(most["all"], sum(active.values()))
            await asyncio.sleep(0)
            active[name] -= 1

        await each(range(20), 4, work, memory)

    await asyncio.gather(all_of("a"), all_of("b"))
    assert min(most.values()) >= 1
    assert most["all"] == 2 + 3
    assert [memory.take_hand() for _ in range(4)] == [True, True, True, False]


async def test_hands_come_back_after_an_error_and_help_whoever_goes_on() -> None:
    memory = MemoryBudget(worker_slots=2)
    begun, most = asyncio.Event(), 0

    async def fail(_thing: int) -> None:
        begun.set()
        await asyncio.sleep(0)
        raise ValueError("one")

    async def work(thing: int) -> None:
        nonlocal most
        if thing == 0:
            with pytest.raises(ValueError, match="one"):
                await each(range(9), 3, fail, memory)
        most = max(most, thing)

    await each(range(9), 1, work, memory)
    assert begun.is_set()
    assert most == 8
    assert [memory.take_hand() for _ in range(3)] == [True, True, False]
