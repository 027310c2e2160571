"""What is held of answers is bounded, and given back however the reading ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from datetime import UTC, datetime

import httpx
import pytest

from breezeway_sync.api.limits import GlobalLimiter
from breezeway_sync.api.reader import Answered, read_pages
from breezeway_sync.core.errors import ApiError
from breezeway_sync.core.memory_budget import MemoryBudget
from breezeway_sync.entities.decode import ListBody

from .support import Service, account, envelope
from .virtual_time import run

PAGES = 12


def answer(request: httpx.Request) -> httpx.Response:
    """Twelve full pages of two, of which the ninth fails for good where `broken` is asked for."""
    number = int(request.url.params["page"])
    if number == 9 and "broken" in request.url.params:
        return httpx.Response(422, json={"error": "no"})
    items: list[object] = [{"id": 2 * number}, {"id": 2 * number + 1}] if number <= PAGES else []
    return envelope(items, total_pages=PAGES, total_results=2 * PAGES)


async def read_slowly(pages: AsyncIterator[object]) -> None:
    async for _ in pages:
        await asyncio.sleep(1)


def test_pages_take_room_until_they_are_taken_and_never_longer() -> None:
    async def main(params: tuple[tuple[str, str], ...], read: int) -> tuple[int, int]:
        global_limiter = GlobalLimiter(16)
        most = 0
        async with account(Service(answer), global_limiter=global_limiter, page_size=2) as setup:
            pages = setup.api.pages("/supplies", "/supplies", params, concurrency=4)
            async with aclosing(pages):
                async for page in pages:
                    await asyncio.sleep(1)  # everything ahead is there
                    assert page.size_bytes > 0
                    most = max(most, global_limiter.memory.held_bytes // page.size_bytes)
                    if page.number == read:
                        break
        return most, global_limiter.memory.held_bytes

    assert run(main((), PAGES)) == (4, 0)
    assert run(main((), 3)) == (4, 0)
    with pytest.raises(ApiError):
        run(main((("broken", "1"),), PAGES))


def test_room_is_given_back_after_an_error() -> None:
    async def main() -> int:
        global_limiter = GlobalLimiter(16)
        async with account(Service(answer), global_limiter=global_limiter, page_size=2) as setup:
            pages = setup.api.pages("/supplies", "/supplies", (("broken", "1"),), concurrency=4)
            with pytest.raises(ApiError):
                await read_slowly(pages)
        return global_limiter.memory.held_bytes

    assert run(main()) == 0


def test_no_call_begins_while_there_is_no_room() -> None:
    async def main() -> list[int]:
        memory = MemoryBudget(100)
        service = Service(answer)
        async with account(service, global_limiter=GlobalLimiter(16, memory=memory), page_size=2) as setup:
            await setup.api.listing("/supplies", "/supplies", (("page", "1"),))
            memory.take(100)
            calls = [len(service.seen)]
            asked = asyncio.ensure_future(setup.api.listing("/supplies", "/supplies", (("page", "1"),)))
            await asyncio.sleep(60)
            calls.append(len(service.seen))
            memory.give_back(1)
            await asked
            return [*calls, len(service.seen)]

    assert run(main()) == [1, 1, 2]


def test_who_waits_for_room_can_be_cancelled_and_keeps_no_place() -> None:
    async def main() -> int:
        memory = MemoryBudget(1)
        global_limiter = GlobalLimiter(1, memory=memory)
        async with account(Service(answer), global_limiter=global_limiter, page_size=2) as setup:
            await setup.authenticator.token()
            memory.take(1)
            asked = asyncio.ensure_future(setup.api.listing("/supplies", "/supplies", (("page", "1"),)))
            await asyncio.sleep(60)
            asked.cancel()
            await asyncio.gather(asked, return_exceptions=True)
            memory.give_back(1)
            return len((await setup.api.listing("/supplies", "/supplies", (("page", "1"),))).items)

    assert run(main()) == 2


@pytest.mark.parametrize("semaphore", [1, 4])
def test_a_retry_waits_for_no_room_that_pages_behind_it_have_taken(semaphore: int) -> None:
    """They are read after it, so nobody else gives their room back."""
    failures = [httpx.Response(503)]

    def at_first_unwell(request: httpx.Request) -> httpx.Response:
        return failures.pop() if request.url.params["page"] == "2" and failures else answer(request)

    async def main() -> list[int]:
        global_limiter = GlobalLimiter(semaphore, memory=MemoryBudget(1))
        async with account(
            Service(at_first_unwell), global_limiter=global_limiter, max_in_flight=semaphore, page_size=2
        ) as setup:
            pages = setup.api.pages("/supplies", "/supplies", concurrency=4)
            async with aclosing(pages), asyncio.timeout(3600):
                return [page.number async for page in pages]

    assert run(main()) == list(range(1, PAGES + 2))  # the last page was full, so one more is asked for


@pytest.mark.parametrize("turns", range(6))
async def test_who_is_cancelled_in_the_moment_of_the_answer_keeps_no_room(turns: int) -> None:
    memory, answered = MemoryBudget(), asyncio.Event()

    async def ask(number: int) -> Answered:
        await answered.wait()
        return Answered(ListBody(({"id": number},), is_bare=False), 0.0, datetime(2026, 1, 1, tzinfo=UTC), 50)

    async def read() -> None:
        async with aclosing(read_pages(ask, 1, 1, memory)) as pages:
            async for _ in pages:
                pass

    reading = asyncio.create_task(read())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    answered.set()
    for _ in range(turns):
        await asyncio.sleep(0)
    reading.cancel()
    await asyncio.gather(reading, return_exceptions=True)
    assert memory.held_bytes == 0
