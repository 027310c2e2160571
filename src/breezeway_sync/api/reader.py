"""Reads a paged list: requests pages ahead, returns them in order, and holds no more than the window."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime

from breezeway_sync.api.pages import PageReading
from breezeway_sync.api.results import FetchedPage
from breezeway_sync.core.memory_budget import MemoryBudget
from breezeway_sync.entities.decode import ListBody


@dataclass(frozen=True, slots=True)
class Answered:
    """A list's body and when the attempt that brought it was sent (`Clock.monotonic`, UTC)."""

    body: ListBody
    requested_at: float
    requested_wall: datetime
    size_bytes: int


async def read_pages(
    ask: Callable[[int], Awaitable[Answered]], asked_limit: int, concurrency: int, memory: MemoryBudget
) -> AsyncGenerator[FetchedPage, None]:
    """Pages in order, the last one marked; `ask` fetches one by its number and raises ApiErrors.

    An error of page n is raised after page n - 1. However the reading ends, calls under way are
    cancelled and awaited: close the generator when it is not read to its end. Pages take `room` from their
    answer until whoever reads asks for the next one.
    """

    async def held(number: int) -> Answered:
        answered = await ask(number)
        memory.take(answered.size_bytes)
        return answered

    reading = PageReading(asked_limit)
    ahead: dict[int, asyncio.Task[Answered]] = {}
    try:
        while True:
            for number in reading.window(concurrency):
                if number not in ahead:
                    ahead[number] = asyncio.ensure_future(held(number))
            number = reading.number + 1
            # Taken out when it is ours: who is cancelled in the moment of the answer leaves its room to the end.
            answered = await ahead[number]
            del ahead[number]
            judgement, reading = reading.judge(answered.body)
            try:
                yield FetchedPage(
                    items=judgement.fresh,
                    number=reading.number,
                    requested_at=answered.requested_at,
                    requested_wall=answered.requested_wall,
                    total_pages=answered.body.total_pages,
                    total_results=answered.body.total_results,
                    is_last=judgement.is_last,
                    is_complete=judgement.is_complete,
                    is_repeat=judgement.is_repeat,
                    size_bytes=answered.size_bytes,
                )
            finally:
                memory.give_back(answered.size_bytes)
            if judgement.is_last:
                return
    finally:
        for task in ahead.values():
            task.cancel()
        left = await asyncio.gather(*ahead.values(), return_exceptions=True)
        memory.give_back(sum(one.size_bytes for one in left if isinstance(one, Answered)))
