"""Decides what scans prove: which records are missing, and up to which moment a list was read. Pure.

A total alone is no proof: it may be missing, one too low, or the same although one record vanished and another one was
added. A record slips past a scan only if another record leaves a page that was read before. So a scan is complete in
three cases: one answer held the whole list; the total stayed the same and every record is older than the scan; or a
second scan shows everything that the first one showed. If a record had slipped past the first scan, another record
would have left the list, and the second scan would miss that one.

A watermark is the request clock of the last complete scan, less a day: the API compares days in an unknown time zone.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise

from breezeway_sync.entities.decode import Item
from breezeway_sync.entities.values import fit_timestamp
from breezeway_sync.sync.ports import PageLike
from breezeway_sync.sync.seen import Seen

MOST_READINGS = 3
# The service's clock and ours may differ by so much.
CLOCKS = timedelta(minutes=5)


@dataclass(slots=True)
class ListReading:
    """What one reading of a list has shown, from its first page to its last.

    `shown` counts items, also those that came twice; `until` is the last day on which it may begin to prove anything
    (None: any), since it asked for days around the one on which it was planned. `is_cut`: it ended before its end.
    """

    stamps: tuple[str, ...] = ()
    until: datetime | None = None
    seen: Seen = field(default_factory=Seen)
    began_at: datetime | None = None
    began_order: int = 0
    pages: int = 0
    shown: int = 0
    total: int | None = None
    is_steady: bool = True
    is_cut: bool = False
    is_repeating: bool = False
    has_last_page: bool = False
    is_old: bool = True

    def turned(self, page: PageLike, order: int) -> None:
        """Take note of a page whose records are in `seen` already."""
        if self.began_at is None or order < self.began_order:
            self.began_at, self.began_order = page.requested_wall, order
        self.is_steady &= self.pages == 0 or self.total == page.total_results
        self.pages += 1
        self.shown += len(page.items)
        self.total = page.total_results
        self.has_last_page = page.total_pages is not None
        self.is_cut |= not page.is_complete
        self.is_repeating |= page.is_repeat
        if self.pages > 1 or not page.is_last:  # one answer needs no other proof
            self.is_old = self.is_old and are_older(page.items, self.stamps, self.began_at - CLOCKS)

    @property
    def distinct(self) -> int:
        """Different records; those without an id are all different."""
        return len(self.seen) + self.seen.nameless

    @property
    def is_short(self) -> bool:
        """Whether it showed less than it announced."""
        return self.is_cut or self.shown < (self.total or 0)

    @property
    def is_endless(self) -> bool:
        """Whether its pages only repeat and nothing announced says that there was not more."""
        return self.is_repeating and self.total is None and not self.has_last_page

    @property
    def is_overslept(self) -> bool:
        """Whether its first request was sent on a later day than the days that it asked for were chosen on."""
        return self.until is not None and self.began_at is not None and self.began_at >= self.until

    @property
    def is_full(self) -> bool:
        """Whether it proves by itself that nothing was missed."""
        if self.is_short or self.is_endless or self.is_overslept:
            return False
        if self.pages == 1:
            return self.total in (None, self.shown)
        # The same total all the time: as many were added as vanished, and nothing was added that would be new.
        is_counted = self.is_steady and self.total == self.shown == self.distinct
        return is_counted and self.is_old and bool(self.stamps)

    def misses(self, earlier: ListReading) -> bool:
        """Whether it does not show all that an earlier one showed, so that the earlier one may have missed others."""
        return self.seen.nameless < earlier.seen.nameless or not earlier.seen.is_within(self.seen)


def are_older(items: Iterable[Item], stamps: Sequence[str], moment: datetime) -> bool:
    """Whether every record says that it was made, and last changed, before a moment."""
    return all(
        isinstance(item, dict)
        and all(isinstance(stamp := fit_timestamp(item.get(path)), datetime) and stamp < moment for path in stamps)
        for item in items
    )


def proven_by(readings: Sequence[ListReading]) -> Sequence[ListReading]:
    """The readings that together prove that a list was read whole, the earlier one first; empty where nothing does.

    The proof holds as of the first request of the earlier one. What the later one did not show is absent.
    """
    if readings[-1].is_full:
        return readings[-1:]
    for earlier, later in pairwise(readings[-2:]):
        is_usable = not (earlier.is_short or earlier.is_endless or earlier.is_overslept or later.is_short)
        if is_usable and not later.misses(earlier):
            return readings[-2:]
    return ()


def is_worth_another(readings: Sequence[ListReading]) -> bool:
    """Whether one more reading may prove what these do not."""
    if len(readings) >= MOST_READINGS or readings[-1].is_endless:
        return False
    return not (len(readings) > 1 and all(one.is_short for one in readings[-2:]))


def flaw(readings: Sequence[ListReading]) -> str:
    """Why these readings do not prove that a list was read whole, in words."""
    last = readings[-1]
    if last.is_endless:
        return "its pages repeat, and it announces no total: nothing says that there is not more"
    if last.is_cut:
        return "it ended before it had shown all that it announced"
    if last.is_overslept:
        return "it was asked for later than on the day that it was planned for"
    if last.is_short:
        return f"it showed {last.shown} of the {last.total} records that it announced"
    return f"no two of {len(readings)} readings in a row agreed on what is in it"
