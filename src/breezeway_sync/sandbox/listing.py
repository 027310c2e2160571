"""An ordered list of ids that needs memory only for its changes."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable, Iterator
from itertools import islice


class IdListing:
    """Ids in order of creation: those of the beginning without the gone ones, then the added ones."""

    __slots__ = ("_added", "_count", "_gone", "_id_of", "_place_of")

    def __init__(self, count: int, id_of: Callable[[int], int], place_of: Callable[[int], int | None]) -> None:
        self._count = count
        self._id_of = id_of
        self._place_of = place_of
        self._gone: list[int] = []
        self._added: dict[int, None] = {}

    def __len__(self) -> int:
        return self._count - len(self._gone) + len(self._added)

    def __contains__(self, record_id: int) -> bool:
        place = self._place_of(record_id)
        return record_id in self._added if place is None else not self._is_gone(place)

    def __iter__(self) -> Iterator[int]:
        return self.between(0, len(self))

    def add(self, record_id: int) -> None:
        place = self._place_of(record_id)
        if place is None:
            self._added[record_id] = None
        elif self._is_gone(place):
            self._gone.remove(place)

    def remove(self, record_id: int) -> None:
        place = self._place_of(record_id)
        if place is None:
            self._added.pop(record_id, None)
        elif not self._is_gone(place):
            insort(self._gone, place)

    def added(self) -> Iterator[int]:
        return iter(self._added)

    def places(self, start: int, stop: int) -> Iterator[int]:
        """The ids of the beginning whose place is in [start, stop) and that are not gone."""
        gone = set(self._gone)
        return (self._id_of(place) for place in range(max(start, 0), min(stop, self._count)) if place not in gone)

    def between(self, start: int, stop: int) -> Iterator[int]:
        """The ids from the nth to before the mth, in order."""
        kept = self._count - len(self._gone)
        for nth in range(start, min(stop, kept)):
            yield self._id_of(self._kept_place(nth))
        if stop > kept:
            yield from islice(self._added, max(start - kept, 0), stop - kept)

    def page(self, offset: int, limit: int, *, descending: bool) -> list[int]:
        if not descending:
            return list(self.between(offset, offset + limit))
        stop = len(self) - offset
        return list(self.between(max(stop - limit, 0), max(stop, 0)))[::-1]

    def _kept_place(self, nth: int) -> int:
        if not self._gone:
            return nth
        return nth + bisect_right(range(len(self._gone)), nth, key=lambda index: self._gone[index] - index)

    def _is_gone(self, place: int) -> bool:
        index = bisect_left(self._gone, place)
        return index < len(self._gone) and self._gone[index] == place
