"""Chance as a pure function: the same place in the same world always gives the same values."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from typing import Any, TypeVar

T = TypeVar("T")

#: Of any JSON value: records are built, changed and served, never interpreted.
Record = dict[str, Any]

_LOW = 1 << 64


class Draw:
    """A stream of choices out of one seed; a hash instead of a generator, which is slow to seed."""

    __slots__ = ("_pool", "_source")

    def __init__(self, source: bytes) -> None:
        self._source = source
        self._pool = int.from_bytes(source, "little")

    def below(self, bound: int) -> int:
        """An int in [0, bound)."""
        if self._pool < _LOW:
            self._source = blake2b(self._source).digest()
            self._pool = int.from_bytes(self._source, "little")
        self._pool, value = divmod(self._pool, bound)
        return value

    def between(self, low: int, high: int) -> int:
        """An int in [low, high]."""
        return low + self.below(high - low + 1)

    def chance(self, per_mille: int) -> bool:
        """True in so many of a thousand cases."""
        return self.below(1000) < per_mille

    def pick(self, items: Sequence[T]) -> T:
        return items[self.below(len(items))]

    def some(self, items: Sequence[T], most: int) -> list[T]:
        """At most so many of the items, each at most once, in the order of the items."""
        if not items:
            return []
        expected = self.below(min(most, len(items)) + 1)
        start = self.below(len(items))
        places = sorted((start + step * 3) % len(items) for step in range(expected))
        return [items[place] for place in dict.fromkeys(places)]

    def cents(self, low: int, high: int) -> float:
        """An amount with two decimals, bounds in whole units."""
        return self.between(low * 100, high * 100) / 100


class Chance:
    """Draws of one account and kind, by index."""

    __slots__ = ("_hash",)

    def __init__(self, *place: object) -> None:
        self._hash = blake2b("/".join(map(str, place)).encode())

    def at(self, index: int) -> Draw:
        state = self._hash.copy()
        state.update(index.to_bytes(8, "little", signed=True))
        return Draw(state.digest())
