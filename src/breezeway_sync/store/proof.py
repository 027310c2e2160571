"""What lists do not show any more, and deletion when it is proven; everything under the account's lease."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from breezeway_sync.core.clock import Clock
from breezeway_sync.entities.batch import Loaded
from breezeway_sync.entities.guard import Guard
from breezeway_sync.entities.marks import BACKFILL, CHANGED, NEAR, WHOLE, Mark, Pace
from breezeway_sync.entities.model import Entity
from breezeway_sync.store.absence_sql import absence_sql
from breezeway_sync.store.database import Connection
from breezeway_sync.store.holder import Holder
from breezeway_sync.store.walks import save_backfills, save_walks

NOTICED, OPEN, HELD = "noticed", "open", "held"
# Why a record was deleted, `deletions.reason`.
STATUS, NOT_FOUND, NOT_LISTED, PROPERTY_LEFT = "status", "not_found", "not_listed", "property_left"
SOURCE_ADOPTED = "source_adopted"
Evidence = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Scope:
    """Whose records: `kind` is the value of the entity's discriminator, or ''."""

    region: str
    entity: Entity
    kind: str = ""


class Proofs:
    """Marks, absences and deletions of one account's regions. `history` are entities whose every change is kept."""

    def __init__(self, holder: Holder, clock: Clock, guard: Guard, *, history: frozenset[str] = frozenset()) -> None:
        self.history = history
        self._database = holder.database
        self.holder = holder
        self._clock = clock
        self._guard = guard

    # --- inside the transaction of the records ----------------------------------------------------------

    async def save_marks(self, connection: Connection, scope: Scope, marks: Sequence[Mark]) -> Loaded:
        """Write how far lists were read, and note what complete walks did not show."""
        loaded = Loaded()
        shown = [key for mark in marks for key in mark.ids]
        if shown:
            forget = self._database.query("forget_shown")
            await connection.execute(forget, scope.region, scope.entity.name, scope.kind, shown)
        believed = []
        for mark in marks:
            says_absent = mark.is_complete and mark.kind != CHANGED
            is_held = says_absent and await self._note_absent(connection, scope, mark, loaded)
            believed.append(mark.is_complete and not is_held)
        known = [mark for mark, is_believed in zip(marks, believed, strict=True) if is_believed]
        lists, days = [one for one in known if one.kind != BACKFILL], [one for one in marks if one.kind == BACKFILL]
        await save_walks(self._database, connection, scope.region, lists, self._clock.now())
        await save_backfills(self._database, connection, scope.region, days, self._clock.now())
        return loaded

    async def note_status(self, connection: Connection, scope: Scope, keys: Sequence[int]) -> None:
        """Records that say of themselves that they are deleted, and were just stored so."""
        column, value = scope.entity.deleted_when or ("", "")
        await self._note_deletions(connection, scope, STATUS, {key: {"why": f"{column} is {value}"} for key in keys})
        await self._doubt_tasks_of(connection, scope, keys)

    async def note_return(self, connection: Connection, scope: Scope, keys: Sequence[int]) -> None:
        """Records that the API shows: whatever was deleted of them is live again."""
        query = self._database.query("note_return")
        await connection.execute(query, scope.region, scope.entity.name, scope.kind, list(keys), self._clock.now())

    async def left(
        self, connection: Connection, region: str, properties: Entity, companies: Mapping[int, int | None]
    ) -> int:
        """Properties that the list shows under another company: that is the proof. How many of them were live."""
        scope = Scope(region, properties)
        evidence = {
            key: {"why": "the list shows it under another company", "company_id": company}
            | {"shown": _proof(self._clock.now(), self.holder.run_id)}
            for key, company in companies.items()
        }
        deleted = await self._delete(connection, scope, PROPERTY_LEFT, evidence)
        await self._doubt_tasks_of(connection, scope, list(companies))
        return deleted

    async def _note_absent(self, connection: Connection, scope: Scope, mark: Mark, loaded: Loaded) -> bool:
        """Note what a complete walk did not show; True when it is too much to be believed."""
        if mark.kind == WHOLE:
            await self._close_rejects(connection, scope, mark)
        if mark.nameless and scope.entity.own_address is None:
            return False  # nobody can be asked whether it is one of those
        sql = absence_sql(scope.entity, self._database.schema)
        bounds = (mark.since, mark.until) if mark.kind in (NEAR, BACKFILL) else (None, None)
        row = await connection.fetchrow(
            sql.absent, scope.region, mark.began_order, mark.ids, scope.kind, mark.parent, *bounds
        )
        expected, absent = (row["expected"], row["absent"]) if row else (0, [])
        loaded.expected += expected
        is_adopted = bool(absent) and mark.kind == WHOLE and await self._is_adoption(connection, scope.region, mark)
        why = None if is_adopted else self._guard.of_list(mark.kind, mark.shown, expected, len(absent))
        if absent:
            await connection.execute(
                self._database.query("note_absent"),
                scope.region,
                scope.entity.name,
                scope.kind,
                absent,
                mark.source,
                mark.parent,
                HELD if why else NOTICED,
                self._clock.now(),
                self.holder.run_id,
                why or f"not in the list of {mark.kind} of {mark.began_at:%Y-%m-%d %H:%M:%S} UTC",
            )
        if not why:
            loaded.absent += len(absent)
        if is_adopted:
            loaded.deleted += await self._note_adopted(connection, scope, absent)
        if mark.kind == WHOLE and scope.entity.own_address is None:
            loaded.deleted += await self._delete_twice_absent(connection, scope)
        return why is not None

    async def _is_adoption(self, connection: Connection, region: str, mark: Mark) -> bool:
        """Whether a person adopted another source, and this is the first whole reading of the list since."""
        found = await connection.fetchrow(self._database.query("adoption"), region, mark.source, mark.parent)
        return found is not None

    async def _note_adopted(self, connection: Connection, scope: Scope, keys: Sequence[int]) -> int:
        """What the adopted source does not show goes without the guard; its own address is asked first, if any."""
        values = (scope.region, scope.entity.name, scope.kind, list(keys))
        await connection.execute(self._database.query("note_adopted"), *values)
        if scope.entity.own_address is not None:
            return 0
        return len(await self._delete_adopted(connection, scope, keys))

    async def _delete_adopted(self, connection: Connection, scope: Scope, keys: Sequence[int]) -> list[int]:
        values = (scope.region, scope.entity.name, scope.kind, list(keys))
        rows = await connection.fetch(self._database.query("adopted_missing"), *values)
        evidence = {
            row["record_id"]: {
                "why": "the source that was adopted does not show it",
                "adopted": {"at": row["adopted_at"].isoformat(), "by": row["adopted_by"]},
                "noticed": _proof(row["noticed_at"], row["noticed_run"]),
                "run": str(self.holder.run_id),
            }
            for row in rows
        }
        await self._delete(connection, scope, SOURCE_ADOPTED, evidence)
        return list(evidence)

    async def retire_adopted(self, region: str, entity: Entity, keys: Sequence[int]) -> list[int]:
        """Of records whose own address answers 404: those that the adopted source did not show are deleted at once."""
        scope = Scope(region, entity)
        async with self._database.transaction("retiring what an adopted source does not show") as connection:
            await self.holder.check(connection)
            deleted = await self._delete_adopted(connection, scope, keys)
            await self._doubt_tasks_of(connection, scope, deleted)
        return deleted

    async def _close_rejects(self, connection: Connection, scope: Scope, mark: Mark) -> None:
        """What could not be stored once and is not sent any more waits for nothing."""
        per = next((source.per for source in scope.entity.sources if source.name == mark.source), None)
        close = self._database.query("close_unshown_rejects")
        values = (scope.region, scope.entity.name, scope.kind, mark.began_order, per, mark.parent)
        await connection.execute(close, *values)

    async def _delete_twice_absent(self, connection: Connection, scope: Scope) -> int:
        """Without an address of its own, a second complete walk without a record is what proves that it is gone."""
        run_id, now = self.holder.run_id, self._clock.now()
        rows = await connection.fetch(
            self._database.query("twice_absent"), scope.region, scope.entity.name, scope.kind, run_id
        )
        evidence = {
            row["record_id"]: {
                "why": "two complete walks did not show it",
                "first": _proof(row["noticed_at"], row["noticed_run"]),
                "second": _proof(now, run_id),
            }
            for row in rows
        }
        return await self._delete(connection, scope, NOT_LISTED, evidence)

    # --- after the walks --------------------------------------------------------------------------------

    async def settle_absent(self, region: str, entity: Entity, expected: int) -> Loaded:
        """The walks of a run are over, which were to show `expected` records: judge what they noticed.

        `held` of what is returned are all records of the entity that wait for a person.
        """
        for source in entity.sources:
            if source.per:
                await self._database.fetch("close_vanished_rejects", region, entity.name, source.name)
        rows = await self._database.fetch("count_missing", region, entity.name)
        count: dict[str, int] = {row["state"]: row["records"] for row in rows}
        noticed = count.get(NOTICED, 0)
        if not noticed:
            return Loaded(held=count.get(HELD, 0))
        why = self._guard.of_pass(max(expected, noticed), noticed)
        async with self._database.transaction("judging what is missing") as connection:
            await self.holder.check(connection)
            settle = self._database.query("settle_noticed")
            await connection.execute(settle, region, entity.name, HELD if why else OPEN, why)
        return Loaded(held=count.get(HELD, 0) + (noticed if why else 0))

    async def candidates(self, region: str, entity: Entity, pace: Pace, limit: int) -> list[int]:
        """Records whose own address is to be asked now: candidates, and what lists leave out when its time has come."""
        now = self._clock.now()
        sql = absence_sql(entity, self._database.schema)
        if sql.candidates is None:
            return []
        async with self._database.connection("looking for candidates") as connection:
            rows = await connection.fetch(
                sql.candidates,
                region,
                self.holder.run_id,
                now - timedelta(seconds=pace.unlisted_seconds),
                now - timedelta(seconds=pace.near_seconds),
                now.date(),
                pace.near_days,
                limit,
                now,
            )
        return [row["record_id"] for row in rows]

    async def listed_records(self, region: str, entity: Entity, limit: int) -> list[int]:
        """Live records that the lists show, the newest first."""
        sql = absence_sql(entity, self._database.schema)
        async with self._database.connection("looking for a listed record") as connection:
            rows = await connection.fetch(sql.listed, region, limit)
        return [row["key"] for row in rows]

    async def doubt(self, region: str, entity: Entity, keys: Sequence[int]) -> None:
        """Their own addresses answered 404, whatever lists show: candidates for deletion."""
        sql = absence_sql(entity, self._database.schema)
        async with self._database.transaction("noting 404s") as connection:
            await self.holder.check(connection)
            await connection.execute(sql.doubt, region, list(keys), self._clock.now(), self.holder.run_id)

    async def answered(self, region: str, entity: Entity, keys: Sequence[int]) -> None:
        """Their own addresses answered: lists leave them out."""
        async with self._database.transaction("noting answers") as connection:
            await self.holder.check(connection)
            note = self._database.query("note_answered")
            await connection.execute(note, region, entity.name, list(keys), self._clock.now())

    async def gone(self, region: str, entity: Entity, keys: Sequence[int], listed: int) -> Loaded:
        """Their own addresses answered 404 in this run, in which that of `listed` answered.

        Those of which an earlier run found the same are deleted.
        """
        now, run_id, scope = self._clock.now(), self.holder.run_id, Scope(region, entity)
        async with self._database.transaction("deleting what is proven") as connection:
            await self.holder.check(connection)
            rows = await connection.fetch(
                self._database.query("note_gone"), region, entity.name, list(keys), now, run_id
            )
            evidence = {
                row["record_id"]: {
                    "why": "its own address answered 404 in two runs, while that of a listed record answered",
                    "noticed": _proof(row["noticed_at"], row["noticed_run"]),
                    "first": _proof(row["gone_at"], row["gone_run"]),
                    "second": _proof(now, run_id),
                    "listed_record": listed,
                }
                for row in rows
                if row["is_proven"]
            }
            deleted = await self._delete(connection, scope, NOT_FOUND, evidence)
            if deleted:
                await self._doubt_tasks_of(connection, scope, list(evidence))
        return Loaded(deleted=deleted)

    async def _doubt_tasks_of(self, connection: Connection, scope: Scope, keys: Sequence[int]) -> None:
        """Nobody lists the tasks of properties that are deleted."""
        if scope.entity.name == "properties":
            doubt = self._database.query("doubt_tasks_of")
            await connection.execute(doubt, scope.region, list(keys), self._clock.now(), self.holder.run_id)

    async def _delete(self, connection: Connection, scope: Scope, reason: str, evidence: Mapping[int, Evidence]) -> int:
        """Mark rows as deleted, with what proves it; how many were live."""
        if not evidence:
            return 0
        sql = absence_sql(scope.entity, self._database.schema)
        rows = await connection.fetch(sql.delete, scope.region, list(evidence), self._clock.now(), scope.kind)
        deleted = {row["key"]: evidence[row["key"]] for row in rows}
        await self._note_deletions(connection, scope, reason, deleted)
        return len(deleted)

    async def _note_deletions(
        self, connection: Connection, scope: Scope, reason: str, evidence: Mapping[int, Evidence]
    ) -> None:
        await connection.execute(
            self._database.query("note_deletions"),
            scope.region,
            scope.entity.name,
            scope.kind,
            list(evidence),
            [json.dumps(one) for one in evidence.values()],
            self._clock.now(),
            [called.source.name for called in scope.entity.called],
            reason,
        )
        if evidence and scope.entity.name in self.history:
            record = self._database.query("record_in_history")
            values = (scope.region, scope.entity.name, list(evidence), self._clock.now(), scope.kind or None, "deleted")
            await connection.execute(record, *values)


def _proof(at: datetime, run_id: object) -> dict[str, str]:
    return {"at": at.isoformat(), "run": str(run_id)}
