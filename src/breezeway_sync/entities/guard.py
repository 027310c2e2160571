"""The mass-deletion guard: it stops deletions that are too large, and a person decides. Pure.

Too large means above a share of the records and above a least number of records.
"""

from __future__ import annotations

from dataclasses import dataclass

from breezeway_sync.entities.checkpoints import BACKFILL, WINDOW


@dataclass(frozen=True, slots=True)
class Guard:
    """More than `share` of an entity's live records is too much, unless it is fewer than `least_records`.

    It guards deleting, not asking: asking deletes nothing.
    """

    share: float = 0.05
    least_records: int = 20

    def is_too_many(self, records: int, live: int) -> bool:
        """Whether so many of so many live records cannot be believed to be gone at once."""
        return records >= self.least_records and records > self.share * live

    def of_deletion(self, gone: int, live: int) -> str | None:
        """Why records that are proven to be gone are not deleted yet, in words; None: they are deleted."""
        return f"{gone} of {live} records were gone at once" if self.is_too_many(gone, live) else None

    def of_list(self, kind: str, shown: int, expected: int, *, can_be_asked: bool) -> str | None:
        """Why a list that showed `shown` records is not believed, in words; None: it is believed.

        `expected` were shown before. `can_be_asked`: each has an address of its own, which is asked before it goes.
        """
        # A property often has nothing planned in some days; a list of everything does not become empty by itself.
        if kind in (WINDOW, BACKFILL) or shown or not expected:
            return None
        if expected < self.least_records and can_be_asked:
            return None
        return f"the list was empty, after {expected} records before"
