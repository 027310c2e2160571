"""Stores rejected records as they came, lists them for people, and closes them when the record was loaded later."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from breezeway_sync.core.events import Emit, RecordRejected
from breezeway_sync.core.report import OpenRejection
from breezeway_sync.entities.streams import PARENTS
from breezeway_sync.entities.validate import NAMELESS, RejectedRecord
from breezeway_sync.store.database import Database
from breezeway_sync.store.holder import Holder

MOST_NAMELESS = 1_000
"""How many open rejections without an id are kept of a region and entity; what is not is rejected all the same."""


@dataclass(frozen=True, slots=True)
class RejectionNote:
    """A record that cannot be stored; `order` is that of the request that brought it."""

    rejected: RejectedRecord
    order: int


@dataclass(frozen=True, slots=True)
class StoredRejection:
    """An open rejection, whole. `payload` is JSON text, None where nothing was kept; `order` 0: not known."""

    id: int
    entity: str
    kind: str
    record_id: str
    reason: str
    payload: str | None
    is_altered: bool
    order: int


class Rejects:
    """Writes `rejected_records` for who holds the account; `kind` is the type of tags, otherwise ""."""

    def __init__(self, holder: Holder, emit: Emit) -> None:
        self._database = holder.database
        self._holder = holder
        self._emit = emit

    async def save(self, region: str, name: str, kind: str, refusals: Iterable[RejectionNote]) -> None:
        """Keep what cannot be stored; of one record what the latest request brought."""
        by_order = sorted(refusals, key=lambda one: one.order)
        unique = list({one.rejected.record_id: one for one in by_order}.values())
        if not unique:
            return
        async with self._database.transaction("saving rejected records") as connection:
            await self._holder.check(connection)
            await connection.execute(
                self._database.query("save_reject"),
                region,
                name,
                kind,
                [one.rejected.record_id for one in unique],
                [one.rejected.reason for one in unique],
                [one.rejected.payload for one in unique],
                [one.rejected.is_altered for one in unique],
                [one.order for one in unique],
            )
            if any(one.rejected.record_id.startswith(NAMELESS) for one in unique):
                await connection.execute(self._database.query("trim_nameless"), region, name, kind, MOST_NAMELESS)
        for one in unique:
            self._emit(RecordRejected(region, name, one.rejected.record_id, one.rejected.reason))

    async def close_returned(self, region: str, name: str, kind: str, record_ids: set[str]) -> None:
        """Close earlier rejections of records that have come back and are stored."""
        open_rows = await self._database.fetch("open_rejects", region, name, kind)
        back = record_ids.intersection(row["record_id"] for row in open_rows)
        if back:
            await self._database.fetch("resolve_rejects", region, name, kind, sorted(back))

    async def close_one(self, region: str, rejection: StoredRejection) -> None:
        """Close one."""
        async with self._database.transaction("resolving a rejected record") as connection:
            await self._holder.check(connection)
            await connection.execute(self._database.query("resolve_reject"), region, rejection.id)

    async def explain(self, region: str, rejection: StoredRejection, reason: str) -> None:
        """Leave one open, with the newest reason."""
        async with self._database.transaction("explaining a rejected record") as connection:
            await self._holder.check(connection)
            await connection.execute(self._database.query("explain_reject"), region, rejection.id, reason)

    async def request_reads_again(self, region: str, source: str, parent: int, order: int) -> bool:
        """Make a call for a parent's children owed again; False when the parent is not live in the mirror."""
        async with self._database.transaction("owing a call again") as connection:
            await self._holder.check(connection)
            query = self._database.query("request_reads_again", PARENTS[source])
            return await connection.fetchval(query, region, source, parent, order) is not None

    async def after(self, region: str, name: str | None, last_id: int, limit: int) -> list[StoredRejection]:
        """Open rejections of a region, of one entity or of all, in pages: those after `last_id`."""
        return [
            StoredRejection(*row)
            for row in await self._database.fetch("rejects_to_retry", region, name, last_id, limit)
        ]


async def list_open(database: Database, regions: Sequence[str], name: str | None) -> list[OpenRejection]:
    """Open rejections of some regions, of one entity or of all."""
    return [OpenRejection(*row) for row in await database.fetch("list_rejects", list(regions), name)]


async def read_payloads(database: Database, regions: Sequence[str], name: str | None, record_id: str) -> list[str]:
    """What was sent as that record, as JSON text: one for each open rejection of this id."""
    rows = await database.fetch("reject_payloads", list(regions), name, record_id)
    return [row["payload"] or "null" for row in rows]
