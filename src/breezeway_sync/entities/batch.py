"""Types that reading and storing share about batches: what the loader receives, and what it reports."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import NamedTuple

from breezeway_sync.entities.decode import Item


class Incoming(NamedTuple):
    """A record as the API sent it, and the order of the request that brought it (later is greater)."""

    item: Item
    order: int


@dataclass(slots=True)
class Loaded:
    """What batches did, in records.

    `stale` were answers older than what is stored; `changed_characters` could not be stored as they
    came; `lists_not_sent` were null or absent, so that the stored children stayed. `held` records are gone by all signs
    and wait for a person.
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
    held: int = 0

    def add(self, other: Loaded) -> None:
        """Count another batch in."""
        for one in fields(self):
            setattr(self, one.name, getattr(self, one.name) + getattr(other, one.name))
