"""An event loop whose clock jumps to the next timer instead of waiting: hours pass in milliseconds."""

from __future__ import annotations

import asyncio
import selectors
import threading
from collections.abc import Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from breezeway_sync.api.decoding import THREAD

START = datetime(2026, 7, 30, 21, 0, tzinfo=UTC)
_Value = TypeVar("_Value")


class _Jumping(selectors.DefaultSelector):
    """Never waits for sockets: what is ready is ready, else the time is moved on, once no thread decodes any more.

    It also moves on by a nanosecond each turn, as a real clock does: a timer set for a moment that
    rounding makes the present one would else fire for ever.
    """

    now = 1_000.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        while not ready and any(one.name == THREAD for one in threading.enumerate()):
            ready = super().select(0.01)
        # The last one may have ended, and left its word, after the look and before the question.
        ready = ready or super().select(0)
        self.now += 1e-9
        if not ready and timeout is None:
            raise RuntimeError("everybody waits and no timer is set")
        if not ready and timeout is not None and timeout > 0:
            self.now += timeout
        return ready


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._jumping = _Jumping()
        super().__init__(self._jumping)

    def time(self) -> float:
        return self._jumping.now


def run(main: Coroutine[Any, Any, _Value]) -> _Value:
    """Run to the end in virtual time."""
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        return runner.run(main)


class LoopClock:
    """A `Clock` that goes with the running loop."""

    def now(self) -> datetime:
        return START + timedelta(seconds=self.monotonic() - 1_000.0)

    def monotonic(self) -> float:
        return asyncio.get_running_loop().time()
