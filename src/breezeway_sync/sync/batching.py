"""Pages in, batches out."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from contextlib import AsyncExitStack

from breezeway_sync.core.clock import Clock
from breezeway_sync.core.room import Room
from breezeway_sync.entities.batch import Incoming, Loaded
from breezeway_sync.entities.decode import Item
from breezeway_sync.entities.marks import Mark
from breezeway_sync.entities.model import Entity
from breezeway_sync.entities.plan import EntityPlan, plan_of
from breezeway_sync.entities.rows import record_key
from breezeway_sync.sync.ports import Sink
from breezeway_sync.sync.seen import Seen


class Batcher:
    """Collects the records of many pages and loads them together.

    Loads when `batch_rows` are waiting, the oldest has waited `flush_seconds` or the process holds enough. Batches
    are stored one after the other in the order in which they were taken, the next one prepared meanwhile: the marks
    of a batch speak for those before it, so after one that failed none is stored. Whoever fills a batch waits for it.
    """

    def __init__(
        self,
        sink: Sink,
        region: str,
        entity: Entity,
        loaded: Loaded,
        *,
        clock: Clock,
        room: Room,
        batch_rows: int,
        flush_seconds: float,
        discriminator: str | None = None,
    ) -> None:
        self._sink = sink
        self._region = region
        self._entity = entity
        self._loaded = loaded
        self._clock = clock
        self._room = room
        self._batch_rows = batch_rows
        self._flush_seconds = flush_seconds
        self._discriminator = discriminator
        self._waiting: list[Incoming] = []
        self._marks: dict[tuple[str, int, str], Mark] = {}
        self._size_bytes = 0
        self._oldest = 0.0
        self._preparing = asyncio.Lock()
        self._storing = asyncio.Lock()
        self._has_failed = False

    async def add(self, incoming: Iterable[Incoming], mark: Mark | None = None, *, size_bytes: int = 0) -> None:
        """Take records that came in so much JSON, with how far their walk has come, and load when it is time."""
        if not self._waiting and not self._marks:
            self._oldest = self._clock.monotonic()
        self._waiting.extend(incoming)
        self._size_bytes += size_bytes
        self._room.take(size_bytes)
        if mark is not None:
            self._marks[mark.source, mark.parent, mark.kind] = mark
        is_late = self._clock.monotonic() - self._oldest >= self._flush_seconds
        is_much = len(self._waiting) >= self._batch_rows or self._room.is_full
        if is_much or (is_late and not (self._preparing.locked() or self._storing.locked())):
            await self.flush()

    async def flush(self) -> None:
        """Load whatever is waiting."""
        async with AsyncExitStack() as stack:
            async with self._preparing:
                batch, self._waiting = self._waiting, []
                marks, self._marks = list(self._marks.values()), {}
                stack.callback(self._room.give_back, self._size_bytes)
                self._size_bytes = 0
                if self._has_failed or not (batch or marks):
                    return
                stack.push(self._note_failure)
                kind = self._discriminator
                store = await self._sink.prepare(self._region, self._entity, batch, kind, marks=marks)
                await stack.enter_async_context(self._storing)
            if not self._has_failed:
                self._loaded.add(await store())

    def _note_failure(self, kind: type[BaseException] | None, *_: object) -> None:
        self._has_failed |= kind is not None


def newest_only(entity: Entity, items: Iterable[Item], order: int, seen: Seen) -> list[Incoming]:
    """The records of a page, without those that a later request of this walk has brought already.

    What has no id passes: the loader rejects it and keeps it.
    """
    plan: EntityPlan = plan_of(entity)
    fresh = []
    for item in items:
        key = record_key(item, plan.entity.key.path) if isinstance(item, dict) else None
        seen.nameless += key is None
        if key is None or seen.is_newest(key, order):
            fresh.append(Incoming(item, order))
    return fresh
