"""Facts about records that are suddenly not where they were; see `core.events`."""

from __future__ import annotations

from dataclasses import dataclass

from breezeway_sync.core.events import Event


@dataclass(frozen=True, slots=True)
class RecordsLeft(Event):
    """More records than can be believed left the lists at once: they are being asked for, newest first."""

    region: str
    entity: str
    records: int


@dataclass(frozen=True, slots=True)
class RowsLost(Event):
    """Somebody else deleted rows of the mirror: they are read again. `records` they belonged to, None: not counted."""

    region: str
    entity: str
    table: str
    records: int | None
