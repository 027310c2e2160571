"""`backfill`: checks which days may be read again, and what they will cost.

A backfill is a kind of scan. The table `backfills` stores its progress, together with the records. The checkpoints of
ordinary scans and the log of ordinary runs do not move: reading some days again makes nothing else fresh.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from breezeway_sync.core.clock import Clock, SystemClock
from breezeway_sync.core.errors import UnknownName
from breezeway_sync.entities.catalog import ENTITIES
from breezeway_sync.entities.checkpoints import Days
from breezeway_sync.entities.model import Entity
from breezeway_sync.service.accounts import credentials_of, group
from breezeway_sync.service.runner import RunRequest, ensure_schema, open_database
from breezeway_sync.service.selection import ALL, choose_entities
from breezeway_sync.service.settings import PART_NAMES, Settings
from breezeway_sync.store.database import Database
from breezeway_sync.store.sync_state import SyncStateStore
from breezeway_sync.store.token_store import stored_credentials
from breezeway_sync.sync.forecast import list_calls

DATED = tuple(entity for entity in ENTITIES if entity.sources[0].dated)


@dataclass(frozen=True, slots=True)
class Estimate:
    """Calls for lists and for comments and requirements, all regions together; accounts work side by side."""

    list_calls: int
    child_calls: int
    seconds: float

    @property
    def calls(self) -> int:
        """All of them."""
        return self.list_calls + self.child_calls


def choose_dated(settings: Settings, name: str) -> tuple[str, ...]:
    """The entities asked for, of those that can be read by days. Raises UnknownName."""
    names = [entity.name for entity in DATED]
    if name != ALL and name not in names:
        raise UnknownName(f'"{name}" cannot be read by days', hint=f"known are: {', '.join(sorted(names))}, or all")
    return tuple(one for one in choose_entities(settings, name) if one in names)


async def estimate(settings: Settings, request: RunRequest, days: Days, clock: Clock | None = None) -> Estimate:
    """What is left to be called, by what is stored. Raises DatabaseError and SchemaRefused."""
    clock = clock or SystemClock()
    per_minute = settings.api.requests_per_minute
    off = {name for name in PART_NAMES if not settings.entities[name].enabled}
    lists = children = 0
    seconds = [0.0]
    async with open_database(settings) as database:
        await ensure_schema(settings, database)
        credentials = credentials_of(settings, await stored_credentials(database, list(settings.regions)))
        for account in group(settings, credentials):
            before = lists + children
            for region in set(account.regions) & set(request.regions):
                for entity in (one for one in DATED if one.name in request.entities):
                    pending_reads = [
                        one.source.name for one in entity.called if one.pending_reads and one.source.name not in off
                    ]
                    found = await _left(database, settings, entity, region, days, clock)
                    lists += sum(calls for calls, _ in found)
                    children += len(pending_reads) * sum(records for _, records in found)
                    children += (
                        sum((await SyncStateStore(database).count_pending_reads(region, pending_reads)).values())
                        if pending_reads
                        else 0
                    )
            seconds.append((lists + children - before) * 60 / per_minute)
    return Estimate(lists, children, max(seconds))


async def _left(
    database: Database, settings: Settings, entity: Entity, region: str, days: Days, clock: Clock
) -> Sequence[tuple[int, int]]:
    """Calls and records of every list that is not read yet."""
    source = entity.sources[0]
    over = await SyncStateStore(database).backfilled(region, source.name, days, clock.now())
    name = "planned_lists" if source.per else "planned_list"
    rows = await database.fetch(name, region, days.since, days.until, entity=entity)
    left = [row["records"] for row in rows if row["parent_id"] not in over]
    return [(list_calls(entity, source, records, settings.api.page_size), records) for records in left]
