"""Stores the proof of deletions under the lease of the account: answers of records' own addresses, and deletions.

For properties, reservations and tasks the proof is: their own address answers 404 in two runs, while the address of
another record answers. That is a listed record of the region; if none is listed, the property of the record, or another
property if theirs has left. A property is alive only if the API showed it after the first 404. For other entities the
proof is two complete scans in which every record had an id.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from breezeway_sync.core.clock import Clock
from breezeway_sync.entities.asking import (
    LEFT,
    THERE,
    UNKNOWN,
    Asked,
    Control,
    Home,
    KnownHomes,
    MissingCounts,
    Strangers,
)
from breezeway_sync.entities.batch import Loaded
from breezeway_sync.entities.catalog import HOME
from breezeway_sync.entities.checkpoints import Checkpoint, RefreshPace
from breezeway_sync.entities.guard import Guard
from breezeway_sync.entities.losses import Loss
from breezeway_sync.entities.missing_states import MissingState
from breezeway_sync.entities.model import Entity
from breezeway_sync.entities.streams import OF_HOMES, PER_HOME
from breezeway_sync.store.absence import Absence
from breezeway_sync.store.absence_sql import absence_sql
from breezeway_sync.store.asking_sql import asking_sql
from breezeway_sync.store.database import Connection, Row
from breezeway_sync.store.deletion import (
    NOT_FOUND,
    PROPERTY_LEFT,
    STATUS,
    Deleter,
    DeletionScope,
    approval,
    proof_of,
)
from breezeway_sync.store.holder import Holder
from breezeway_sync.store.losses import take_losses


class StoredProofs:
    """Marks, absences and deletions of one account's regions. `history` are entities whose every change is kept."""

    def __init__(self, holder: Holder, clock: Clock, guard: Guard, *, history: frozenset[str] = frozenset()) -> None:
        self.history = history
        self.holder = holder
        self._database = holder.database
        self._clock = clock
        self._guard = guard
        self._deleter = Deleter(holder, clock, guard, history)
        self._absence = Absence(holder, clock, guard, self._deleter)

    # --- inside the transaction of the records ----------------------------------------------------------

    async def save_marks(self, connection: Connection, scope: DeletionScope, reached: Sequence[Checkpoint]) -> Loaded:
        """Write how far lists were read, and note what complete walks did not show."""
        return await self._absence.save_marks(connection, scope, reached)

    async def note_status(self, connection: Connection, scope: DeletionScope, keys: Sequence[int]) -> None:
        """Records that say of themselves that they are deleted, and were just stored so."""
        column, value = scope.entity.deleted_when or ("", "")
        await self._deleter.note(connection, scope, STATUS, {key: {"why": f"{column} is {value}"} for key in keys})

    async def note_return(self, connection: Connection, scope: DeletionScope, keys: Sequence[int]) -> None:
        """Records that the API shows: what was deleted of them is live again; what went with a property is asked."""
        now = self._clock.now()
        query, unread = self._database.query("note_return"), PER_HOME if scope.entity is HOME else ()
        rows = await connection.fetch(query, scope.region, scope.entity.name, scope.kind, list(keys), now, unread)
        if rows and scope.entity is HOME:
            back = [row["record_id"] for row in rows]
            values = (scope.region, back, now, self.holder.run_id, list(OF_HOMES), list(OF_HOMES.values()))
            await connection.execute(self._database.query("ask_back"), *values)

    async def left(
        self, connection: Connection, region: str, properties: Entity, companies: Mapping[int, int | None]
    ) -> int:
        """Properties that the list shows under another company: that is the proof. How many of them were live."""
        evidence = {
            key: {
                "why": "the list shows it under another company",
                "company": company,
                "shown": proof_of(self._clock.now(), self.holder.run_id),
            }
            for key, company in companies.items()
        }
        return await self._deleter.delete(connection, DeletionScope(region, properties), PROPERTY_LEFT, evidence)

    # --- before and after the walks ---------------------------------------------------------------------

    async def take_losses(self, region: str, order: int) -> list[Loss]:
        """What of a region was deleted by hand since the last run; it is read again from now on."""
        return await take_losses(self.holder, region, order, self._clock.now())

    async def settle_absent(self, region: str, entity: Entity) -> MissingCounts:
        """The walks of a run are over: what is missing now."""
        for source in entity.sources:
            if source.per:
                await self._database.fetch("close_vanished_rejects", region, entity.name, source.name)
        elsewhere = self._absence.elsewhere.pop((region, entity.name), None)
        doubt = asking_sql(entity, self._database.schema).doubt_of
        excluded = await self._database.fetch("excluded_homes", region) if doubt else []
        if elsewhere or excluded:
            # Only then: even a lock on the lease is written.
            async with self._database.transaction("judging what is missing") as connection:
                await self.holder.check(connection)
                forget = self._database.query("forget_elsewhere")
                await connection.execute(forget, region, entity.name, list(elsewhere or ()))
                # What belongs to properties of other companies is asked for, and goes when it says so itself.
                homes = [row["property_id"] for row in excluded]
                if doubt:
                    await connection.execute(doubt, region, homes, self._clock.now(), self.holder.run_id)
        async with self._database.connection("counting what is missing") as connection:
            count = await self._count(connection, region, entity)
            candidates, live = count.get(MissingState.CANDIDATE, 0), 0
            if candidates >= self._guard.least_records:
                live = await connection.fetchval(absence_sql(entity, self._database.schema).live, region, None)
        return MissingCounts(
            candidates, count.get(MissingState.NEEDS_REVIEW, 0), self._guard.is_too_many(candidates, live)
        )

    async def _count(self, connection: Connection, region: str, entity: Entity) -> dict[str, int]:
        rows = await connection.fetch(self._database.query("count_missing"), region, entity.name, None)
        return {row["state"]: row["records"] for row in rows}

    async def held(self, region: str, entity: Entity) -> int:
        """How many records wait for a person."""
        async with self._database.connection("count_missing") as connection:
            return (await self._count(connection, region, entity)).get(MissingState.NEEDS_REVIEW, 0)

    async def candidates(
        self, region: str, entity: Entity, pace: RefreshPace, limit: int, open_limit: int
    ) -> list[int]:
        """Records whose own address is to be asked now: at most `open_limit` candidates, and hidden ones whose time has
        come. What is planned around today comes first, then the newest."""
        now = self._clock.now()
        async with self._database.connection("looking for candidates") as connection:
            rows = await connection.fetch(
                asking_sql(entity, self._database.schema).candidates,
                region,
                self.holder.run_id,
                now - timedelta(seconds=pace.hidden_refresh_seconds),
                now - timedelta(seconds=pace.window_scan_seconds),
                now.date(),
                pace.window_days,
                limit,
                now,
                open_limit,
            )
        return [row["record_id"] for row in rows]

    async def listed_records(self, region: str, entity: Entity, limit: int) -> list[int]:
        """Live records that the lists show, the newest first."""
        sql = absence_sql(entity, self._database.schema)
        async with self._database.connection("looking for a listed record") as connection:
            rows = await connection.fetch(sql.listed, region, limit)
        return [row["key"] for row in rows]

    async def known(self, region: str, homes: Iterable[int]) -> KnownHomes:
        """What is known of properties that records name."""
        company = await self._database.fetch_row("companies", region)
        rows = await self._database.fetch("homes_known", region, list(homes))
        return KnownHomes(
            frozenset(company["ids"]) if company and company["ids"] is not None else None,
            frozenset(row["id"] for row in rows if not row["is_excluded"]),
            frozenset(row["id"] for row in rows if row["is_excluded"]),
        )

    async def homes(self, region: str, entity: Entity, keys: Sequence[int]) -> dict[int, Home]:
        """The properties that stored records belong to, by record."""
        async with self._database.connection("looking for homes") as connection:
            return await self._homes(connection, region, entity, keys)

    async def _homes(self, connection: Connection, region: str, entity: Entity, keys: Sequence[int]) -> dict[int, Home]:
        sql = asking_sql(entity, self._database.schema)
        if sql.homes is None:
            return dict.fromkeys(keys, Home(None, THERE))
        rows = await connection.fetch(sql.homes, region, list(keys))
        return {row["key"]: Home(row["home"], row["home_state"]) for row in rows}

    async def doubt(self, region: str, entity: Entity, keys: Sequence[int]) -> None:
        """Their own addresses answered 404, whatever lists show: candidates for deletion."""
        sql = asking_sql(entity, self._database.schema)
        async with self._database.transaction("noting 404s") as connection:
            await self.holder.check(connection)
            await connection.execute(sql.doubt, region, list(keys), self._clock.now(), self.holder.run_id)

    async def answered(self, region: str, entity: Entity, asked: Asked) -> None:
        """Their own addresses answered: lists leave them out."""
        async with self._database.transaction("noting answers") as connection:
            await self.holder.check(connection)
            note = self._database.query("note_answered")
            await connection.execute(note, region, entity.name, list(asked), list(asked.values()))

    async def retire_adopted(self, region: str, entity: Entity, keys: Sequence[int]) -> list[int]:
        """Of records whose own address answers 404: those that the adopted source did not show are deleted at once."""
        async with self._database.transaction("retiring what an adopted source does not show") as connection:
            await self.holder.check(connection)
            return await self._deleter.delete_adopted(connection, DeletionScope(region, entity), keys)

    async def gone(self, region: str, entity: Entity, asked: Asked, control: Control) -> Loaded:
        """Their own addresses answered 404 in this run, in which `control` answered.

        Those of which an earlier run found the same are deleted, unless nobody knows yet whether their property is
        still there; those of a property that has left are deleted at once. `held` of what is returned are all that wait
        for a person now.
        """
        async with self._database.transaction("deleting what is proven") as connection:
            await self.holder.check(connection)
            sql = asking_sql(entity, self._database.schema)
            await connection.execute(sql.forget_gone, region, list(asked))
            homes = await self._homes(connection, region, entity, list(asked))
            believed = {key: asked[key] for key, home in homes.items() if control.allows(home)}
            rows = await self._note_gone(connection, region, entity, believed)
            proven, left = _judged(rows, homes, control)
            scope, run_id, now = DeletionScope(region, entity), self.holder.run_id, self._clock.now()
            deleted = await self._deleter.delete(
                connection,
                scope,
                PROPERTY_LEFT,
                {row["record_id"]: _left(row, homes[row["record_id"]], control, now, run_id) for row in left},
            )
            evidence = {
                row["record_id"]: _not_found(row, homes[row["record_id"]], control, now, run_id) for row in proven
            }
            deleted += await self._deleter.guarded(connection, scope, NOT_FOUND, proven, evidence)
            count = await self._count(connection, region, entity)
        return Loaded(deleted=deleted, held=count.get(MissingState.NEEDS_REVIEW, 0))

    async def _note_gone(self, connection: Connection, region: str, entity: Entity, asked: Asked) -> Sequence[Row]:
        note = self._database.query("note_gone")
        rows: Sequence[Row] = await connection.fetch(
            note, region, entity.name, list(asked), list(asked.values()), self._clock.now(), self.holder.run_id
        )
        return rows

    async def strangers(self, region: str, entity: Entity, found: Strangers) -> Loaded:
        """Their own addresses answered with a property of another company: they left with it."""
        now, run_id = self._clock.now(), self.holder.run_id
        async with self._database.transaction("deleting what has left") as connection:
            await self.holder.check(connection)
            sql = asking_sql(entity, self._database.schema)
            evidence = {
                key: {
                    "why": "its own address answers with a property of another company",
                    "home": home,
                    "company": company,
                    "second": proof_of(now, run_id),
                }
                for key, (home, company) in found.items()
            }
            await connection.execute(sql.forget_gone, region, list(found))
            deleted = await self._deleter.delete(connection, DeletionScope(region, entity), PROPERTY_LEFT, evidence)
        return Loaded(deleted=deleted)


