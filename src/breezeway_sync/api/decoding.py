"""Decodes large answers one after the other, in a thread.

To decode a list of 30 MB takes seconds. On a busy machine such a list stopped the event loop for 2.6 s, and one record
of 21 MB for 7.9 s; in a thread they stop it for 0.2 s and 0.6 s at most. So answers of more than a megabyte use a
thread. Their turn begins with the first megabyte and ends when they are decoded, so no large body waits in memory.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from functools import partial
from threading import Thread
from types import TracebackType
from typing import Self, TypeVar

# Pages of 100 records are 0.2 MB, and take 4 ms. One of 1 MB takes 26 ms; with a thread the loop stops for up to 8 ms.
LARGE_BYTES = 1024 * 1024
THREAD = "decode"

T = TypeVar("T")


class DecodeTurn:
    """One call's part in that order: `take` when its answer turns out to be large, `decode` it, leave the block."""

    def __init__(self, large: asyncio.Lock) -> None:
        self._large = large
        self._is_taken = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._is_taken:
            self._give_back()

    @property
    def is_taken(self) -> bool:
        return self._is_taken

    async def take(self) -> None:
        """Wait for the large answers before this one."""
        await self._large.acquire()
        self._is_taken = True

    async def decode(self, work: Callable[[], T]) -> T:
        """Return or raise what `work` does: a small answer is decoded at once, a large one by a thread.

        A cancelled caller leaves at once. The turn ends with the thread, which nothing can stop. Raises RuntimeError
        or MemoryError if no thread can start.
        """
        if not self._is_taken:
            return work()
        done = _in_thread(work)
        self._is_taken = False
        done.add_done_callback(lambda _: self._large.release())
        return await asyncio.shield(done)

    def _give_back(self) -> None:
        self._is_taken = False
        self._large.release()


def _in_thread(work: Callable[[], T]) -> asyncio.Future[T]:
    """Begin `work` in a thread of its own.

    Not in the loop's pool: hanging look-ups of names can hold all of that, and a process that ends waits for it.
    """
    done: asyncio.Future[T] = asyncio.get_running_loop().create_future()
    Thread(target=_settle, args=(done, work), name=THREAD, daemon=True).start()
    return done


def _settle(done: asyncio.Future[T], work: Callable[[], T]) -> None:
    loop = done.get_loop()
    try:
        tell: Callable[[], None] = partial(done.set_result, work())
    except BaseException as error:  # noqa: BLE001 - whoever waits for it raises it
        tell = partial(done.set_exception, error)
    with contextlib.suppress(RuntimeError):  # the loop has ended: nobody waits any more
        loop.call_soon_threadsafe(tell)
    # The frames of an error hold this one, and this one would hold the error, and the answer with it, in a circle.
    del done, work, tell
