"""What goes to the loader, and what it says it did: the words that reading and storing share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import date, datetime

from breezeway_sync.entities.decode import Item

# What a walk over a list asks for: everything, what changed, what is planned around today.
WHOLE = "whole"
CHANGED = "changed"
NEAR = "near"


@dataclass(frozen=True, slots=True)
class Incoming:
    """A record as the API sent it, and the order of the request that brought it (later is greater)."""

    item: Item
    order: int


@dataclass(frozen=True, slots=True)
class Mark:
    """How far a walk over a list has come, stored in the transaction of the records that it speaks for.

    `parent` is the property whose list it is, or 0. `began_at` and `began_order` are those of its first
    request; what was stored by a later request was not to be shown by it. Of a walk that is over, `ids`
    are the records that it showed; of one that is complete, what is not among them is missing.
    """

    source: str
    parent: int
    kind: str
    since: date | None
    until: date | None
    began_at: datetime
    began_order: int
    pages: int
    shown: int
    is_over: bool
    is_complete: bool
    version: int
    ids: Sequence[int] = ()


@dataclass(slots=True)
class Loaded:
    """What batches did, in records.

    `stale` were answers older than what is stored; `changed_characters` could not be stored as they
    came; `lists_not_sent` were null or absent, so that the stored children stayed.
    """

    read: int = 0
    new: int = 0
    updated: int = 0
    unchanged: int = 0
    deleted: int = 0
    rejected: int = 0
    stale: int = 0
    changed_characters: int = 0
    lists_not_sent: int = 0

    def add(self, other: Loaded) -> None:
        """Count another batch in."""
        for one in fields(self):
            setattr(self, one.name, getattr(self, one.name) + getattr(other, one.name))
