"""Doing something for many things, some at once."""

from __future__ import annotations

import asyncio

import pytest

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
