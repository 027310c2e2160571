"""The memory budget of the whole process: the bytes of answers that are not stored yet, and the shared worker slots.

The limit is one for all accounts: 2 MB of JSON, four times as much as objects. A call that would bring more waits. So
only the calls that are open already can exceed the limit. Worker slots are shared too (parallel lists, calls and
entities of a region): each region has one for certain, and 64 more go to whoever asks first. Without both, 200 regions
took 220 MB and 8 large ones 270 MB.

Two exceptions avoid a standstill. A retried call does not wait for memory: later pages of the same list may have used
it. An account that is paused returns its memory after `flush_seconds`: an empty budget would stop all other accounts.
"""

from __future__ import annotations

import asyncio

# In JSON as it came; decoded it is four times as much (measured: 1.35 KB of a task are 5 KB of objects).
MEMORY_BYTES = 2 * 1024 * 1024
# Each is a chain of coroutines of some 20 KB. More than calls may be under way, since some wait for their budget.
WORKER_SLOTS = 64


class MemoryBudget:
    """Counts what is held. Taking is never refused, since an answer has to be put somewhere; asking for more waits.

    So the bound is passed by no more than the calls under way can bring. `worker_slots` bounds the extra
    workers of all accounts: with few regions each gets many, with hundreds most work on one call after the other.
    """

    def __init__(self, most_bytes: int = MEMORY_BYTES, worker_slots: int = WORKER_SLOTS) -> None:
        self._most_bytes = most_bytes
        self._slots = worker_slots
        self._held_bytes = 0
        self._opened = asyncio.Event()

    @property
    def held_bytes(self) -> int:
        return self._held_bytes

    @property
    def is_full(self) -> bool:
        """Whether nothing more should be asked for, and what waits be stored."""
        return self._held_bytes >= self._most_bytes

    def take(self, size_bytes: int) -> None:
        """Hold an answer."""
        self._held_bytes += size_bytes
        if self.is_full:
            self._opened.clear()

    def give_back(self, size_bytes: int) -> None:
        """Hold it no longer."""
        self._held_bytes -= size_bytes
        if not self.is_full:
            self._opened.set()

    async def wait(self) -> None:
        """Return when there is room."""
        while self.is_full:
            await self._opened.wait()

    def take_hand(self) -> bool:
        """Whether there is one more to help; give it back with `give_hand_back`."""
        if self._slots <= 0:
            return False
        self._slots -= 1
        return True

    def give_hand_back(self) -> None:
        self._slots += 1
