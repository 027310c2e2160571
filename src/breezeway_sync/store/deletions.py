"""Shows missing and deleted records to people, and stores their decisions.

A decision needs no lease and waits for no run. It is one transaction on rows whose state alone is changed by runs. A
record whose deletion a person has undone is pinned. If the row itself says that it is deleted, the same payload does
not delete it again.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from uuid import uuid4

from breezeway_sync.core.clock import Clock
from breezeway_sync.core.errors import UnknownRecord
from breezeway_sync.entities.missing_states import TRANSITIONS, MissingEvent, MissingState, changed_by
from breezeway_sync.entities.model import Entity
from breezeway_sync.store.absence_sql import absence_sql
from breezeway_sync.store.database import Connection, Database

Record = tuple[str, int]
"""A tag's type (otherwise "") and the API's id."""

MOST_NAMED = 5


@dataclass(frozen=True, slots=True)
class MissingGroup:
    """Records of one region, entity and state; `since` the first was noticed, `why` the last. `ids` as people give
    them, None where they were not asked for."""

    region: str
    entity: str
    state: str
    records: int
    since: datetime
    why: str
    ids: list[str] | None


@dataclass(frozen=True, slots=True)
class Deletion:
    """A deletion with its reason (as in the table) and its proof in words; `undone_at` None: it stands."""

    region: str
    entity: str
    record: str
    deleted_at: datetime
    reason: str
    why: str
    undone_at: datetime | None
    undone_by: str | None


class Deletions:
    """A person's side of deletion by proof. `person` is who decides, as it is written down; `history` are entities
    whose every change is kept."""

    def __init__(self, database: Database, clock: Clock, person: str, *, history: frozenset[str] = frozenset()) -> None:
        self._history = history
        self._database = database
        self._clock = clock
        self._person = person

    async def missing(self, regions: Sequence[str], entities: Sequence[str], *, with_ids: bool) -> list[MissingGroup]:
        """What is missing; what waits for a person comes first."""
        rows = await self._database.fetch("missing_groups", list(regions), list(entities), with_ids)
        return [MissingGroup(*row) for row in rows]

    async def newest(self, regions: Sequence[str], entities: Sequence[str], limit: int) -> list[Deletion]:
        """The latest deletions, newest first."""
        rows = await self._database.fetch("newest_deletions", list(regions), list(entities), limit)
        return [Deletion(*row) for row in rows]

    async def approve(self, region: str, entity: Entity, records: Sequence[Record]) -> int:
        """Make held records candidates (without `records`: all of them); how many. Raises UnknownRecord."""
        return await self._decide(region, entity, records, MissingEvent.APPROVED, "waits for a decision")

    async def reject(self, region: str, entity: Entity, records: Sequence[Record]) -> int:
        """Keep missing records (without `records`: all that are held); how many. Raises UnknownRecord."""
        return await self._decide(region, entity, records, MissingEvent.REJECTED, "is missing")

    async def _decide(
        self, region: str, entity: Entity, records: Sequence[Record], event: MissingEvent, expected: str
    ) -> int:
        (state,) = set(TRANSITIONS[event].values())
        kinds, keys = ([kind for kind, _ in records], [key for _, key in records]) if records else (None, None)
        async with self._database.transaction("deciding what is missing") as connection:
            rows = await connection.fetch(
                self._database.query("decide_missing"),
                region,
                entity.name,
                state,
                kinds,
                keys,
                [*changed_by(event), state] if records else [MissingState.NEEDS_REVIEW],
                self._clock.now(),
                self._person,
            )
            _all_found(region, entity, records, [(row["kind"], row["record_id"]) for row in rows], expected)
        return len(rows)

    async def undo(self, region: str, entity: Entity, records: Sequence[Record]) -> int:
        """Make deleted records live again, as they are stored, and keep them; how many. Raises UnknownRecord."""
        found: list[Record] = []
        async with self._database.transaction("undoing deletions") as connection:
            for kind, group in groupby(sorted(records), key=lambda record: record[0]):
                restored = await self._restore(connection, region, entity, kind, [key for _, key in group])
                found += [(kind, key) for key in restored]
            _all_found(region, entity, records, found, "is deleted")
        return len(found)

    async def _restore(
        self, connection: Connection, region: str, entity: Entity, kind: str, keys: list[int]
    ) -> list[int]:
        now = self._clock.now()
        rows = await connection.fetch(absence_sql(entity, self._database.schema).restore, region, keys, now, kind)
        restored = [row["key"] for row in rows]
        # A record's list is its property's, or 0; of a tag, that of its type.
        source = next(source.name for source in entity.sources if source.discriminator in (kind, None))
        await connection.execute(
            self._database.query("keep_restored"),
            region,
            entity.name,
            kind,
            restored,
            source,
            [row["parent"] or 0 for row in rows],
            now,
            uuid4(),
            self._person,
        )
        pending_reads = [called.source.name for called in entity.called if called.pending_reads]
        await connection.execute(self._database.query("owe_restored"), region, pending_reads, restored)
        undo = self._database.query("undo_deletions")
        await connection.execute(undo, region, entity.name, kind, restored, now, self._person)
        if entity.name in self._history:
            record = self._database.query("record_in_history")
            await connection.execute(record, region, entity.name, restored, now, kind or None, "undeleted")
        return restored


def shown(record: Record) -> str:
    """A record as people give it: 17, of a tag task:17."""
    kind, key = record
    return f"{kind}:{key}" if kind else str(key)


def _all_found(region: str, entity: Entity, asked: Iterable[Record], found: Iterable[Record], expected: str) -> None:
    lacking = sorted(set(asked) - set(found))
    if lacking:
        more = f" and {len(lacking) - MOST_NAMED} more" if len(lacking) > MOST_NAMED else ""
        raise UnknownRecord(
            "nothing was changed",
            where=f"{entity.name} of {region}",
            actual=", ".join(map(shown, lacking[:MOST_NAMED])) + more,
            expected=f"only what {expected}",
            hint=f"see `breezeway-sync deletes list {region} {entity.name} --ids`",
        )
