"""Between reading and storing: what was read is collected into batches, and each batch is stored in one call.

One class serves lists and child lists. It holds answers for `flush_seconds` at most, so that an account that pauses
does not keep the memory budget from the others, and it flushes for LAST_SECONDS when its task is cancelled.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Generic, TypeVar

from breezeway_sync.core.memory_budget import MemoryBudget
from breezeway_sync.core.waiting import finish, task_group
from breezeway_sync.entities.batch import Incoming, Loaded
from breezeway_sync.entities.checkpoints import Checkpoint
from breezeway_sync.entities.decode import Item
from breezeway_sync.entities.model import Entity
from breezeway_sync.entities.plan import EntityPlan, plan_of
from breezeway_sync.entities.rows import record_key
from breezeway_sync.sync.seen import Seen

# A cancelled task gets so long to flush its buffer: less than a second is enough where PostgreSQL waits for nobody. A
# service that stops has 7 s from the cancelling on, and comments and requirements come one after the other.
LAST_SECONDS = 3.0

T = TypeVar("T")


class Batcher(Generic[T]):
    """Collects what many answers brought, and stores it together with how far their lists were read.

    It stores when `batch_rows` items wait, when the oldest has waited for `flush_seconds`, or when the memory budget is
    full. Batches are stored one after the other: the checkpoints of a batch cover those before it, so after one that
    failed no other is stored. Whoever fills a batch waits for it; one that is only late is stored beside the reading.
    """

    def __init__(
        self,
        store: Callable[[list[T], list[Checkpoint]], Awaitable[Loaded]],
        loaded: Loaded,
        *,
        memory: MemoryBudget,
        batch_rows: int,
        flush_seconds: float,
    ) -> None:
        self._store = store
        self._loaded = loaded
        self._memory = memory
        self._batch_rows = batch_rows
        self._flush_seconds = flush_seconds
        self._items: list[T] = []
        self._reached: dict[tuple[str, int, str], Checkpoint] = {}
        self._size_bytes = 0
        self._storing = asyncio.Lock()
        self._late: asyncio.TimerHandle | None = None
        self._last: asyncio.TimerHandle | None = None
        self._begin: Callable[[], object] | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self.has_failed = False
        """Whether something was not stored."""

    async def add(self, items: Iterable[T], checkpoint: Checkpoint | None = None, *, size_bytes: int = 0) -> None:
        """Take what came in so much JSON, with how far its list was read, and store when it is time."""
        self._items.extend(items)
        self._memory.take(size_bytes)
        self._size_bytes += size_bytes
        if self._late is None:
            self._late = asyncio.get_running_loop().call_later(self._flush_seconds, self._flush_late)
        if checkpoint is not None:
            self._reached[checkpoint.source, checkpoint.parent, checkpoint.kind] = checkpoint
        if len(self._items) >= self._batch_rows or self._memory.is_full:
            await self.flush()

    async def flush(self) -> None:
        """Store what waits; when cancelled, for LAST_SECONDS more: what is not stored would be read again."""
        task = asyncio.create_task(self._flush())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError:
            self._end_soon()
            await finish(task)
            raise

    @asynccontextmanager
    async def in_time(self) -> AsyncIterator[None]:
        """Around everything that adds: it stores in time and at the end, whatever ends it, and leaves no task behind.

        An error of storing what was late ends the reading and is raised.
        """
        try:
            async with task_group() as begin:
                self._begin = lambda: begin(self.flush())
                try:
                    yield
                except asyncio.CancelledError:
                    self._end_soon()
                    raise
                finally:
                    try:
                        await self.flush()
                    finally:
                        self._begin = None  # the group takes no more when it is ended from outside
        finally:
            if self._last is not None:
                self._last.cancel()
            self._memory.give_back(self._take()[2])

    async def _flush(self) -> None:
        async with self._storing:
            items, reached, size_bytes = self._take()
            try:
                if not self.has_failed and (items or reached):
                    self._loaded.add(await self._store(items, reached))
            except BaseException:
                self.has_failed = True
                raise
            finally:
                self._memory.give_back(size_bytes)

    def _take(self) -> tuple[list[T], list[Checkpoint], int]:
        """Everything that waits; the timer stops."""
        if self._late is not None:
            self._late.cancel()
            self._late = None
        taken = self._items, list(self._reached.values()), self._size_bytes
        self._items, self._reached, self._size_bytes = [], {}, 0
        return taken

    def _flush_late(self) -> None:
        if self._begin and not self.has_failed:
            self._begin()

    def _end_soon(self) -> None:
        """The reading is cancelled: once, however often."""
        if self._last is None:
            self._last = asyncio.get_running_loop().call_later(LAST_SECONDS, self._give_up)

    def _give_up(self) -> None:
        self.has_failed = True
        for task in self._tasks:
            task.cancel()


def newest_only(
    entity: Entity, items: Iterable[Item], order: int, seen: Seen, earlier: Sequence[Seen] = ()
) -> list[Incoming]:
    """The records of a page, without those that a later request of this reading, or an `earlier` one, has brought.

    What has no id passes in the first reading: the loader rejects it and keeps it.
    """
    plan: EntityPlan = plan_of(entity)
    fresh = []
    for item in items:
        key = record_key(item, plan.entity.key.path) if isinstance(item, dict) else None
        seen.nameless += key is None
        if (not earlier) if key is None else _is_fresh(key, order, seen, earlier):
            fresh.append(Incoming(item, order))
    return fresh


def _is_fresh(key: int, order: int, seen: Seen, earlier: Sequence[Seen]) -> bool:
    return seen.is_newest(key, order) and not any(key in one for one in earlier)
