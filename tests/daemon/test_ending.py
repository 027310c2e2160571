"""Ending what goes on: in order where it can, in bounded time where it cannot."""

from __future__ import annotations

import asyncio
import itertools

import pytest

from breezeway_sync.core.events import Crashed, Event
from breezeway_sync.service.worker import RESTS, beside, stop
from tests.api.virtual_time import run


def test_stop_cancels_and_waits_only_so_long() -> None:
    async def stubborn() -> None:
        while True:
            try:
                await asyncio.sleep(1000)
            except asyncio.CancelledError:
                await asyncio.sleep(7)
                return

    async def main() -> tuple[bool, float, bool]:
        loop = asyncio.get_running_loop()
        began = loop.time()
        task = asyncio.create_task(stubborn())
        in_time = await stop([task], 10, 5)
        seconds = loop.time() - began
        is_done = task.done()
        await task
        return in_time, seconds, is_done

    in_time, seconds, is_done = run(main())
    assert not in_time
    assert seconds == pytest.approx(15, abs=0.01)
    assert not is_done


@pytest.mark.parametrize(
    "error",
    [OSError(24, "Too many open files"), MemoryError(), RuntimeError("can't start new thread"), ValueError("x")],
)
def test_what_goes_on_beside_fails_is_told_and_begins_again(error: Exception) -> None:
    told: list[Event] = []
    begun: list[float] = []

    async def fails() -> None:
        begun.append(asyncio.get_running_loop().time() - 1000)
        raise error

    async def main() -> None:
        async with beside("look", fails, told.append):
            await asyncio.sleep(600)

    run(main())
    assert {type(event) for event in told} == {Crashed}
    assert len(told) == len(begun) > 30
    waits = [after - before for before, after in itertools.pairwise(begun)]
    assert waits[0] == pytest.approx(1.0, abs=0.01)
    assert max(waits) == pytest.approx(RESTS.longest_seconds, abs=0.01), "so that a log does not fill"


def test_what_goes_on_beside_ends_with_the_block() -> None:
    told: list[Event] = []

    async def main() -> None:
        async with beside("look", lambda: asyncio.sleep(1000), told.append):
            await asyncio.sleep(5)

    run(main())
    assert told == []
