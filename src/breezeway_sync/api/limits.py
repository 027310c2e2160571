"""How fast an account may call and how many calls may be under way.

Budget of one account: 200 calls a minute were obtained from the vendor by a customer and measured
(232 sent in 45 s: 197 accepted); whether the scope is the pair, the company or the address is not
known, so `Flight` bounds all accounts together as well: hundreds of parallel calls made the service's
edge answer 403 in HTML, 24 did not.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import NamedTuple

from aiolimiter import AsyncLimiter

from breezeway_sync.core.errors import ShuttingDown
from breezeway_sync.core.room import Room

WINDOW_SECONDS = 60.0
BUCKET_SHARE = 36  # a bucket of N/36 keeps 97 % of N and lets no more than N/36 through at once
LARGEST_BUCKET = 50  # enough for any latency; a larger one only takes longer to drain between two processes
LONE_MARGIN = 1.01  # spacing of single calls: a little more than the window's share, for clocks that differ


class Pace(NamedTuple):
    """A leaky bucket: `burst` calls at once, and as many again each `period_seconds`."""

    burst: int
    period_seconds: float


def pace(requests_per_minute: int) -> Pace:
    """The bucket that lets at most so many calls into any 60 s.

    `AsyncLimiter(N, 60)` lets nearly 2 N through one window: a full bucket and a minute's leakage. With a
    bucket of k that leaks N - k a minute, both together are N. Buckets of one only need a spacing.
    """
    if requests_per_minute < 1:
        raise ValueError(f"requests_per_minute is {requests_per_minute}, wanted 1 or more")
    burst = min(LARGEST_BUCKET, max(1, requests_per_minute // BUCKET_SHARE))
    if burst == 1:
        return Pace(1, LONE_MARGIN * WINDOW_SECONDS / requests_per_minute)
    return Pace(burst, burst * WINDOW_SECONDS / (requests_per_minute - burst))


class Flight:
    """How many calls of all accounts together may be under way; `async with flight:` is one of them.

    None begins while there is no `room` for what it brings.
    """

    def __init__(self, max_in_flight_total: int, room: Room | None = None) -> None:
        self._places = asyncio.Semaphore(max_in_flight_total)
        self.room = room or Room()

    async def __aenter__(self) -> None:
        await self._places.acquire()
        try:
            await self.room.wait()
        except BaseException:
            self._places.release()
            raise

    async def __aexit__(self, *_: object) -> None:
        self._places.release()


def _closing() -> ShuttingDown:
    return ShuttingDown("stopped before it was asked for", endpoint="the API")


def _tell_nobody(_seconds: float) -> None:
    """An `on_pause` for those who do not listen."""


class Budget:
    """The calls one account may make: paced, bounded in flight, stopped as a whole by `pause`.

    Made inside the running loop, on whose time alone it goes. `first_call_in_seconds` is the rest of a
    previous process's budget (its `next_call_in_seconds()`).
    """

    def __init__(
        self,
        requests_per_minute: int,
        max_in_flight: int,
        flight: Flight,
        first_call_in_seconds: float = 0.0,
        on_pause: Callable[[float], None] = _tell_nobody,
    ) -> None:
        self._pace = pace(requests_per_minute)
        self._limiter = AsyncLimiter(self._pace.burst, self._pace.period_seconds)
        self._places = asyncio.Semaphore(max_in_flight)
        self._turn = asyncio.Lock()
        self._flight = flight
        self._on_pause = on_pause
        self._loop = asyncio.get_running_loop()
        self._closed_until = self._loop.time() + max(0.0, first_call_in_seconds)
        self._last_call_at: float | None = None
        self._is_closing = False
        self._waiting: set[asyncio.Task[object]] = set()

    @property
    def drain_seconds(self) -> float:
        """How long a full bucket takes to run empty: what a successor has to wait after the last call."""
        return self._pace.period_seconds

    def pause(self, seconds: float) -> bool:
        """Let no call of this account start for so long; True when that is longer than it stood anyway."""
        until = self._loop.time() + seconds
        if until <= self._closed_until:
            return False
        self._closed_until = until
        self._on_pause(seconds)
        return True

    def paused_for_seconds(self) -> float:
        """Seconds until calls may start again; 0.0 when they may now."""
        return max(0.0, self._closed_until - self._loop.time())

    def next_call_in_seconds(self) -> float:
        """How long a successor with a fresh budget must wait so that both together keep the limit."""
        if self._last_call_at is None:
            return self.paused_for_seconds()
        drained_in = self._last_call_at + self.drain_seconds - self._loop.time()
        return max(0.0, drained_in, self.paused_for_seconds())

    @asynccontextmanager
    async def slot(self) -> AsyncIterator[float]:
        """The right to make one call now; the value is how many seconds were waited for it."""
        asked_at = self._loop.time()
        async with AsyncExitStack() as stack:
            await self._wait(stack)
            try:
                self._last_call_at = self._loop.time()
                yield self._last_call_at - asked_at
            finally:
                await self._flight.__aexit__()

    def close(self) -> None:
        """Let no further call start: who waits is told so with ShuttingDown, calls under way go on."""
        self._is_closing = True
        for task in self._waiting:
            task.cancel()

    async def _wait(self, stack: AsyncExitStack) -> None:
        """A place of the account and its turn, unless the budget is closed first."""
        task = asyncio.current_task()
        if task is None:  # pragma: no cover - a coroutine always runs in a task
            raise RuntimeError("no task")
        if self._is_closing:
            raise _closing()
        self._waiting.add(task)
        try:
            await stack.enter_async_context(self._places)
            await self._take_turn()
        except asyncio.CancelledError:
            if self._is_closing and task.uncancel() == 0:
                raise _closing() from None
            raise
        finally:
            self._waiting.discard(task)

    async def _take_turn(self) -> None:
        """Return with a place in the flight, at a moment that pace and pause allow.

        One call of the account at a time waits here. The place in the flight comes last, so that an
        account that is paused or paced takes none away from the others.
        """
        async with self._turn:
            while True:
                await self._until_open()
                await self._limiter.acquire()
                paced_at = self._loop.time()
                await self._flight.__aenter__()
                if self.paused_for_seconds() == 0.0:
                    break
                await self._flight.__aexit__()
            await self._restore(self._loop.time() - paced_at)

    async def _restore(self, late_seconds: float) -> None:
        """Put back what leaked out of the bucket while the call waited for its place in the flight.

        The bucket then stands as if the call had been counted when it starts, not before; there is
        always room for that, as no other call of the account was let in meanwhile.
        """
        if late_seconds > 0:
            leaked = min(1.0, late_seconds * self._pace.burst / self._pace.period_seconds)
            try:
                await self._limiter.acquire(leaked)
            except BaseException:
                await self._flight.__aexit__()
                raise

    async def _until_open(self) -> None:
        while (seconds := self.paused_for_seconds()) > 0:  # noqa: ASYNC110 - it may grow meanwhile
            await asyncio.sleep(seconds)
