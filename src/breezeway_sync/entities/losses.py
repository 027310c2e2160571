"""Types for rows of the mirror that somebody deleted by hand."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Loss:
    """Rows of an entity that somebody deleted from a table. `records`: how many lost rows; None: not counted."""

    entity: str
    table: str
    records: int | None
