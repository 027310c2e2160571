"""When too much is gone at once to be true: then nothing is believed and a person decides. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from breezeway_sync.entities.marks import BACKFILL, NEAR


@dataclass(frozen=True, slots=True)
class Guard:
    """Holds what is absent when it is more than `share` of what was shown before, and at least `least_records`."""

    share: float = 0.05
    least_records: int = 20

    def of_list(self, kind: str, shown: int, expected: int, absent: int) -> str | None:
        """Why one walk is not believed, in words; None when it is.

        It showed `shown` records; `expected` were shown before, and `absent` of these are not any more.
        """
        # A property often has nothing planned in some days; a list of everything does not become empty by itself.
        if kind not in (NEAR, BACKFILL) and not shown and absent:
            return f"the list was empty, after {expected} records before"
        return self.of_pass(expected, absent)

    def of_pass(self, expected: int, absent: int) -> str | None:
        """The same of all lists of an entity together."""
        if absent >= self.least_records and absent > self.share * expected:
            return f"{absent} of {expected} records were gone at once"
        return None
