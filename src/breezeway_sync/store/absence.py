"""Writes checkpoints and missing records in the transaction of the records of their scan.

A missing record is one that a complete scan did not show.
"""

from __future__ import annotations

from collections.abc import Sequence

from breezeway_sync.core.clock import Clock
from breezeway_sync.entities.batch import Loaded
from breezeway_sync.entities.checkpoints import BACKFILL, FULL, INCREMENTAL, WINDOW, Checkpoint
from breezeway_sync.entities.guard import Guard
from breezeway_sync.entities.missing_states import MissingEvent, after
from breezeway_sync.store.absence_sql import absence_sql
from breezeway_sync.store.checkpoints import save_backfills, save_walks
from breezeway_sync.store.database import Connection
from breezeway_sync.store.deletion import (
    NOT_LISTED,
    Deleter,
    DeletionScope,
    approval,
    proof_of,
)
from breezeway_sync.store.holder import Holder


class Absence:
    """Marks of one account's lists. `elsewhere` are what lists of this run showed that are not theirs, by region and
    entity: a task that is listed under one property and names another."""

    def __init__(self, holder: Holder, clock: Clock, guard: Guard, deleter: Deleter) -> None:
        self._database = holder.database
        self._holder = holder
        self._clock = clock
        self._guard = guard
        self._deleter = deleter
        self.elsewhere: dict[tuple[str, str], set[int]] = {}

    async def save_marks(self, connection: Connection, scope: DeletionScope, reached: Sequence[Checkpoint]) -> Loaded:
        """Write how far lists were read, and note what complete walks did not show."""
        loaded = Loaded()
        shown = [key for checkpoint in reached for key in checkpoint.ids]
        if shown:
            forget = self._database.query("forget_shown")
            await connection.execute(forget, scope.region, scope.entity.name, scope.kind, shown)
        believed = []
        for checkpoint in reached:
            says_absent = checkpoint.is_complete and checkpoint.kind != INCREMENTAL
            is_doubted = says_absent and await self._note_absent(connection, scope, checkpoint, loaded)
            believed.append(checkpoint.is_complete and not is_doubted)
        known = [checkpoint for checkpoint, is_believed in zip(reached, believed, strict=True) if is_believed]
        lists, days = [one for one in known if one.kind != BACKFILL], [one for one in reached if one.kind == BACKFILL]
        await save_walks(self._database, connection, scope.region, lists, self._clock.now())
        await save_backfills(self._database, connection, scope.region, days, self._clock.now())
        return loaded

    async def _note_absent(
        self, connection: Connection, scope: DeletionScope, checkpoint: Checkpoint, loaded: Loaded
    ) -> bool:
        """Note what a complete walk did not show; True when the walk is not believed."""
        if checkpoint.kind == FULL:
            await self._close_rejects(connection, scope, checkpoint)
        if checkpoint.nameless and scope.entity.own_address is None:
            return False  # nobody can be asked whether it is one of those
        sql = absence_sql(scope.entity, self._database.schema)
        bounds = (checkpoint.since, checkpoint.until) if checkpoint.kind in (WINDOW, BACKFILL) else (None, None)
        row = await connection.fetchrow(
            sql.absent, scope.region, checkpoint.began_order, checkpoint.ids, scope.kind, checkpoint.parent, *bounds
        )
        expected, absent, elsewhere = (row["expected"], row["absent"], row["elsewhere"]) if row else (0, [], [])
        known = self.elsewhere.setdefault((scope.region, scope.entity.name), set())
        known.update(elsewhere)
        absent = [key for key in absent if key not in known]
        is_adopted = (
            bool(absent) and checkpoint.kind == FULL and await self._is_adoption(connection, scope.region, checkpoint)
        )
        why = None if is_adopted else await self._why_not(connection, scope, checkpoint, expected)
        needs_review = why is not None and scope.entity.own_address is None
        if absent:
            state = after(MissingEvent.LIST_DISBELIEVED if needs_review else MissingEvent.NOT_LISTED, None)
            reason = why or f"not in the list of {checkpoint.kind} of {checkpoint.began_at:%Y-%m-%d %H:%M:%S} UTC"
            values = (
                absent,
                checkpoint.source,
                checkpoint.parent,
                state,
                self._clock.now(),
                self._holder.run_id,
                reason,
            )
            await connection.execute(sql.note, scope.region, scope.kind, *values, checkpoint.kind == WINDOW)
        if is_adopted:
            loaded.deleted += await self._note_adopted(connection, scope, absent)
        if checkpoint.kind == FULL and scope.entity.own_address is None:
            loaded.deleted += await self._delete_twice_absent(connection, scope, is_believed=why is None)
        return why is not None

    async def _is_adoption(self, connection: Connection, region: str, checkpoint: Checkpoint) -> bool:
        """Whether a person adopted another source, and this is the first whole reading of the list since."""
        found = await connection.fetchrow(
            self._database.query("adoption"), region, checkpoint.source, checkpoint.parent
        )
        return found is not None

    async def _note_adopted(self, connection: Connection, scope: DeletionScope, keys: Sequence[int]) -> int:
        """What the adopted source does not show goes without the guard; its own address is asked first, if any."""
        values = (scope.region, scope.entity.name, scope.kind, list(keys))
        await connection.execute(self._database.query("note_adopted"), *values)
        if scope.entity.own_address is not None:
            return 0
        return len(await self._deleter.delete_adopted(connection, scope, keys))

    async def _why_not(
        self, connection: Connection, scope: DeletionScope, checkpoint: Checkpoint, expected: int
    ) -> str | None:
        """Why a list that has become empty is not believed; asked of the others nothing is."""
        if checkpoint.shown:
            return None
        region, name = scope.region, scope.entity.name
        waiting = await connection.fetchval(
            self._database.query("count_waiting"), region, name, scope.kind, checkpoint.source, checkpoint.parent
        )
        can_be_asked = scope.entity.own_address is not None
        return self._guard.of_list(checkpoint.kind, checkpoint.shown, expected + waiting, can_be_asked=can_be_asked)

    async def _close_rejects(self, connection: Connection, scope: DeletionScope, checkpoint: Checkpoint) -> None:
        """What could not be stored once and is not sent any more waits for nothing."""
        per = next((source.per for source in scope.entity.sources if source.name == checkpoint.source), None)
        close = self._database.query("close_unshown_rejects")
        values = (scope.region, scope.entity.name, scope.kind, checkpoint.began_order, per, checkpoint.parent)
        await connection.execute(close, *values)

    async def _delete_twice_absent(self, connection: Connection, scope: DeletionScope, *, is_believed: bool) -> int:
        """Without an address of its own, a second complete walk without a record is what proves that it is gone."""
        run_id, now = self._holder.run_id, self._clock.now()
        twice = self._database.query("twice_absent")
        values = (scope.region, scope.entity.name, scope.kind, run_id, is_believed)
        rows = await connection.fetch(twice, *values)
        evidence = {
            row["record_id"]: {
                "why": "two complete walks did not show it",
                "noticed": proof_of(row["missing_since"], row["missing_run"]),
                "second": proof_of(now, run_id),
                **approval(row),
            }
            for row in rows
        }
        return await self._deleter.guarded(connection, scope, NOT_LISTED, rows, evidence)
