"""Loads batches: compare hashes, merge what differs, retry, and find the records that PostgreSQL refuses.

A record and its embedded children are one unit.

The next batch is staged on a second connection while one is merged. It locks nothing but its own temporary tables, so
it may wait. Staging uses at most half of the pool and never waits for a connection, so a merge always finds one. If the
server ends a staged transaction, or another batch has stored the same records since, the batch is staged again. This
stores a third more rows a second.
"""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from breezeway_sync.core.clock import Clock
from breezeway_sync.core.errors import DatabaseBusy, DatabaseFull, DataRefused
from breezeway_sync.core.events import BatchLoaded, Emit
from breezeway_sync.core.retry import RetryPolicy, retried
from breezeway_sync.entities.batch import Incoming, Loaded
from breezeway_sync.entities.checkpoints import Checkpoint
from breezeway_sync.entities.model import Entity
from breezeway_sync.entities.plan import ChildPlan, plan_of
from breezeway_sync.entities.rows import ChildSet
from breezeway_sync.entities.validate import reject
from breezeway_sync.store.batch import Batch
from breezeway_sync.store.merge import Merger
from breezeway_sync.store.proof import StoredProofs
from breezeway_sync.store.rejects import RejectionNote, Rejects
from breezeway_sync.store.sql import sql_for
from breezeway_sync.store.staging import Candidate

T = TypeVar("T")

# New rows after which a table is analysed: on one that never was, the planner fell to 0.05 of the speed.
_ANALYZE_AT = (1_000, 10_000, 100_000, 1_000_000)
_PASSING = (DatabaseBusy, DatabaseFull)
_RETRIES = RetryPolicy(first_seconds=0.35, longest_seconds=5.0, jitter=0.7, attempts=4, within_seconds=90.0)


@dataclass(frozen=True, slots=True)
class LoadResult:
    """What became of some records: counts, those that cannot be stored, and the keys of all that have one.

    `is_marked`: the marks that came with them are stored.
    """

    loaded: Loaded
    refusals: list[RejectionNote]
    keys: list[int]
    is_marked: bool


