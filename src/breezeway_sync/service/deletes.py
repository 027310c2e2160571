"""The decisions of a person about deletions: list, approve, reject, undo. No API call, no lease."""

from __future__ import annotations

import getpass
import os
import re
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from breezeway_sync.core.clock import Clock, SystemClock
from breezeway_sync.core.errors import UnknownRecord
from breezeway_sync.entities.missing_states import MissingState
from breezeway_sync.entities.model import Entity
from breezeway_sync.service.runner import open_database
from breezeway_sync.service.settings import Settings
from breezeway_sync.service.status import require_schema
from breezeway_sync.store.deletions import Deletion, Deletions, MissingGroup, Record

_RECORD = re.compile(r"(?:([a-z]+):)?(-?[0-9]{1,18})")


@dataclass(frozen=True, slots=True)
class DeletesListing:
    """What is missing, what waits for a person first, and the latest deletions."""

    missing: tuple[MissingGroup, ...]
    deleted: tuple[Deletion, ...]

    @property
    def records_in_review(self) -> int:
        """How many wait for a person."""
        return sum(one.records for one in self.missing if one.state == MissingState.NEEDS_REVIEW)


async def listing(
    settings: Settings, regions: Sequence[str], entities: Sequence[str], *, with_ids: bool, newest: int
) -> DeletesListing:
    """Read it all. Raises DatabaseError, and SchemaRefused where this version's tables are not there."""
    async with _opened(settings) as deletions:
        missing = await deletions.missing(regions, entities, with_ids=with_ids)
        deleted = await deletions.newest(regions, entities, newest)
    return DeletesListing(tuple(missing), tuple(deleted))


async def approve(settings: Settings, region: str, entity: Entity, ids: Sequence[str]) -> int:
    """Lift the guard for held records; how many are candidates now. Raises UnknownRecord, DatabaseError."""
    records = parsed(entity, ids)
    async with _opened(settings) as deletions:
        return await deletions.approve(region, entity, records)


async def reject(settings: Settings, region: str, entity: Entity, ids: Sequence[str]) -> int:
    """Keep what is missing; how many records. Raises UnknownRecord, DatabaseError."""
    records = parsed(entity, ids)
    async with _opened(settings) as deletions:
        return await deletions.reject(region, entity, records)


async def undo(settings: Settings, region: str, entity: Entity, ids: Sequence[str]) -> int:
    """Make deleted records live again; how many. Raises UnknownRecord, DatabaseError."""
    records = parsed(entity, ids)
    async with _opened(settings) as deletions:
        return await deletions.undo(region, entity, records)


def parsed(entity: Entity, ids: Sequence[str]) -> list[Record]:
    """Ids as people give them: 17, of a tag task:17. Raises UnknownRecord. Pure."""
    kinds = {source.discriminator or "" for source in entity.sources}
    records: dict[Record, None] = {}
    for text in ids:
        found = _RECORD.fullmatch(text)
        kind = (found[1] or "") if found else None
        if found is None or kind not in kinds:
            examples = " or ".join(f"{kind}:17" if kind else "17" for kind in sorted(kinds))
            raise UnknownRecord(f"no id of {entity.name}", actual=f'"{text}"', expected=f"one like {examples}")
        records[kind or "", int(found[2])] = None
    return list(records)


def person() -> str:
    """Who runs this process, on which host."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a number without a name, as containers have it
        user = f"uid {os.getuid()}"
    return f"{user}@{socket.gethostname()}"


@asynccontextmanager
async def _opened(settings: Settings, clock: Clock | None = None) -> AsyncIterator[Deletions]:
    async with open_database(settings) as database:
        await require_schema(database)
        history = frozenset(settings.history.entities)
        yield Deletions(database, clock or SystemClock(), person(), history=history)
