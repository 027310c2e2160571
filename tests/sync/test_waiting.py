"""What must be done is done, however often whoever waits for it is cancelled; and nothing goes on behind a failure."""

from __future__ import annotations

import asyncio

import pytest

from breezeway_sync.core.waiting import finish, task_group, together


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


async def test_finish_tells_what_failed_and_that_it_was_cancelled() -> None:
    async def fail() -> None:
        await asyncio.sleep(0)
        raise ValueError("wrong")

    with pytest.raises(ValueError, match="wrong"):
        await finish(fail())
    waiting = asyncio.ensure_future(finish(fail()))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError) as cancelled:
        await waiting
    assert isinstance(cancelled.value.__cause__, ValueError)


@pytest.mark.parametrize("where", ["in the block", "at its end"])
@pytest.mark.parametrize("is_cancelled", [False, True])
async def test_who_is_cancelled_stays_so_though_a_task_fails_with_it(where: str, is_cancelled: bool) -> None:
    """And who is not is not counted as cancelled either, which would make later timeouts cancel too much."""
    may_fail, ended = asyncio.Event(), asyncio.Event()
    counted: list[int] = []

    async def fail() -> None:
        try:
            await may_fail.wait()
        finally:
            raise ValueError("wrong")

    async def body() -> None:
        task = asyncio.current_task()
        assert task is not None
        try:
            async with task_group() as begin:
                begin(fail())
                if where == "in the block":
                    await ended.wait()
        finally:
            counted.append(task.cancelling())

    running = asyncio.ensure_future(body())
    for _ in range(3):
        await asyncio.sleep(0)
    may_fail.set()
    if is_cancelled:
        running.cancel()
    with pytest.raises(asyncio.CancelledError if is_cancelled else ValueError) as raised:
        await running
    assert counted == [int(is_cancelled)]
    assert isinstance(raised.value.__cause__ if is_cancelled else raised.value, ValueError)
