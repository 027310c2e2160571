"""Merges what is staged, in one transaction: rows, children, tags, pending child reads and checkpoints.

The transaction checks the lease after COPY and before the first write. So a process that was frozen cannot write over
its successor, and its staged rows block nobody.

New rows are not copied straight into their tables, though that would save a fifth of the server's work. A process that
freezes inside such a COPY would lock rows against its successor, and no timeout of PostgreSQL ends a COPY that waits
for its client. A rewrite compares values in the merge (`IS DISTINCT FROM`), because the stored hash does not show that
a row was changed by hand. A row whose order is later than the present of the lease counts as damaged.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from breezeway_sync.core.clock import Clock
from breezeway_sync.entities.batch import Loaded
from breezeway_sync.entities.checkpoints import BACKFILL, Checkpoint
from breezeway_sync.entities.model import Entity
from breezeway_sync.entities.plan import ChildPlan
from breezeway_sync.entities.rows import ChildSet
from breezeway_sync.store.batch import Batch
from breezeway_sync.store.checkpoints import save_walks
from breezeway_sync.store.database import Connection, Row
from breezeway_sync.store.deletion import DeletionScope
from breezeway_sync.store.history import HistorySql, history_sql, recording
from breezeway_sync.store.proof import StoredProofs
from breezeway_sync.store.sql import leftover_name, sql_for
from breezeway_sync.store.staging import (
    Candidate,
    MergeResult,
    Staged,
    children_to_stage,
    delete_vanished,
    stage,
    stage_batch,
)


class Merger:
    """Writes one account's rows. `owed_sources` are the calls that new and changed parents owe; `present` as in
    `Loader`."""

    def __init__(
        self,
        proofs: StoredProofs,
        clock: Clock,
        pending_sources: frozenset[str],
        present: Callable[[], int] | None = None,
    ) -> None:
        self._database = proofs.holder.database
        self._holder = proofs.holder
        self._proofs = proofs
        self._clock = clock
        self._pending_sources = pending_sources
        self._present = present

    def pending_reads_of(self, entity: Entity) -> tuple[str, ...]:
        """The sources of children that an entity's records owe calls for."""
        return tuple(c.source.name for c in entity.called if c.pending_reads and c.source.name in self._pending_sources)

    def _unwanted_of(self, entity: Entity) -> tuple[str, ...]:
        """Those that are switched off."""
        return tuple(
            c.source.name for c in entity.called if c.pending_reads and c.source.name not in self._pending_sources
        )

    # --- records --------------------------------------------------------------------------------------

    async def merge(self, batch: Batch, candidates: list[Candidate], reached: Sequence[Checkpoint]) -> Loaded:
        """Store some records of a batch and the marks, or nothing of it. Raises DatabaseError and LeaseLost."""
        if not candidates:
            return await self.checkpoint(batch.scope, reached)
        async with self._database.transaction("merging") as connection:
            staged = await stage_batch(connection, batch.sql, candidates)
            await self._holder.check(connection)
            merged = await self._merge_records(staged, batch)
            if reached:
                merged.add(await self._save_marks(connection, batch.scope, reached))
        return merged

    async def checkpoint(self, scope: DeletionScope, reached: Sequence[Checkpoint]) -> Loaded:
        """Marks of what is stored already."""
        async with self._database.transaction("marking lists as read") as connection:
            await self._holder.check(connection)
            return await self._save_marks(connection, scope, reached)

    async def _save_marks(self, connection: Connection, scope: DeletionScope, reached: Sequence[Checkpoint]) -> Loaded:
        """Marks, and the calls that a list of some days owes again, also for what did not change."""
        sources = list(self.pending_reads_of(scope.entity))
        for checkpoint in reached:
            if checkpoint.kind == BACKFILL and sources:
                values = (
                    scope.region,
                    sources,
                    checkpoint.parent,
                    checkpoint.since,
                    checkpoint.until,
                    checkpoint.began_order,
                )
                await connection.execute(self._database.query("owe_planned", scope.entity), *values)
        return await self._proofs.save_marks(connection, scope, reached)

    async def _merge_records(self, staged: Staged, batch: Batch) -> Loaded:
        connection, candidates, now = staged.connection, staged.candidates, self._clock.now()
        news = [candidate.row.key for candidate in candidates if candidate.content_changed]
        told = [candidate.row.key for candidate in candidates] if self._present else news
        history = self._history_sql(batch.plan.entity)
        async with recording(connection, history, now, batch.region, told, news, *batch.kind):
            merged = await self._merge_staged(staged, batch, now)
        written, stored = merged.written, {row["key"] for row in merged.written}
        changed = [one for one in candidates if one.content_changed and one.row.key in stored]
        if batch.pending_sources and changed:
            new_keys = {row["key"] for row in written if row["is_new"]}
            keys, orders = [c.row.key for c in changed], [c.order for c in changed]
            are_new = [key in new_keys for key in keys]
            request_reads = self._database.query("owe_calls")
            await connection.execute(request_reads, batch.region, list(batch.pending_sources), keys, orders, are_new)
        if changed and (unwanted := self._unwanted_of(batch.plan.entity)):
            # What changed while nobody wanted these lists is owed when somebody does.
            await connection.execute(self._database.query("forget_owed_all"), batch.region, list(unwanted))
        if deleted := [row["key"] for row in written if row["is_deleted"]]:
            await self._proofs.note_status(connection, batch.scope, deleted)
        if returned := [row["key"] for row in written if row["is_live"] and not row["is_new"]]:
            await self._proofs.note_return(connection, batch.scope, returned)
        new, changed_rows, known = sum(row["is_new"] for row in written), merged.changed, len(merged.ids)
        return Loaded(
            new=new,
            updated=changed_rows - new,
            unchanged=known - changed_rows,
            deleted=len(deleted),
            stale=len(candidates) - known,
        )

    async def _merge_staged(self, staged: Staged, batch: Batch, now: datetime) -> MergeResult:
        connection, candidates, sql = staged.connection, staged.candidates, batch.sql
        merged = await self._merge_rows(staged, batch, now)
        new = [row["key"] for row in merged.written if row["is_new"]]
        old_keys = merged.ids.keys() - set(new)
        old = [one for one in candidates if one.row.key in old_keys]
        touched = await self._merge_children(staged, batch, old, merged.ids, now)
        if new:
            for statement in sql.late_links:
                await connection.execute(statement, batch.region, now, new)
        # Elsewhere whoever has children that differ is written anyway: only the hash lets it be looked at.
        return MergeResult(merged.written, merged.ids, touched) if self._present else merged

    async def _merge_rows(self, staged: Staged, batch: Batch, now: datetime) -> MergeResult:
        """Write what has changed; in a rewrite what differs from its row, and then ids are looked up."""
        connection, sql, values = staged.connection, batch.sql, (batch.region, now, batch.plan.version, *batch.kind)
        if self._present is None:
            written: Sequence[Row] = await connection.fetch(sql.merge, *values)
            return MergeResult(written, {row["key"]: row["id"] for row in written})
        present = self._present()
        written = await connection.fetch(sql.rewrite, *values, present)
        keys, orders = [one.row.key for one in staged.candidates], [one.order for one in staged.candidates]
        found = await connection.fetch(sql.not_newer, batch.region, keys, orders, *batch.kind)
        return MergeResult(written, {row["key"]: row["id"] for row in found})

    def _history_sql(self, entity: Entity, called: str | None = None) -> HistorySql | None:
        return history_sql(entity, self._database.schema, called) if entity.name in self._proofs.history else None

    async def _merge_children(
        self, staged: Staged, batch: Batch, old: list[Candidate], ids: dict[int, int], now: datetime
    ) -> set[int]:
        """Make children exact sets: delete what vanished from rows that were there before, write what differs.

        Returns the ids of the rows among these whose children it changed.
        """
        connection, merged, touched = staged.connection, (list(ids), list(ids.values())), set[int]()
        for child, child_sql in batch.sql.children:
            table = child.child.table
            expected = {
                ids[candidate.row.key]: {tuple(row[: len(child.key_columns)]) for row in rows}
                for candidate in old
                if (rows := candidate.row.children[table]) is not None
            }
            touched |= await delete_vanished(connection, child_sql.existing, child_sql.delete, batch.region, expected)
            if child_sql.staging in staged.tables:
                write = child_sql.merge if old else child_sql.insert
                touched |= {row["parent"] for row in await connection.fetch(write, batch.region, now, *merged)}
        for link, tag_sql in batch.sql.tags:
            expected = {
                ids[candidate.row.key]: {(tag,) for tag, _ in tags}
                for candidate in old
                if (tags := candidate.row.tags[link.table]) is not None
            }
            touched |= await delete_vanished(connection, tag_sql.existing, tag_sql.delete, batch.region, expected)
            if tag_sql.staging in staged.tables:
                await connection.execute(tag_sql.create_tags, batch.region, now, merged[0])
                write = tag_sql.merge if old else tag_sql.insert
                touched |= {row["parent"] for row in await connection.fetch(write, batch.region, *merged)}
        return touched

    # --- children that a call of their own brought ----------------------------------------------------

    async def replace_children(
        self,
        region: str,
        entity: Entity,
        child: ChildPlan,
        source: str,
        sets: Sequence[tuple[ChildSet, int]],
        reached: Sequence[Checkpoint],
    ) -> Loaded:
        """Make what calls brought the children of their parents, and settle those calls. Raises as `merge`."""
        now, sql = self._clock.now(), sql_for(entity, self._database.schema)
        async with self._database.transaction("merging children") as connection:
            found = await connection.fetch(sql.parents, region, [one.parent_key for one, _ in sets])
            ids: dict[int, int] = {row["key"]: row["id"] for row in found}
            known = [one for one, _ in sets if one.parent_key in ids]
            begun = await self._read_before(connection, region, entity, child, source, list(ids), bool(reached))
            loaded = await self._replace(connection, region, entity, child, known, ids, now, begun)
            leftovers = [ids[one.parent_key] for one in known], [one.leftover for one in known]
            await connection.execute(sql.save_leftover, region, now, leftover_name(child), *leftovers)
            keys, orders = [one.parent_key for one, _ in sets], [order for _, order in sets]
            await connection.execute(self._database.query("settle_calls"), region, source, keys, orders)
            await connection.execute(self._database.query("touch_pass"), region, now)
            if reached:
                await save_walks(self._database, connection, region, reached, now)
            back = [str(one.parent_key) for one in known]
            await connection.execute(self._database.query("resolve_rejects"), region, source, "", back)
        return loaded

    async def _read_before(
        self,
        connection: Connection,
        region: str,
        entity: Entity,
        child: ChildPlan,
        source: str,
        parents: list[int],
        is_marked: bool,
    ) -> set[int]:
        """Parents whose children of this list were read before: only of these is it a change that others come."""
        if self._history_sql(entity, child.child.table) is None:
            return set()
        if is_marked:
            rows = await connection.fetch(self._database.query("walked_parents"), region, source, parents)
            return {row["parent_id"] for row in rows}
        rows = await connection.fetch(self._database.query("read_first"), region, source, parents)
        return set(parents) - {row["parent_id"] for row in rows}

    async def _replace(
        self,
        connection: Connection,
        region: str,
        entity: Entity,
        child: ChildPlan,
        sets: list[ChildSet],
        ids: dict[int, int],
        now: datetime,
        begun: set[int],
    ) -> Loaded:
        """Stage what differs, check the lease, make the sets exact. `begun` are the parents with a history of them."""
        sql = next(one for plan, one in sql_for(entity, self._database.schema).called if plan is child)
        existing = await connection.fetch(sql.existing, region, list(ids.values()))
        stored = {tuple(row)[1:]: row["id"] for row in existing}
        shown = {
            (ids[one.parent_key], *row[: len(child.key_columns)]): [one.parent_key, *row]
            for one in sets
            for row in one.rows
        }
        rows = await children_to_stage(connection, sql, region, stored, shown)
        is_staged = await stage(connection, sql.staging, rows)
        await self._holder.check(connection)
        vanished = [row_id for key, row_id in stored.items() if key not in shown]
        told = [one.parent_key for one in sets if one.parent_key in begun] if rows or vanished else []
        merged: Sequence[Row] = []
        async with recording(connection, self._history_sql(entity, child.child.table), now, region, told, told):
            if vanished:
                await connection.execute(sql.delete, region, vanished)
            if is_staged:
                merged = await connection.fetch(sql.merge, region, now, list(ids), list(ids.values()))
        new, updated = sum(row["is_new"] for row in merged), sum(not row["is_new"] for row in merged)
        return Loaded(
            read=len(shown), new=new, updated=updated, unchanged=len(shown) - len(merged), deleted=len(vanished)
        )