class Loader:
    """Writes one account's records. `owed_sources` are the calls that new and changed parents owe.

    With `present`, which gives the order of a request that would begin now, every record is laid beside its row value
    by value, whatever the stored hash says: what was changed in the mirror by hand is put right. What is equal is not
    written.
    """

    def __init__(
        self,
        proofs: StoredProofs,
        clock: Clock,
        *,
        pending_sources: frozenset[str],
        emit: Emit,
        present: Callable[[], int] | None = None,
    ) -> None:
        self._database = proofs.holder.database
        self._holder = proofs.holder
        self._merger = Merger(proofs, clock, pending_sources, present)
        self._is_rewrite = present is not None
        self._emit = emit
        self._new_rows: dict[str, int] = {}
        # A batch is compared and merged before the next one of its entity begins: no hash is compared with a row that
        # another batch is about to write.
        self._locks: defaultdict[tuple[str, str], asyncio.Lock] = defaultdict(asyncio.Lock)
        self.rejects = Rejects(proofs.holder, emit)

    async def load(
        self,
        region: str,
        entity: Entity,
        incoming: Sequence[Incoming],
        discriminator: str | None = None,
        *,
        reached: Sequence[Checkpoint] = (),
    ) -> Loaded:
        """Bring a batch of records into the mirror, and with it how far their lists were read.

        Whatever the records are, the good ones are stored and the others are in rejected_records
        afterwards. Raises LeaseLost, DatabaseUnreachable or DatabaseBusy; then nothing of it is stored.
        """
        async with self._locks[region, entity.name]:
            started = time.perf_counter()
            loaded = await self._store(await self._compared(region, entity, incoming, discriminator), reached)
            seconds = time.perf_counter() - started
        self._emit(BatchLoaded(region, entity.name, loaded.read, loaded.new + loaded.updated, seconds))
        return loaded

    async def bring(self, region: str, entity: Entity, item: Incoming, discriminator: str | None) -> LoadResult:
        """Store one record if it can be; otherwise it is handed back, and nothing written down. Raises as `load`."""
        async with self._locks[region, entity.name]:
            return await self._bring(await self._compared(region, entity, [item], discriminator), ())

    async def _compared(
        self, region: str, entity: Entity, incoming: Sequence[Incoming], discriminator: str | None
    ) -> Batch:
        sql, pending_reads = sql_for(entity, self._database.schema), self._merger.pending_reads_of(entity)
        loaded = Loaded(read=len(incoming))
        batch = Batch(region, plan_of(entity), sql, discriminator, pending_reads, loaded, is_rewrite=self._is_rewrite)
        await batch.compare(self._database, incoming)
        return batch

    async def _store(self, batch: Batch, reached: Sequence[Checkpoint]) -> Loaded:
        load_result = await self._bring(batch, reached)
        loaded, scope = load_result.loaded, batch.scope
        loaded.rejected = len(load_result.refusals)
        await self.rejects.save(scope.region, scope.entity.name, scope.kind, load_result.refusals)
        if reached and not load_result.is_marked:
            loaded.add(await self._merger.checkpoint(scope, reached))
        refused = {one.rejected.record_id for one in load_result.refusals}
        back = set(map(str, load_result.keys)) - refused
        await self.rejects.close_returned(scope.region, scope.entity.name, scope.kind, back)
        return loaded

    async def _bring(self, batch: Batch, reached: Sequence[Checkpoint]) -> LoadResult:
        batch.loaded.unchanged += len(batch.unchanged)
        # Nothing is marked as read before what of it cannot be stored is written down.
        pending = () if batch.refusals else reached
        is_stored = await self._merge_or_split(batch, batch.candidates, batch.loaded, pending)
        entity = batch.plan.entity
        await self._analyze(entity.table, entity.key.name, batch.loaded.new)
        is_marked = is_stored and not batch.refusals
        return LoadResult(batch.loaded, batch.refusals, list(batch.newest), is_marked)

    async def load_children(
        self,
        region: str,
        entity: Entity,
        child: ChildPlan,
        source: str,
        sets: Sequence[tuple[ChildSet, int]],
        *,
        reached: Sequence[Checkpoint] = (),
    ) -> Loaded:
        """Replace the children of some parents by what a call of their own brought, and settle the calls.

        `sets` carry the order of the request. Parents that the mirror does not know are left out. Counts
        are items.
        """
        loaded = Loaded()
        try:
            loaded = await retried(
                lambda: self._merger.replace_children(region, entity, child, source, sets, reached), _RETRIES, _PASSING
            )
        except DataRefused as error:
            if len(sets) == 1:
                only, order = sets[0]
                rejected = reject(only.items, f"{error.what}: {error.actual}", only.parent_key)
                await self.rejects.save(region, source, "", [RejectionNote(rejected, order)])
                return Loaded(read=len(only.items), rejected=len(only.items) or 1)
            middle = len(sets) // 2
            for half in (sets[:middle], sets[middle:]):
                parents = {one.parent_key for one, _ in half}
                theirs = [checkpoint for checkpoint in reached if checkpoint.parent in parents]
                loaded.add(await self.load_children(region, entity, child, source, half, reached=theirs))
        await self._analyze(child.child.table, entity.pk, loaded.new)
        return loaded

    # --- merging --------------------------------------------------------------------------------------

    async def _merge_or_split(
        self, batch: Batch, candidates: list[Candidate], loaded: Loaded, reached: Sequence[Checkpoint] = ()
    ) -> bool:
        """Merge; when PostgreSQL refuses a value, halve until the one bad record stands alone.

        False when it was refused: then the marks are not stored yet, since what they speak for was not either.
        """
        if not candidates and not reached:
            return True
        try:
            merged = await retried(lambda: self._merger.merge(batch, candidates, reached), _RETRIES, _PASSING)
        except DataRefused as error:
            if not candidates:
                raise
            if len(candidates) == 1:
                batch.refuse(candidates[0].valid_records, candidates[0].order, f"{error.what}: {error.actual}")
                return False
            middle = len(candidates) // 2
            await self._merge_or_split(batch, candidates[:middle], loaded)
            await self._merge_or_split(batch, candidates[middle:], loaded)
            return False
        loaded.add(merged)
        return True

    async def _analyze(self, table: str, key: str, new_rows: int) -> None:
        """Tell the planner of a table that has grown: only of what we look rows up by, the rest is autovacuum's."""
        before = self._new_rows.get(table, 0)
        self._new_rows[table] = before + new_rows
        if any(before < step <= before + new_rows for step in _ANALYZE_AT):
            async with self._database.connection("analysing") as connection:
                await connection.execute(f'ANALYZE "{self._database.schema}".{table} (region_code, {key})')
