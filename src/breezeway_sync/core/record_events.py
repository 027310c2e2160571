"""Events about records that suddenly went away; see `core.events`."""

from __future__ import annotations

from dataclasses import dataclass

from breezeway_sync.core.events import Event


@dataclass(frozen=True, slots=True)
class RecordsLeft(Event):
    """Too many records left the lists at once to believe it: runs ask for each, newest first."""

    region: str
    entity: str
    records: int


@dataclass(frozen=True, slots=True)
class RowsLost(Event):
    """Somebody else deleted rows of the mirror; runs read them again. `records`: whose rows they were, None: not
    counted."""

    region: str
    entity: str
    table: str
    records: int | None
