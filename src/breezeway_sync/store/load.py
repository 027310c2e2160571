"""Loading batches: compare hashes, send only what differs through COPY and merge, in one transaction.

A record and its embedded children are one unit. The lease is checked last, in the same transaction: a
process that was frozen meanwhile cannot write over its successor (and, because COPY comes before that
lock, cannot block it either).
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from weakref import WeakSet

import stamina

from breezeway_sync.core.clock import Clock
from breezeway_sync.core.errors import DatabaseBusy, DataRefused
from breezeway_sync.core.events import BatchLoaded, Emit
from breezeway_sync.entities.admit import reject
from breezeway_sync.entities.batch import Incoming, Loaded
from breezeway_sync.entities.marks import BACKFILL, Mark
from breezeway_sync.entities.model import Entity
from breezeway_sync.entities.plan import ChildPlan, plan_of
from breezeway_sync.entities.rows import ChildSet
from breezeway_sync.store.batch import Batch
from breezeway_sync.store.database import Connection, Row
from breezeway_sync.store.history import HistorySql, history_sql, recording
from breezeway_sync.store.proof import Proofs, Scope
from breezeway_sync.store.rejects import Refusal, Rejects
from breezeway_sync.store.sql import ChildSql, Staging, leftover_name, sql_for
from breezeway_sync.store.staging import (
    Candidate,
    child_rows,
    delete_vanished,
    drop_stale,
    stage,
    staged_values,
    tag_rows,
)

# New rows after which a table is analysed: on one that never was, the planner fell to 0.05 of the speed.
_ANALYZE_AT = (1_000, 10_000, 100_000, 1_000_000)
_BUSY_ATTEMPTS = 4
_BUSY_SECONDS = 90.0


@dataclass(frozen=True, slots=True)
class Brought:
    """What became of some records: counts, those that cannot be stored, and the keys of all that have one.

    `is_marked`: the marks that came with them are stored.
    """

    loaded: Loaded
    refusals: list[Refusal]
    keys: list[int]
    is_marked: bool


class Loader:
    """Writes one account's records. `owed_sources` are the calls that new and changed parents owe."""

    def __init__(
        self,
        proofs: Proofs,
        clock: Clock,
        *,
        owed_sources: frozenset[str],
        emit: Emit,
    ) -> None:
        self._database = proofs.holder.database
        self._holder = proofs.holder
        self._clock = clock
        self._proofs = proofs
        self._owed_sources = owed_sources
        self._emit = emit
        self._new_rows: dict[str, int] = {}
        self._begun: WeakSet[Batch] = WeakSet()
        self.rejects = Rejects(proofs.holder, emit)

    async def load(
        self,
        region: str,
        entity: Entity,
        incoming: Sequence[Incoming],
        discriminator: str | None = None,
        *,
        marks: Sequence[Mark] = (),
    ) -> Loaded:
        """Bring a batch of records into the mirror, and with it how far their lists were read.

        Whatever the records are, the good ones are stored and the others are in rejected_records
        afterwards. Raises LeaseLost, DatabaseUnreachable or DatabaseBusy; then nothing of it is stored.
        """
        store = await self.prepare(region, entity, incoming, discriminator, marks=marks)
        return await store()

    async def prepare(
        self,
        region: str,
        entity: Entity,
        incoming: Sequence[Incoming],
        discriminator: str | None = None,
        *,
        marks: Sequence[Mark] = (),
    ) -> Callable[[], Awaitable[Loaded]]:
        """The first half of `load`, which may run while the batch before is being stored; returns the second."""
        started = time.perf_counter()
        batch = await self._compared(region, entity, incoming, discriminator)
        prepared_seconds = time.perf_counter() - started

        async def store() -> Loaded:
            started = time.perf_counter()
            loaded = await self._store(batch, marks)
            seconds = prepared_seconds + time.perf_counter() - started
            self._emit(BatchLoaded(region, entity.name, loaded.read, loaded.new + loaded.updated, seconds))
            return loaded

        return store

    async def bring(self, region: str, entity: Entity, item: Incoming, discriminator: str | None) -> Brought:
        """Store one record if it can be; otherwise it is handed back, and nothing written down. Raises as `load`."""
        return await self._bring(await self._compared(region, entity, [item], discriminator), ())

    async def _compared(
        self, region: str, entity: Entity, incoming: Sequence[Incoming], discriminator: str | None
    ) -> Batch:
        sql, owed = sql_for(entity, self._database.schema), self._owed_of(entity)
        batch = Batch(region, plan_of(entity), sql, discriminator, owed, Loaded(read=len(incoming)))
        self._begun.add(batch)
        await batch.admit(incoming)
        await batch.compare(self._database)
        return batch

    async def _store(self, batch: Batch, marks: Sequence[Mark]) -> Loaded:
        brought = await self._bring(batch, marks)
        loaded, scope = brought.loaded, batch.scope
        loaded.rejected = len(brought.refusals)
        await self.rejects.save(scope.region, scope.entity.name, scope.kind, brought.refusals)
        if marks and not brought.is_marked:
            loaded.add(await self._mark(scope, marks))
        refused = {one.rejected.record_id for one in brought.refusals}
        back = set(map(str, brought.keys)) - refused
        await self.rejects.close_returned(scope.region, scope.entity.name, scope.kind, back)
        return loaded

    async def _bring(self, batch: Batch, marks: Sequence[Mark]) -> Brought:
        await batch.compare_again(self._database)
        # Nothing is marked as read before what of it cannot be stored is written down.
        pending = () if batch.refusals else marks
        is_stored = await self._merge_or_split(batch, batch.candidates, batch.loaded, pending)
        for other in list(self._begun):
            batch.overtake(other)
        entity = batch.plan.entity
        await self._analyze(entity.table, entity.key.name, batch.loaded.new)
        is_marked = is_stored and not batch.refusals
        return Brought(batch.loaded, batch.refusals, list(batch.newest), is_marked)

    async def load_children(
        self,
        region: str,
        entity: Entity,
        child: ChildPlan,
        source: str,
        sets: Sequence[tuple[ChildSet, int]],
        *,
        marks: Sequence[Mark] = (),
    ) -> Loaded:
        """Replace the children of some parents by what a call of their own brought, and settle the calls.

        `sets` carry the order of the request. Parents that the mirror does not know are left out. Counts
        are items.
        """
        sql = next(s for c, s in sql_for(entity, self._database.schema).called if c.child.table == child.child.table)
        loaded = Loaded()
        try:
            async for attempt in _while_busy():
                with attempt:
                    loaded = await self._load_children(region, entity, child, sql, source, sets, marks)
        except DataRefused as error:
            if len(sets) == 1:
                only, order = sets[0]
                rejected = reject(only.items, f"{error.what}: {error.got}", only.parent_key)
                await self.rejects.save(region, source, "", [Refusal(rejected, order)])
                return Loaded(read=len(only.items), rejected=len(only.items) or 1)
            middle = len(sets) // 2
            for half in (sets[:middle], sets[middle:]):
                loaded.add(await self.load_children(region, entity, child, source, half))
        await self._analyze(child.child.table, entity.pk, loaded.new)
        return loaded

    async def settle(self, region: str, source: str, parents: Sequence[tuple[int, int]]) -> None:
        """Calls (parent, order) that have nothing to bring: not owed any more, the stored children stay."""
        async with self._database.transaction("settling calls") as connection:
            await self._holder.check(connection)
            keys, orders = [key for key, _ in parents], [order for _, order in parents]
            await connection.execute(self._database.query("settle_calls"), region, source, keys, orders)

    # --- merging --------------------------------------------------------------------------------------

    async def _merge_or_split(
        self, batch: Batch, candidates: list[Candidate], loaded: Loaded, marks: Sequence[Mark] = ()
    ) -> bool:
        """Merge; when PostgreSQL refuses a value, halve until the one bad record stands alone.

        False when it was refused: then the marks are not stored yet, since what they speak for was not either.
        """
        if not candidates and not marks:
            return True
        try:
            async for attempt in _while_busy():
                with attempt:
                    merged = await self._merge(batch, candidates, marks)
        except DataRefused as error:
            if not candidates:
                raise
            if len(candidates) == 1:
                batch.refuse(candidates[0].admitted, candidates[0].order, f"{error.what}: {error.got}")
                return False
            middle = len(candidates) // 2
            await self._merge_or_split(batch, candidates[:middle], loaded)
            await self._merge_or_split(batch, candidates[middle:], loaded)
            return False
        loaded.add(merged)
        return True

    async def _merge(self, batch: Batch, candidates: list[Candidate], marks: Sequence[Mark]) -> Loaded:
        if not candidates:
            return await self._mark(batch.scope, marks)
        async with self._database.transaction("merging") as connection:
            merged = await self._merge_records(connection, batch, candidates)
            if marks:
                merged.add(await self._save_marks(connection, batch.scope, marks))
        return merged

    async def _mark(self, scope: Scope, marks: Sequence[Mark]) -> Loaded:
        """Marks of what is stored already."""
        async with self._database.transaction("marking lists as read") as connection:
            await self._holder.check(connection)
            return await self._save_marks(connection, scope, marks)

    async def _save_marks(self, connection: Connection, scope: Scope, marks: Sequence[Mark]) -> Loaded:
        """Marks, and the calls that a list of some days owes again, also for what did not change."""
        sources = list(self._owed_of(scope.entity))
        for mark in marks:
            if mark.kind == BACKFILL and mark.is_over and sources:
                values = (scope.region, sources, mark.parent, mark.since, mark.until, mark.began_order)
                await connection.execute(self._database.query("owe_planned"), *values)
        return await self._proofs.save_marks(connection, scope, marks)

    def _owed_of(self, entity: Entity) -> tuple[str, ...]:
        return tuple(c.source.name for c in entity.called if c.owed and c.source.name in self._owed_sources)

    async def _merge_records(self, connection: Connection, batch: Batch, candidates: list[Candidate]) -> Loaded:
        sql, now = batch.sql, self._clock.now()
        await stage(connection, sql.staging, map(staged_values, candidates))
        parts = [(one.staging, child_rows(candidates, child.child.table)) for child, one in sql.children]
        parts += [(one.staging, tag_rows(candidates, link.table)) for link, one in sql.tags]
        staged = [staging for staging, rows in parts if await stage(connection, staging, rows)]
        await self._holder.check(connection)
        told = [candidate.row.key for candidate in candidates if candidate.content_changed]
        history = self._history_sql(batch.plan.entity)
        async with recording(connection, history, now, batch.region, told, *batch.kind):
            written = await self._merge_staged(connection, batch, candidates, staged, now)
        merged = {row["key"] for row in written}
        changed = [one for one in candidates if one.content_changed and one.row.key in merged]
        if batch.owed_sources and changed:
            keys, orders = [c.row.key for c in changed], [c.order for c in changed]
            owe = self._database.query("owe_calls")
            await connection.execute(owe, batch.region, list(batch.owed_sources), keys, orders)
        if deleted := [row["key"] for row in written if row["is_deleted"]]:
            await self._proofs.note_status(connection, batch.scope, deleted)
        if returned := [row["key"] for row in written if row["is_live"] and not row["is_new"]]:
            await self._proofs.note_return(connection, batch.scope, returned)
        new, stale = sum(row["is_new"] for row in written), len(candidates) - len(written)
        return Loaded(new=new, updated=len(written) - new, deleted=len(deleted), stale=stale)

    async def _merge_staged(
        self,
        connection: Connection,
        batch: Batch,
        candidates: list[Candidate],
        staged: list[Staging],
        now: datetime,
    ) -> Sequence[Row]:
        """What was written, as `merge` returns it."""
        sql = batch.sql
        written: Sequence[Row] = await connection.fetch(sql.merge, batch.region, now, batch.plan.version, *batch.kind)
        ids: dict[int, int] = {row["key"]: row["id"] for row in written}
        if stale := [one.row.key for one in candidates if one.row.key not in ids]:
            await drop_stale(connection, staged, stale)
        new = [row["key"] for row in written if row["is_new"]]
        old_keys = ids.keys() - set(new)
        old = [one for one in candidates if one.row.key in old_keys]
        await self._merge_children(connection, batch, old, ids, staged, now)
        if new:
            for statement in sql.late_links:
                await connection.execute(statement, batch.region, now, new)
        return written

    def _history_sql(self, entity: Entity, called: str | None = None) -> HistorySql | None:
        return history_sql(entity, self._database.schema, called) if entity.name in self._proofs.history else None

    async def _merge_children(
        self,
        connection: Connection,
        batch: Batch,
        old: list[Candidate],
        ids: dict[int, int],
        staged: list[Staging],
        now: datetime,
    ) -> None:
        """Make children exact sets: delete what vanished from rows that were there before, write what differs."""
        for child, child_sql in batch.sql.children:
            table = child.child.table
            wanted = {
                ids[candidate.row.key]: {tuple(row[: len(child.key_columns)]) for row in rows}
                for candidate in old
                if (rows := candidate.row.children[table]) is not None
            }
            await delete_vanished(connection, child_sql.existing, child_sql.delete, batch.region, wanted)
            if child_sql.staging in staged:
                await connection.execute(child_sql.merge, batch.region, now)
        for link, tag_sql in batch.sql.tags:
            wanted = {
                ids[candidate.row.key]: {(tag,) for tag, _ in tags}
                for candidate in old
                if (tags := candidate.row.tags[link.table]) is not None
            }
            await delete_vanished(connection, tag_sql.existing, tag_sql.delete, batch.region, wanted)
            if tag_sql.staging in staged:
                await connection.execute(tag_sql.create_tags, batch.region, now)
                await connection.execute(tag_sql.merge, batch.region)

    async def _load_children(
        self,
        region: str,
        entity: Entity,
        child: ChildPlan,
        sql: ChildSql,
        source: str,
        sets: Sequence[tuple[ChildSet, int]],
        marks: Sequence[Mark],
    ) -> Loaded:
        now = self._clock.now()
        entity_sql = sql_for(entity, self._database.schema)
        async with self._database.transaction("merging children") as connection:
            rows = [[one.parent_key, *row] for one, _ in sets for row in one.rows]
            is_staged = await stage(connection, sql.staging, rows)
            await self._holder.check(connection)
            found = await connection.fetch(entity_sql.parents, region, [one.parent_key for one, _ in sets])
            ids: dict[int, int] = {row["key"]: row["id"] for row in found}
            known = [(one, order) for one, order in sets if one.parent_key in ids]
            wanted = {
                ids[one.parent_key]: {tuple(row[: len(child.key_columns)]) for row in one.rows} for one, _ in known
            }
            history = self._history_sql(entity, child.child.table)
            async with recording(connection, history, now, region, [one.parent_key for one, _ in known]):
                deleted = await delete_vanished(connection, sql.existing, sql.delete, region, wanted)
                merged = await connection.fetch(sql.merge, region, now) if is_staged else []
            leftovers = [one.leftover for one, _ in known]
            await connection.execute(
                entity_sql.save_leftover, region, now, leftover_name(child), list(wanted), leftovers
            )
            keys, orders = [one.parent_key for one, _ in sets], [order for _, order in sets]
            await connection.execute(self._database.query("settle_calls"), region, source, keys, orders)
            await connection.execute(self._database.query("touch_pass"), region, now)
            if marks:
                await self._proofs.save_walks(connection, region, marks, [True] * len(marks))
            back = [str(one.parent_key) for one, _ in known]
            await connection.execute(self._database.query("resolve_rejects"), region, source, "", back)
        read, new = len(rows), sum(row["is_new"] for row in merged)
        return Loaded(read=read, new=new, updated=len(merged) - new, unchanged=read - len(merged), deleted=deleted)

    async def _analyze(self, table: str, key: str, new_rows: int) -> None:
        """Tell the planner of a table that has grown: only of what we look rows up by, the rest is autovacuum's."""
        before = self._new_rows.get(table, 0)
        self._new_rows[table] = before + new_rows
        if any(before < step <= before + new_rows for step in _ANALYZE_AT):
            async with self._database.connection("analysing") as connection:
                await connection.execute(f'ANALYZE "{self._database.schema}".{table} (region_code, {key})')


def _while_busy() -> stamina._core._RetryContextIterator:
    return stamina.retry_context(on=DatabaseBusy, attempts=_BUSY_ATTEMPTS, timeout=_BUSY_SECONDS, wait_jitter=0.5)