def _judged(rows: Sequence[Row], homes: Mapping[int, Home], control: Control) -> tuple[list[Row], list[Row]]:
    """What is proven to be deleted, and what has left with its property. Pure."""
    proven, left = [], []
    for row in (one for one in rows if not one["is_kept"]):
        home = homes[row["record_id"]]
        is_there = home.known_state == THERE or (home.known_state == UNKNOWN and home.key in control.homes)
        if home.known_state == LEFT:
            left.append(row)
        elif is_there and row["is_second"] and not row["is_held"]:
            proven.append(row)
    return proven, left


def _not_found(row: Row, home: Home, control: Control, now: datetime, run_id: object) -> dict[str, object]:
    why = "its own address answered 404 in two runs, while that of another record answered"
    return {"why": why, **_observed(row, home, control, now, run_id), **approval(row)}


def _left(row: Row, home: Home, control: Control, now: datetime, run_id: object) -> dict[str, object]:
    why = "its property has left the account, and its own address answers 404"
    return {"why": why, "home": home.key, **_observed(row, home, control, now, run_id)}


def _observed(row: Row, home: Home, control: Control, now: datetime, run_id: object) -> dict[str, object]:
    """When the record was missed, both 404s, and what answered meanwhile."""
    return {
        "noticed": proof_of(row["missing_since"], row["missing_run"]),
        "first": proof_of(row["not_found_at"], row["not_found_run"]),
        "second": proof_of(now, run_id),
        **control.told(home.key),
    }
