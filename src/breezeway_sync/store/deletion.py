"""Deletes records that are proven to be gone, and stores the evidence.

The mass-deletion guard stops a deletion that is too large: then a person decides.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from breezeway_sync.core.clock import Clock
from breezeway_sync.entities.catalog import ENTITIES, HOME
from breezeway_sync.entities.guard import Guard
from breezeway_sync.entities.missing_states import MissingState
from breezeway_sync.entities.model import Entity
from breezeway_sync.store.absence_sql import absence_sql
from breezeway_sync.store.asking_sql import asking_sql
from breezeway_sync.store.database import Connection, Row
from breezeway_sync.store.holder import Holder

# Why a record was deleted, `deletions.reason`.
STATUS, NOT_FOUND, NOT_LISTED, PROPERTY_LEFT = "status", "not_found", "not_listed", "property_left"
SOURCE_ADOPTED = "source_adopted"
Evidence = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class DeletionScope:
    """Whose records: `kind` is the value of the entity's discriminator, or ''."""

    region: str
    entity: Entity
    kind: str = ""


class Deleter:
    """Deletes in the transactions of others. `history` are entities whose every change is kept."""

    def __init__(self, holder: Holder, clock: Clock, guard: Guard, history: frozenset[str]) -> None:
        self._database = holder.database
        self._holder = holder
        self._clock = clock
        self._guard = guard
        self._history = history

    async def delete(
        self, connection: Connection, scope: DeletionScope, reason: str, evidence: Mapping[int, Evidence]
    ) -> int:
        """Mark rows as deleted, with what proves it; how many were live."""
        if not evidence:
            return 0
        sql = absence_sql(scope.entity, self._database.schema)
        rows = await connection.fetch(sql.delete, scope.region, list(evidence), self._clock.now(), scope.kind)
        deleted = {row["key"]: evidence[row["key"]] for row in rows}
        await self.note(connection, scope, reason, deleted)
        return len(deleted)

    async def guarded(
        self,
        connection: Connection,
        scope: DeletionScope,
        reason: str,
        proven: Sequence[Row],
        evidence: Mapping[int, Evidence],
    ) -> int:
        """Delete as `delete` does, unless more is gone at once than can be believed: then all of it is held.

        `proven` are their rows of missing_records. What a person has approved is deleted in any case.
        """
        unapproved = [row for row in proven if row["decided_at"] is None]
        why = await self._why_not(connection, scope, unapproved)
        if why:
            kept = [row["record_id"] for row in unapproved]
            hold = self._database.query("hold")
            await connection.execute(hold, scope.region, scope.entity.name, scope.kind, kept, why)
            evidence = {key: one for key, one in evidence.items() if key not in set(kept)}
        return await self.delete(connection, scope, reason, evidence)

    async def _why_not(self, connection: Connection, scope: DeletionScope, unapproved: Sequence[Row]) -> str | None:
        if not unapproved:
            return None
        region, name, kind = scope.region, scope.entity.name, scope.kind
        sql = absence_sql(scope.entity, self._database.schema)
        runs = sorted({str(row["missing_run"]) for row in unapproved})
        already = await connection.fetchval(self._database.query("deleted_at_once"), region, name, kind, runs)
        rows = await connection.fetch(self._database.query("count_missing"), region, name, kind)
        held = sum(row["records"] for row in rows if row["state"] == MissingState.NEEDS_REVIEW)
        gone = len(unapproved) + held + already
        if gone < self._guard.least_records:
            return None  # a count reads the whole table
        live = await connection.fetchval(sql.live, region, kind or None)
        return self._guard.of_deletion(gone, live + already)

    async def delete_adopted(self, connection: Connection, scope: DeletionScope, keys: Sequence[int]) -> list[int]:
        """Delete those of these records that the adopted source did not show: a person has decided that."""
        values = (scope.region, scope.entity.name, scope.kind, list(keys))
        rows = await connection.fetch(self._database.query("adopted_missing"), *values)
        evidence = {
            row["record_id"]: {
                "why": "the source that was adopted does not show it",
                "adopted": {"at": row["adopted_at"].isoformat(), "by": row["adopted_by"]},
                "noticed": proof_of(row["missing_since"], row["missing_run"]),
                "run": str(self._holder.run_id),
            }
            for row in rows
        }
        await self.delete(connection, scope, SOURCE_ADOPTED, evidence)
        return list(evidence)

    async def note(
        self, connection: Connection, scope: DeletionScope, reason: str, evidence: Mapping[int, Evidence]
    ) -> None:
        """Write down deletions that were made; what belongs to properties that are gone is in doubt."""
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
        if evidence and scope.entity.name in self._history:
            record = self._database.query("record_in_history")
            values = (scope.region, scope.entity.name, list(evidence), self._clock.now(), scope.kind or None, "deleted")
            await connection.execute(record, *values)
        if evidence and scope.entity is HOME:
            await self._doubt_what_belongs_to(connection, scope.region, list(evidence))

    async def _doubt_what_belongs_to(self, connection: Connection, region: str, properties: list[int]) -> None:
        for entity in ENTITIES:
            if doubt := asking_sql(entity, self._database.schema).doubt_of:
                await connection.execute(doubt, region, properties, self._clock.now(), self._holder.run_id)


def proof_of(at: datetime, run_id: object) -> dict[str, str]:
    """One of the observations that a deletion rests on."""
    return {"at": at.isoformat(), "run": str(run_id)}


def approval(row: Row) -> dict[str, str]:
    """Who said that it may go, if anybody did."""
    return {"approved_by": row["decided_by"] or ""} if row["decided_at"] else {}
