"""Loads rejected records again, as they were stored, without a call of the API.

A rejection keeps the order of its request, so the retry is the load that it would have been: newer data stays. If the
order is not known (rejected by an earlier version), the retry only fills a gap. It never makes a deleted record live.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable, Collection
from dataclasses import dataclass

from breezeway_sync.core.report import (
    LEFT,
    PENDING_READS,
    REJECTED,
    STORED,
    SUPERSEDED,
    UNCHANGED,
    UPDATED,
    Retried,
)
from breezeway_sync.entities.batch import Incoming, Loaded
from breezeway_sync.entities.catalog import ENTITIES
from breezeway_sync.entities.model import CalledChild, Entity
from breezeway_sync.entities.rows import record_key
from breezeway_sync.entities.streams import BY_NAME
from breezeway_sync.entities.validate import NAMELESS, stored_item
from breezeway_sync.store.database import Database
from breezeway_sync.store.load import Loader
from breezeway_sync.store.rejects import StoredRejection
from breezeway_sync.store.sql import sql_for

PAGE_RECORDS = 50
_KEY = re.compile(r"-?[0-9]{1,19}")

_CALLED = {called.source.name: (entity, called) for entity in ENTITIES for called in entity.called}
TYPES = (*BY_NAME, *_CALLED)
"""What `entity_type` of a rejection may be: an entity, or the list of a parent."""


@dataclass(frozen=True, slots=True)
class StoredVersion:
    """What the mirror has of a record: the order of the answer that it came from, and whether it is deleted."""

    order: int
    is_deleted: bool


def spared(order: int, known_state: StoredVersion | None) -> tuple[str, str] | None:
    """Why a payload that was kept at `order` (0: not known) is not brought again, None when it may be. Pure.

    What is in the mirror may be newer, and then it must stay as it is.
    """
    if known_state is None:
        return None
    if known_state.is_deleted:
        return LEFT, "the mirror has this record as deleted; it becomes live when the API shows it again"
    if order >= known_state.order:
        return None
    if order == 0:
        return (
            LEFT,
            "the mirror has this record already, and which one is newer is not known; the next change settles it",
        )
    return SUPERSEDED, "a newer answer is in the mirror"


def came_of(loaded: Loaded) -> str:
    """What became of a single record that was not refused. Pure."""
    if loaded.new:
        return STORED
    if loaded.updated:
        return UPDATED
    return UNCHANGED if loaded.unchanged else SUPERSEDED


def as_key(text: str) -> int | None:
    """A record's id as it was written down, which may be negative; None for anything else. Pure."""
    return int(text) if _KEY.fullmatch(text) else None


class Retrier:
    """Retries the rejections of one account; `order_now` is the order of a request that would begin now."""

    def __init__(
        self, database: Database, loader: Loader, pending_sources: frozenset[str], order_now: Callable[[], int]
    ) -> None:
        self._database = database
        self._loader = loader
        self._pending_sources = pending_sources
        self._order_now = order_now

    async def retry(self, region: str, name: str | None, ids: Collection[int] | None = None) -> AsyncIterator[Retried]:
        """Every open rejection of a region, of one entity or of all, or those with these ids, one after the other.

        Raises LeaseLost, DatabaseUnreachable or DatabaseBusy; what was told before is done.
        """
        last_id = 0
        while page := await self._loader.rejects.after(region, name, last_id, PAGE_RECORDS):
            for kept in page:
                if ids is not None and kept.id not in ids:
                    continue
                came, why = await self._one(region, kept)
                yield Retried(region, kept.entity, kept.kind, kept.record_id, came, why, kept.id)
            last_id = page[-1].id

    async def _one(self, region: str, kept: StoredRejection) -> tuple[str, str | None]:
        if kept.entity in _CALLED:
            return await self._call_again(region, kept, *_CALLED[kept.entity])
        entity = BY_NAME.get(kept.entity)
        if entity is None:
            return LEFT, "this version knows no such entity"
        if kept.payload is None:
            return LEFT, "its payload was not kept"
        if entity.discriminator and not kept.kind:
            return LEFT, f"its {entity.discriminator} was not written down; the next run brings it again"
        return await self._bring(region, kept, entity, kept.payload)

    async def _bring(self, region: str, kept: StoredRejection, entity: Entity, payload: str) -> tuple[str, str | None]:
        if kept.is_altered and kept.record_id.startswith(NAMELESS):
            return LEFT, "characters of it could not be kept, and what is left may read as another record"
        item = stored_item(payload, kept.reason)
        key = record_key(item, entity.key.path) if isinstance(item, dict) else None
        known_state = None if key is None else await self._known_state(region, entity, key, kept.kind)
        found = spared(kept.order, known_state)
        if found is None:
            load_result = await self._loader.bring(region, entity, Incoming(item, kept.order), kept.kind or None)
            if load_result.refusals:
                reason = load_result.refusals[0].rejected.reason
                await self._loader.rejects.explain(region, kept, reason)
                return REJECTED, reason
            found = came_of(load_result.loaded), ""
        came, why = found
        if came != LEFT:
            await self._loader.rejects.close_one(region, kept)
        return came, why or None

    async def _known_state(self, region: str, entity: Entity, key: int, kind: str) -> StoredVersion | None:
        statement = sql_for(entity, self._database.schema).known_state
        async with self._database.connection("looking a record up") as connection:
            row = await connection.fetchrow(statement, region, key, *([kind] if kind else []))
        return StoredVersion(row["read_order"], row["is_deleted"]) if row else None

    async def _call_again(
        self, region: str, kept: StoredRejection, entity: Entity, called: CalledChild
    ) -> tuple[str, str | None]:
        """A list that came by a call of its own is not brought again from here: a newer one may be stored."""
        name = called.source.name
        if not called.pending_reads:
            return LEFT, f"every run of {name} asks for it again"
        if name not in self._pending_sources:
            return LEFT, f"entities.{name} is switched off"
        key = as_key(kept.record_id)
        if key is None:
            return LEFT, f"it names no {entity.singular}"
        if await self._loader.rejects.request_reads_again(region, name, key, self._order_now()):
            return PENDING_READS, f"the next run of {entity.name} asks for it again"
        return LEFT, f"its {entity.singular} is not live in the mirror"
