"""Decides when a paged list ends: pure functions over what its pages said.

Known of the live service: totals may be missing; `limit` may be lowered silently; a page past the end is empty; some
lists are bare arrays that ignore paging; rows move between pages while they are read. So no single sign is enough. If
the announced last page is full, or announced items are missing, reading goes on. A page with nothing new ends a list
whose server ignores `page`.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field, replace

from breezeway_sync.entities.decode import Item, ListBody

Ids = frozenset[Hashable]
FIRST = 1


@dataclass(frozen=True, slots=True)
class PageCheck:
    """What one page means. `fresh` are the items to hand on, `is_complete` and `is_repeat` as in `Page`."""

    fresh: tuple[Item, ...]
    is_last: bool
    is_complete: bool = True
    is_repeat: bool = False


@dataclass(frozen=True, slots=True)
class PageReading:
    """What the pages read so far have told. Start with `Reading(asked_limit)`.

    `size` is how many items a full page has: what the first one held, as soon as more pages follow.
    `total_pages` and `total_results` are the latest that made sense. Ids are kept of the first page and
    the previous one only, so memory does not grow with the list.
    """

    asked_limit: int
    number: int = 0
    size: int = 0
    seen: int = 0
    total_pages: int | None = None
    total_results: int | None = None
    is_page_echoed: bool = False
    first_ids: Ids = frozenset()
    previous_ids: Ids = frozenset()
    previous_items: tuple[Item, ...] = field(default=(), repr=False)

    def judge(self, body: ListBody) -> tuple[PageCheck, PageReading]:
        """The meaning of the next page, and what is known after it."""
        now = self._with_totals(body)
        if body.is_bare:
            return PageCheck(body.items, is_last=True), now
        if not body.items:
            return PageCheck((), is_last=True, is_complete=_is_empty_page_due(now)), now
        if self._is_repeat(body):
            return PageCheck(self._fresh(body), True, _is_repeat_due(now, body), is_repeat=True), now
        now = _with_items(now, body)
        return PageCheck(body.items, is_last=_is_end(now, body)), now

    def window(self, concurrency: int) -> range:
        """The pages worth asking for now, of which the first is the next to be judged.

        It alone while it is not known how many there are; never past the announced last page. What was
        asked for past a page that turns out to be the last, at most `concurrency - 1` pages, is cancelled
        and dropped.
        """
        first = self.number + 1
        last = min(self.number + concurrency, self.total_pages or 0)
        return range(first, max(first, last) + 1)

    def _with_totals(self, body: ListBody) -> PageReading:
        """Totals of 0 are taken for missing: where they are true, the empty page says so too."""
        return replace(
            self,
            number=self.number + 1,
            total_pages=body.total_pages or self.total_pages,
            total_results=body.total_results or self.total_results,
            is_page_echoed=self.is_page_echoed or (self.number + 1 == body.page == FIRST),
        )

    def _is_repeat(self, body: ListBody) -> bool:
        """Whether the next page shows again what was shown: its server ignores `page`.

        All ids known is proof. Some known are when the page also says that it is another one than was
        asked for, by a server whose word on that was right on page 1.
        """
        if self.number + 1 == FIRST:
            return False
        if body.items == self.previous_items:
            return True
        ids = page_ids(body.items)
        known = self.first_ids | self.previous_ids
        if all(item_id(item) is not None for item in body.items) and ids <= known:
            return True
        is_other = self.is_page_echoed and body.page is not None and body.page != self.number + 1
        return is_other and not ids.isdisjoint(known)

    def _fresh(self, body: ListBody) -> tuple[Item, ...]:
        """The items of a repeating page that were not there before, as when one was created meanwhile."""
        if body.items == self.previous_items:
            return ()
        known = self.first_ids | self.previous_ids
        return tuple(item for item in body.items if item_id(item) not in known)


def _with_items(reading: PageReading, body: ListBody) -> PageReading:
    ids = page_ids(body.items)
    is_first = reading.number == FIRST
    return replace(
        reading,
        size=len(body.items) if is_first else reading.size,
        seen=reading.seen + len(body.items),
        first_ids=ids if is_first else reading.first_ids,
        previous_ids=ids,
        previous_items=body.items,
    )


def _is_end(reading: PageReading, body: ListBody) -> bool:
    """Whether the page just counted in, which has items, is the last."""
    if _is_full(reading, body):
        return False
    if reading.total_pages is not None and reading.number < reading.total_pages:
        return False
    if reading.total_results is not None:
        return reading.seen >= reading.total_results
    # A first page that is short of the limit may be a full one of a server that caps the limit.
    return reading.total_pages is not None or reading.number > FIRST


def _is_full(reading: PageReading, body: ListBody) -> bool:
    """Whether more may follow. The first page can only be measured by the limit, asked for or echoed."""
    if reading.number == FIRST:
        return len(body.items) >= min(reading.asked_limit, body.limit or reading.asked_limit)
    return len(body.items) >= reading.size


def _is_empty_page_due(reading: PageReading) -> bool:
    """Whether the list may well end at this empty page: it is not one of those announced."""
    if reading.total_pages is not None and reading.number >= reading.total_pages:
        return True
    if reading.total_results is not None:
        return reading.seen >= reading.total_results
    return reading.total_pages is None


def _is_repeat_due(reading: PageReading, body: ListBody) -> bool:
    """Whether nothing is missing although this page only repeats, as when rows shifted onto it."""
    if reading.total_results is not None:
        return reading.seen >= reading.total_results
    if reading.total_pages is None:
        return True
    if reading.number == reading.total_pages:
        return not _is_full(reading, body)
    return reading.number > reading.total_pages


def item_id(item: Item) -> Hashable | None:
    """An item's id; None when it has none that can be compared."""
    value = item.get("id") if isinstance(item, dict) else None
    return value if isinstance(value, int | str) and not isinstance(value, bool) else None


def page_ids(items: tuple[Item, ...]) -> Ids:
    """The ids of a page's items, as far as they have one."""
    return frozenset(found for item in items if (found := item_id(item)) is not None)


def is_full(body: ListBody) -> bool:
    """Whether one answer is all there is of a list that is not read in pages."""
    return (body.total_pages or 1) <= 1 and (body.total_results or 0) <= len(body.items)
