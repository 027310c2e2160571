"""What must be done is done, however often whoever waits for it is cancelled; and nothing goes on behind a failure."""

from __future__ import annotations

import asyncio

import pytest

from breezeway_sync.core.waiting import finish, together


async def test_finish_outlives_a_second_cancellation() -> None:
    done: list[str] = []
    may_end = asyncio.Event()

    async def work() -> None:
        await may_end.wait()
        done.append("work")

    waiting = asyncio.ensure_future(finish(work()))
    for _ in range(2):
        await asyncio.sleep(0)
        waiting.cancel()
    await asyncio.sleep(0)
    may_end.set()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert done == ["work"]


async def test_together_waits_for_the_others_when_it_is_cancelled() -> None:
    ended: list[str] = []

    async def work(name: str, cleanup_turns: int) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            for _ in range(cleanup_turns):
                await asyncio.sleep(0)
            ended.append(name)

    waiting = asyncio.ensure_future(together([work("quick", 0), work("slow", 20)]))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert ended == ["quick", "slow"]


async def test_together_cancels_the_others_when_one_fails() -> None:
    ended: list[str] = []

    async def fail() -> None:
        raise ValueError("wrong")

    async def wait() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("other")

    with pytest.raises(ValueError, match="wrong"):
        await together([wait(), fail()])
    assert ended == ["other"]
