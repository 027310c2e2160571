"""Limits how fast an account calls, and how many calls are open.

The budget of one account is 200 calls a minute: a customer obtained it from the vendor and measured it (232 sent in
45 s: 197 accepted). It is not known whether it applies to the pair of credentials, the company or the address. So
`GlobalLimiter` limits all accounts together: hundreds of parallel calls made the service's edge answer 403 in HTML, 24
did not. Both numbers of open calls are upper limits: `window` lowers them after trouble and raises them again. A call
takes its slot in the account only in its turn, so a waiting call blocks no slot that a lower number removes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import NamedTuple

from aiolimiter import AsyncLimiter

from breezeway_sync.api.semaphore import AdaptiveSemaphore, OnResize, tell_nobody
from breezeway_sync.api.window import Latency
from breezeway_sync.core.errors import ApiError, EdgeBlocked, RateLimited, ShuttingDown
from breezeway_sync.core.memory_budget import MemoryBudget

WINDOW_SECONDS = 60.0
BUCKET_SHARE = 36  # a bucket of N/36 keeps 97 % of N and lets no more than N/36 through at once
LARGEST_BUCKET = 50  # enough for any latency; a larger one only takes longer to drain between two processes
LONE_MARGIN = 1.01  # spacing of single calls: a little more than the window's share, for clocks that differ


class LeakyBucket(NamedTuple):
    """A leaky bucket: `burst` calls at once, and as many again each `period_seconds`."""

    burst: int
    period_seconds: float


def pace(requests_per_minute: int) -> LeakyBucket:
    """The bucket that lets at most so many calls into any 60 s.

    `AsyncLimiter(N, 60)` lets nearly 2 N through one window: a full bucket and a minute's leakage. With a
    bucket of k that leaks N - k a minute, both together are N. Buckets of one only need a spacing.
    """
    if requests_per_minute < 1:
        raise ValueError(f"requests_per_minute is {requests_per_minute}, wanted 1 or more")
    burst = min(LARGEST_BUCKET, max(1, requests_per_minute // BUCKET_SHARE))
    if burst == 1:
        return LeakyBucket(1, LONE_MARGIN * WINDOW_SECONDS / requests_per_minute)
    return LeakyBucket(burst, burst * WINDOW_SECONDS / (requests_per_minute - burst))


class GlobalLimiter(AdaptiveSemaphore):
    """How many calls of all accounts together may be under way; `async with global_limiter:` is one of them.

    No account's call begins while there is no `memory` for what it brings.
    """

    __slots__ = ("memory",)

    def __init__(self, most: int, on_resize: OnResize = tell_nobody, memory: MemoryBudget | None = None) -> None:
        super().__init__(most, on_resize)
        self.memory = memory or MemoryBudget()

    async def __aenter__(self) -> None:
        await self.take()

    async def __aexit__(self, *_: object) -> None:
        self.leave()


def _closing() -> ShuttingDown:
    return ShuttingDown("stopped before it was asked for", endpoint="the API")


class CallBudget:
    """The calls one account may make: paced, bounded in flight, stopped as a whole by `pause`.

    Made inside the running loop, on whose time alone it goes. `first_call_in_seconds` is the rest of a
    previous process's budget (its `next_call_in_seconds()`).
    """

    def __init__(
        self,
        requests_per_minute: int,
        max_in_flight: int,
        global_limiter: GlobalLimiter,
        first_call_in_seconds: float = 0.0,
        on_pause: Callable[[float], None] = tell_nobody,
        on_resize: OnResize = tell_nobody,
    ) -> None:
        self._pace = pace(requests_per_minute)
        self._limiter = AsyncLimiter(self._pace.burst, self._pace.period_seconds)
        self._semaphore = AdaptiveSemaphore(max_in_flight, on_resize)
        self._latency = Latency()
        self.under_way = 0
        self._turn = asyncio.Lock()
        self._turn_of_retries = asyncio.Lock()
        self._global_limiter = global_limiter
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

    def leave(self) -> None:
        """Tell nobody of pauses any more: who heard of them knows this budget, and each would keep the other."""
        self._on_pause = tell_nobody

    def now(self) -> float:
        """Seconds of the loop."""
        return self._loop.time()

    def paused_for_seconds(self) -> float:
        """Seconds until calls may start again; 0.0 when they may now."""
        return max(0.0, self._closed_until - self._loop.time())

    def next_call_in_seconds(self) -> float:
        """How long a successor with a fresh budget must wait so that both together keep the limit."""
        if self._last_call_at is None:
            return self.paused_for_seconds()
        drained_in = self._last_call_at + self.drain_seconds - self._loop.time()
        return max(0.0, drained_in, self.paused_for_seconds())

    def slot(self, *, is_retry: bool = False) -> Permit:
        """`async with budget.slot() as waited_seconds:` is the right to make one call now.

        A retry waits for no room, and for none that does: pages behind it may have taken the room, and can only
        be read after it.
        """
        return Permit(self, is_retry=is_retry)

    def close(self) -> None:
        """Let no further call start: who waits is told so with ShuttingDown, calls under way go on."""
        self._is_closing = True
        for task in self._waiting:
            task.cancel()

    async def start(self, *, is_retry: bool) -> float:
        """Wait until a call may start; the time at which it does. For `Slot`, which ends it by `end`."""
        now = self._loop.time()
        if self._is_free(now, is_retry=is_retry):
            await self._limiter.acquire()  # does not wait, as there is room
            self._semaphore.taken += 1
            self._global_limiter.taken += 1
        else:
            await self._wait(is_retry=is_retry)
            now = self._loop.time()
        self.under_way += 1
        self._last_call_at = now
        return now

    def end(self) -> None:
        """A call that was started is over."""
        self.under_way -= 1
        self._give_back()

    def answered(self, started_at: float, beside: int, endpoint: str, body_bytes: int) -> None:
        """A call was answered as it should be; `beside`: how many were under way when it started."""
        self._global_limiter.grow(started_at)
        if not self._semaphore.counts(started_at):
            return
        now = self._loop.time()
        if self._latency.is_overloaded(endpoint, body_bytes, now - started_at):
            self._shrink(started_at, now, beside, "slow")
        else:
            self._semaphore.grow(started_at)

    def troubled(self, started_at: float, beside: int, error: ApiError) -> None:
        """A call has failed. A 429 is about the account; the edge's block is about all calls from here."""
        if isinstance(error, RateLimited | EdgeBlocked):
            now, reason = self._loop.time(), error.code
            self._shrink(started_at, now, beside, reason)
            if isinstance(error, EdgeBlocked):
                self._global_limiter.shrink(started_at, now, self._global_limiter.taken, reason)

    def _shrink(self, started_at: float, now: float, beside: int, reason: str) -> None:
        if self._semaphore.counts(started_at):
            self._latency.begin_anew()
        self._semaphore.shrink(started_at, now, max(beside, self.under_way), reason)

    def _is_free(self, now: float, *, is_retry: bool) -> bool:
        """Whether a call may start at once: it passes nobody, and nothing has to be waited for."""
        return (
            not self._is_closing
            and now >= self._closed_until
            and self._semaphore.is_free()
            and not self._turn_of(is_retry=is_retry).locked()
            and self._global_limiter.is_free()
            and (is_retry or not self._global_limiter.memory.is_full)
            and self._limiter.has_capacity()
        )

    def _turn_of(self, *, is_retry: bool) -> asyncio.Lock:
        return self._turn_of_retries if is_retry else self._turn

    async def _wait(self, *, is_retry: bool) -> None:
        """The account's turn, a place of it and one in the flight, unless the budget is closed first."""
        task = asyncio.current_task()
        if task is None:  # pragma: no cover - a coroutine always runs in a task
            raise RuntimeError("no task")
        if self._is_closing:
            raise _closing()
        self._waiting.add(task)
        try:
            async with self._turn_of(is_retry=is_retry):
                await self._take_places(is_retry=is_retry)
        except asyncio.CancelledError:
            if self._is_closing and task.uncancel() == 0:
                raise _closing() from None
            raise
        finally:
            self._waiting.discard(task)

    async def _take_places(self, *, is_retry: bool) -> None:
        """Return with a place of the account and one in the flight, at a moment that pace, pause and room allow.

        One call of the account and one retry at a time wait here: the others hold nothing that a lower number or a
        pause would have to take from them. The place in the flight comes last, so that an account that is paused
        or paced takes none away from the others.
        """
        while True:
            await self._until_open()
            await self._semaphore.take()
            try:
                await self._limiter.acquire()
                paced_at = self._loop.time()
                await self._global_limiter.take()
            except BaseException:
                self._semaphore.leave()
                raise
            if not is_retry:
                await self._until_there_is_memory()
            if self.paused_for_seconds() == 0.0 and self._semaphore.taken <= self._semaphore.size:
                break
            self._give_back()
        await self._restore(self._loop.time() - paced_at)

    async def _until_there_is_memory(self) -> None:
        """Hold no place meanwhile: retries need them, and what they bring is what makes room."""
        while self._global_limiter.memory.is_full:
            self._give_back()
            await self._global_limiter.memory.wait()
            await self._semaphore.take()
            try:
                await self._global_limiter.take()
            except BaseException:
                self._semaphore.leave()
                raise

    async def _restore(self, late_seconds: float) -> None:
        """Put back what leaked out of the bucket while the call waited for its place in the flight.

        The bucket then stands as if the call had been counted when it starts, not before; there is
        always room for that, as no other call of the account but a retry was let in meanwhile.
        """
        if late_seconds > 0:
            leaked = min(1.0, late_seconds * self._pace.burst / self._pace.period_seconds)
            try:
                await self._limiter.acquire(leaked)
            except BaseException:
                self._give_back()
                raise

    def _give_back(self) -> None:
        self._global_limiter.leave()
        self._semaphore.leave()

    async def _until_open(self) -> None:
        while (seconds := self.paused_for_seconds()) > 0:  # noqa: ASYNC110 - it may grow meanwhile
            await asyncio.sleep(seconds)


class Permit:
    """One call's place in its account's budget, from its turn to its end; it passes on how the call went."""

    __slots__ = ("_beside", "_budget", "_is_retry", "_started_at")

    def __init__(self, budget: CallBudget, *, is_retry: bool) -> None:
        self._budget = budget
        self._is_retry = is_retry
        self._started_at = 0.0
        self._beside = 0

    async def __aenter__(self) -> float:
        """Seconds that were waited for it."""
        asked_at = self._budget.now()
        self._started_at = await self._budget.start(is_retry=self._is_retry)
        self._beside = self._budget.under_way
        return self._started_at - asked_at

    async def __aexit__(self, *_: object) -> None:
        self._budget.end()

    def answered(self, endpoint: str, body_bytes: int) -> None:
        """The answer is here, and good; `endpoint` is the path's template."""
        self._budget.answered(self._started_at, self._beside, endpoint, body_bytes)

    def troubled(self, error: ApiError) -> None:
        """The call has failed."""
        self._budget.troubled(self._started_at, self._beside, error)
