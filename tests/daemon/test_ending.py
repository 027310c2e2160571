"""Ending what goes on: in order where it can, in bounded time where it cannot."""

from __future__ import annotations

import asyncio

import pytest

from breezeway_sync.service.worker import beside, stop
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


def test_what_goes_on_beside_tells_its_failure() -> None:
    told: list[str] = []

    async def fails() -> None:
        await asyncio.sleep(1)
        raise ValueError("no")

    async def main() -> None:
        with pytest.raises(ValueError, match="no"):
            async with beside(fails(), lambda: told.append("failed")):
                await asyncio.sleep(5)
        async with beside(asyncio.sleep(1000), lambda: told.append("never")):
            await asyncio.sleep(5)

    run(main())
    assert told == ["failed"]
