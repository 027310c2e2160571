"""Rows of the mirror that somebody else deleted."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Loss:
    """What of an entity was deleted from a table; `records` were theirs, None where it was not counted."""

    entity: str
    table: str
    records: int | None
