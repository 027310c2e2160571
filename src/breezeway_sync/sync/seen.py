"""Remembers which records a scan has shown, in 16 bytes each.

A set of a million Python numbers costs 67 MB, two sorted arrays cost 16 MB. Lists come in the order of creation, so
nearly every id goes to the end.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Sequence


class Seen:
    """Ids with the order of the request that brought them. Pages may come in any order of requests.

    `nameless` is how many records without id there were besides.
    """

    def __init__(self) -> None:
        self._ids = array("q")
        self._orders = array("q")
        self.nameless = 0

    def __len__(self) -> int:
        """Distinct ids."""
        return len(self._ids)

    @property
    def ids(self) -> Sequence[int]:
        """Distinct ids in rising order."""
        return self._ids

    def is_newest(self, key: int, order: int) -> bool:
        """Note that `key` was shown; False when a later request has brought it already.

        The same record comes twice when rows shift between pages: the answer to the later request counts.
        """
        place = bisect_left(self._ids, key)
        if place < len(self._ids) and self._ids[place] == key:
            if order < self._orders[place]:
                return False
            self._orders[place] = order
            return True
        self._ids.insert(place, key)
        self._orders.insert(place, order)
        return True

    def __contains__(self, key: int) -> bool:
        """Whether a record with this id was shown."""
        place = bisect_left(self._ids, key)
        return place < len(self._ids) and self._ids[place] == key

    def is_within(self, other: Seen) -> bool:
        """Whether another list showed all of these."""
        rest = iter(other._ids)
        return all(key in rest for key in self._ids)
