"""How much this process holds of answers that are not stored yet: one bound for all accounts together."""

from __future__ import annotations

import asyncio

# In JSON as it came; decoded it is four times as much (measured: 1.35 KB of a task are 5 KB of objects).
ROOM_BYTES = 3 * 1024 * 1024


class Room:
    """Counts what is held. Taking is never refused, since an answer has to be put somewhere; asking for more waits.

    So the bound is passed by no more than the calls under way can bring.
    """

    def __init__(self, most_bytes: int = ROOM_BYTES) -> None:
        self._most_bytes = most_bytes
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
