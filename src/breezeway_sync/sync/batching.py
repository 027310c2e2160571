"""Pages in, batches out."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack

from breezeway_sync.core.memory_budget import MemoryBudget
from breezeway_sync.entities.batch import Incoming, Loaded
from breezeway_sync.entities.checkpoints import Checkpoint
from breezeway_sync.entities.decode import Item
from breezeway_sync.entities.model import Entity
from breezeway_sync.entities.plan import EntityPlan, plan_of
from breezeway_sync.entities.rows import record_key
from breezeway_sync.sync.buffer import AnswerBuffer
from breezeway_sync.sync.ports import Sink
from breezeway_sync.sync.seen import Seen


class Batcher:
    """Collects the records of many pages and loads them together.

    Loads when `batch_rows` are waiting, the oldest has waited `flush_seconds` or the process holds enough. Batches
    are stored one after the other in the order in which they were taken, the next one prepared meanwhile: the marks
    of a batch speak for those before it, so after one that failed none is stored. Whoever fills a batch waits for it;
    one that is only late is stored beside the reading.
    """

    def __init__(
        self,
        sink: Sink,
        region: str,
        entity: Entity,
        loaded: Loaded,
        *,
        memory: MemoryBudget,
        batch_rows: int,
        flush_seconds: float,
        discriminator: str | None = None,
    ) -> None:
        self._sink = sink
        self._region = region
        self._entity = entity
        self._loaded = loaded
        self._memory = memory
        self._batch_rows = batch_rows
        self._discriminator = discriminator
        self._held = AnswerBuffer(memory, flush_seconds)
        self._waiting: list[Incoming] = []
        self._reached: dict[tuple[str, int, str], Checkpoint] = {}
        self._preparing = asyncio.Lock()
        self._storing = asyncio.Lock()

    def in_time(self) -> AbstractAsyncContextManager[None]:
        """Around everything that adds; see `Held`."""
        return self._held.in_time(self._flush_late)

    async def add(
        self, incoming: Iterable[Incoming], checkpoint: Checkpoint | None = None, *, size_bytes: int = 0
    ) -> None:
        """Take records that came in so much JSON, with how far their walk has come, and load when it is time."""
        self._waiting.extend(incoming)
        self._held.take(size_bytes)
        if checkpoint is not None:
            self._reached[checkpoint.source, checkpoint.parent, checkpoint.kind] = checkpoint
        if len(self._waiting) >= self._batch_rows or self._memory.is_full:
            await self.flush()

    async def flush(self) -> None:
        """Load whatever is waiting."""
        await self._held.finish(self._flush())

    async def _flush(self) -> None:
        async with AsyncExitStack() as stack:
            async with self._preparing:
                batch, self._waiting = self._waiting, []
                reached, self._reached = list(self._reached.values()), {}
                stack.enter_context(self._held.storing())
                if self._held.has_failed or not (batch or reached):
                    return
                kind = self._discriminator
                prepared = self._sink.prepared(self._region, self._entity, batch, kind, reached=reached)
                store = await stack.enter_async_context(prepared)
                # Before what was prepared is let go of, which takes a while: who waits for `_storing` must know it.
                stack.push(self._held.note_failure)
                await stack.enter_async_context(self._storing)
            if not self._held.has_failed:
                self._loaded.add(await store())

    async def _flush_late(self) -> None:
        async with self._storing:
            pass  # what comes while a batch is stored goes with the next one
        await self.flush()


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
