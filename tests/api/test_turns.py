"""Large answers are decoded beside the loop, one at a time; no cancellation and no lack of threads undoes it."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable
from contextlib import suppress

import httpx
import pytest

from breezeway_sync.api import client
from breezeway_sync.api.answers import read_items
from breezeway_sync.api.auth_answers import read_token
from breezeway_sync.api.decoding import LARGE_BYTES, THREAD, DecodeTurn
from breezeway_sync.api.transport import RawAnswer
from breezeway_sync.core import errors
from breezeway_sync.core.clock import SystemClock
from breezeway_sync.entities.decode import ListBody

from .support import Service, account, script
from .virtual_time import START, run

MEGABYTE = 1024 * 1024
WITHIN = 30.0


def listing(size_bytes: int) -> httpx.Response:
    """A list of records like tasks."""
    record = {
        "id": 1,
        "rate_paid": 12.5,
        "description": "x" * 400,
        "assignments": [{"id": number, "full_name": "Somebody", "type": None} for number in range(8)],
        "custom": {f"field {number}": number / 3 for number in range(20)},
    }
    count = size_bytes // len(json.dumps(record)) + 1
    return httpx.Response(200, content=json.dumps([{**record, "id": number} for number in range(count)]).encode())


class Decoding:
    """Stands in the way of decoding, to see when it begins, how many go on at once, and to hold it up."""

    def __init__(self, *, is_open: bool = True) -> None:
        self.go_on = threading.Event()
        self.has_begun = threading.Event()
        self.begun = 0
        self.peak = 0
        self._under_way = 0
        if is_open:
            self.go_on.set()

    def __call__(self, endpoint: str, answer: RawAnswer) -> ListBody:
        self.begun += 1
        self.has_begun.set()
        self._under_way += 1
        self.peak = max(self.peak, self._under_way)
        try:
            assert self.go_on.wait(WITHIN)
            return read_items(endpoint, answer)
        finally:
            self._under_way -= 1


async def turns(count: Callable[[], None]) -> None:
    while True:
        await asyncio.sleep(0)
        count()


async def test_the_loop_turns_while_30_megabytes_are_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    turned, seen = 0, []

    def one_more() -> None:
        nonlocal turned
        turned += 1

    def watched(endpoint: str, answer: RawAnswer) -> ListBody:
        before = turned
        body = read_items(endpoint, answer)
        seen.append((threading.current_thread().name, turned - before))
        return body

    monkeypatch.setattr(client, "read_items", watched)
    answer = listing(30 * MEGABYTE)
    async with account(Service(script(answer)), clock=SystemClock()) as setup:
        turning = asyncio.create_task(turns(one_more))
        page = await setup.api.listing("/x", "/x")
        turning.cancel()
    assert len(page.items) > 10_000
    ((name, during),) = seen
    assert name == THREAD
    assert during >= 20  # some hundred, and none at all when the loop decodes


@pytest.mark.parametrize("size_bytes", [100, LARGE_BYTES // 2])
async def test_a_small_answer_takes_no_thread(size_bytes: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_thread: threading.Thread) -> None:
        raise AssertionError("a thread for a small answer")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    async with account(Service(script(listing(size_bytes))), clock=SystemClock()) as setup:
        assert (await setup.api.listing("/x", "/x")).items


async def test_one_large_answer_is_brought_and_decoded_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    decoding = Decoding()
    monkeypatch.setattr(client, "read_items", decoding)
    async with account(Service(script(listing(2 * MEGABYTE))), clock=SystemClock()) as setup:
        await asyncio.gather(*(setup.api.listing("/x", f"/x/{number}") for number in range(6)))
    assert (decoding.begun, decoding.peak) == (6, 1)


async def test_who_is_cancelled_leaves_at_once_and_the_turn_ends_with_the_thread(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    decoding = Decoding(is_open=False)
    monkeypatch.setattr(client, "read_items", decoding)
    async with account(Service(script(listing(2 * MEGABYTE))), clock=SystemClock()) as setup:
        first = asyncio.create_task(setup.api.listing("/x", "/x/1"))
        assert await asyncio.to_thread(decoding.has_begun.wait, WITHIN)
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asyncio.wait_for(first, WITHIN)
        second = asyncio.create_task(setup.api.listing("/x", "/x/2"))
        for _ in range(500):
            await asyncio.sleep(0)
        assert (decoding.begun, second.done()) == (1, False)  # it waits for the thread of the first
        decoding.go_on.set()
        assert (await asyncio.wait_for(second, WITHIN)).items
    assert (decoding.begun, decoding.peak) == (2, 1)


async def test_an_error_of_the_thread_is_that_of_the_call_and_lost_on_nobody_else() -> None:
    large = asyncio.Lock()
    begun, go_on = threading.Event(), threading.Event()

    def fail() -> int:
        begun.set()
        assert go_on.wait(WITHIN)
        raise errors.BadAnswer("none", endpoint="/x")

    async def decode() -> int:
        with DecodeTurn(large) as turn:
            await turn.take()
            return await turn.decode(fail)

    cancelled = asyncio.create_task(decode())
    await asyncio.to_thread(begun.wait, WITHIN)
    cancelled.cancel()
    await asyncio.wait([cancelled])
    go_on.set()
    with pytest.raises(errors.BadAnswer):
        await decode()
    assert not large.locked()


def test_a_loop_that_ends_meanwhile_is_waited_for_by_nobody() -> None:
    begun, go_on = threading.Event(), threading.Event()
    threads: list[threading.Thread] = []

    def work() -> None:
        threads.append(threading.current_thread())
        begun.set()
        assert go_on.wait(WITHIN)

    async def main() -> None:
        with DecodeTurn(asyncio.Lock()) as turn, suppress(TimeoutError):
            await turn.take()
            async with asyncio.timeout(0):
                await turn.decode(work)

    asyncio.run(main())
    assert begun.wait(WITHIN)
    go_on.set()
    threads[0].join(WITHIN)
    assert not threads[0].is_alive()


@pytest.mark.parametrize("lack", [RuntimeError("can't start new thread"), MemoryError()], ids=["thread", "memory"])
def test_without_a_thread_the_call_fails_and_is_made_again(lack: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    real, left = threading.Thread.start, [lack]

    def start(thread: threading.Thread) -> None:
        if left and thread.name == THREAD:
            raise left.pop()
        real(thread)

    monkeypatch.setattr(threading.Thread, "start", start)

    async def main() -> None:
        async with account(Service(script(listing(2 * MEGABYTE)))) as setup:
            assert (await setup.api.listing("/x", "/x")).items
            assert setup.api.calls == 2

    run(main())
    assert not left


def test_another_error_of_a_thread_is_not_taken_for_a_lack(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_endpoint: str, _answer: RawAnswer) -> ListBody:
        raise RuntimeError("a fault of ours")

    monkeypatch.setattr(client, "read_items", broken)

    async def main() -> None:
        async with account(Service(script(listing(2 * MEGABYTE)))) as setup:
            with pytest.raises(RuntimeError, match="a fault of ours"):
                await setup.api.listing("/x", "/x")

    run(main())


def test_a_token_answer_of_megabytes_is_none() -> None:
    body = json.dumps({"access_token": "access", "refresh_token": "refresh", "more": "x" * MEGABYTE}).encode()
    found = read_token("/public/auth/v1/", RawAnswer(200, {}, body), START, None)
    assert isinstance(found, errors.BadAnswer)
