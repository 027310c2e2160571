"""A semaphore whose size may change while tasks wait for it: it limits the open calls."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

from breezeway_sync.api.window import ConcurrencyWindow

OnResize = Callable[[int, str], None]
"""Hears how many calls may be under way from now on, and why: `started`, `recovered`, `slow` or an error's class."""


def tell_nobody(*_: object) -> None:
    """An OnResize for those who do not listen."""


class ResizableSemaphore:
    """A semaphore that can change its size: who came first is served first, and cancelling loses no place.

    A place is handed over when it becomes free, not when its new holder wakes up, so that nobody slips in
    between: while anybody waits, none is free. After `resize` to less, places are given up as their calls end.
    """

    __slots__ = ("_waiting", "size", "taken")

    def __init__(self, size: int) -> None:
        self.size = size
        self.taken = 0
        self._waiting: deque[asyncio.Future[None]] = deque()

    def is_free(self) -> bool:
        """Whether a place can be had now."""
        return self.taken < self.size

    async def take(self) -> None:
        """Wait for a place."""
        if self.is_free():
            self.taken += 1
            return
        place = asyncio.get_running_loop().create_future()
        self._waiting.append(place)
        try:
            await place
        except asyncio.CancelledError:
            if not place.cancelled():  # it was handed to us in the same moment
                self.leave()
            raise

    def leave(self) -> None:
        """Give a place back."""
        self.taken -= 1
        if self._waiting:
            self._hand_over()

    def resize(self, size: int) -> None:
        """From now on so many."""
        self.size = size
        self._hand_over()

    def _hand_over(self) -> None:
        while self._waiting and self.taken < self.size:
            place = self._waiting.popleft()
            if not place.cancelled():
                self.taken += 1
                place.set_result(None)


class AdaptiveSemaphore(ResizableSemaphore):
    """Places whose number follows what calls meet; `on_resize` hears of the first and of each new number, and why."""

    __slots__ = ("_on_resize", "_window")

    def __init__(self, most: int, on_resize: OnResize = tell_nobody) -> None:
        super().__init__(most)
        self._window = ConcurrencyWindow(most)
        self._on_resize = on_resize
        on_resize(most, "started")

    def counts(self, started_at: float) -> bool:
        """Whether a call began after the number was last lowered."""
        return self._window.counts(started_at)

    def shrink(self, started_at: float, now: float, under_way: int, reason: str) -> None:
        """A call that began at `started_at` met trouble, with so many under way."""
        if self._window.shrink(started_at, now, under_way):
            self._changed(reason)

    def grow(self, started_at: float) -> None:
        """A call was answered."""
        if self._window.grow(started_at):
            self._changed("recovered")

    def _changed(self, reason: str) -> None:
        self.resize(self._window.size)
        self._on_resize(self._window.size, reason)
