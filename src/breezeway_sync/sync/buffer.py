"""What was read and is not stored yet."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager

from breezeway_sync.core.memory_budget import MemoryBudget
from breezeway_sync.core.waiting import finish, task_group

# For what is being stored when its reading is cancelled and for what waits: less than a second where PostgreSQL waits
# for nobody. A service that is told to end has 7 s from the cancelling on, and comments and requirements come one after
# the other.
LAST_SECONDS = 3.0


class AnswerBuffer:
    """The room that waiting answers take, and a timer: they are stored when the oldest has waited for `seconds`.

    An account that is paused would else keep that room from the others for as long as it is paused. Where nothing waits
    there is no timer, and before the time is over no task.
    """

    def __init__(self, memory: MemoryBudget, seconds: float) -> None:
        self._memory = memory
        self._seconds = seconds
        self._size_bytes = 0
        self._timer: asyncio.TimerHandle | None = None
        self._begin_storing: Callable[[], object] | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._end: asyncio.TimerHandle | None = None
        self.has_failed = False
        """Whether something was not stored, or not whole."""

    def note_failure(self, kind: type[BaseException] | None, *_: object) -> None:
        """For an exit stack: remember what ends it before anything else has its turn."""
        self.has_failed |= kind is not None

    def take(self, size_bytes: int) -> None:
        """Hold one more answer, inside of `in_time`."""
        self._memory.take(size_bytes)
        self._size_bytes += size_bytes
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(self._seconds, self._be_late)

    @contextmanager
    def storing(self) -> Iterator[None]:
        """Around storing all that waits, whose room is given back at the end."""
        size_bytes = self._empty()
        try:
            yield
        except BaseException:
            self.has_failed = True
            raise
        finally:
            self._memory.give_back(size_bytes)

    async def finish(self, work: Coroutine[object, object, None]) -> None:
        """Store by `work`, for LAST_SECONDS also when cancelled: what is not stored would be read again."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError:
            self._end_soon()
            await finish(task)
            raise

    @asynccontextmanager
    async def in_time(self, store: Callable[[], Coroutine[object, object, None]]) -> AsyncIterator[None]:
        """Around reading: `store` is called in time and at the end, whatever ends it, and nothing goes on behind it.

        An error of `store` when its time had come ends the reading and is raised.
        """
        try:
            async with task_group() as begin:
                self._begin_storing = lambda: begin(store())
                try:
                    yield
                except asyncio.CancelledError:
                    self._end_soon()
                    raise
                finally:
                    try:
                        await store()
                    finally:
                        self._begin_storing = None  # the group takes no more when it is ended from outside
        finally:
            if self._end is not None:
                self._end.cancel()
            self._memory.give_back(self._empty())

    def _end_soon(self) -> None:
        """Whoever reads is cancelled: once, however often."""
        if self._end is None:
            self._end = asyncio.get_running_loop().call_later(LAST_SECONDS, self._give_up)

    def _give_up(self) -> None:
        self.has_failed = True
        for task in self._tasks:
            task.cancel()

    def _be_late(self) -> None:
        if self._begin_storing and not self.has_failed:
            self._begin_storing()

    def _empty(self) -> int:
        """Stop the timer; the bytes that were held."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        size_bytes, self._size_bytes = self._size_bytes, 0
        return size_bytes
