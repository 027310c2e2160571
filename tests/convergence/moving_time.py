"""An event loop that counts its turns, can be left between any two of them, and whose time jumps."""

from __future__ import annotations

import asyncio
import selectors
import socket
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

START = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
TURN_SECONDS = 0.001
"""What a step of a task costs: so much that orders of requests, which are milliseconds, differ."""
SETTLE_SECONDS = 0.001
SILENCE_SECONDS = 60.0

Ready = list[tuple[selectors.SelectorKey, int]]


@dataclass(slots=True)
class MovingTime:
    """The time of every process and of the simulated service: one value that only goes forward."""

    seconds: float = 0.0

    def monotonic(self) -> float:
        return self.seconds

    def now(self) -> datetime:
        return START + timedelta(seconds=self.seconds)


class _Selector(selectors.DefaultSelector):
    """Waits for PostgreSQL as long as it takes, and for nothing else."""

    def __init__(self, time: MovingTime, is_asked: Callable[[], bool]) -> None:
        super().__init__()
        self._time = time
        self._is_asked = is_asked

    def select(self, timeout: float | None = None) -> Ready:
        ready = super().select(0)
        if ready or timeout == 0:
            return ready
        if self._is_asked():
            ready = super().select(SILENCE_SECONDS)
            if not ready:
                raise RuntimeError(f"PostgreSQL has not answered for {SILENCE_SECONDS:g} s")
            return ready
        ready = super().select(SETTLE_SECONDS)
        if not ready and timeout is None:
            raise RuntimeError("everybody waits and no timer is set")
        if not ready and timeout is not None and timeout > 0:
            self._time.seconds += timeout
        return ready


class _Turns(deque[asyncio.Handle]):
    """The loop's queue; told before each step that is taken from it."""

    def __init__(self, on_turn: Callable[[], None]) -> None:
        super().__init__()
        self._on_turn = on_turn

    def popleft(self) -> asyncio.Handle:
        self._on_turn()
        return super().popleft()


class ProcessLoop(asyncio.SelectorEventLoop):
    """The loop of one process. `on_turn` is called before each step; what it raises leaves the loop there, with
    everything in its place: run again, it goes on. `is_asked` tells whether PostgreSQL owes an answer."""

    def __init__(self, time: MovingTime, on_turn: Callable[[], None], is_asked: Callable[[], bool]) -> None:
        self._moving = time
        self._heard = on_turn
        self._connections: list[asyncio.Transport] = []
        super().__init__(_Selector(time, is_asked))
        self._ready = _Turns(self._turn)

    def time(self) -> float:
        return self._moving.seconds

    def cut_connections(self) -> None:
        """End all connections as the end of a process does: the other side hears of it at once."""
        for transport in self._connections:
            found: socket.socket | None = transport.get_extra_info("socket")
            if found is not None and found.fileno() >= 0 and not transport.is_closing():
                found.shutdown(socket.SHUT_RDWR)

    def _turn(self) -> None:
        self._heard()
        self._moving.seconds += TURN_SECONDS

    def _make_socket_transport(self, *args: Any, **options: Any) -> Any:
        made = super()._make_socket_transport(*args, **options)  # type: ignore[misc]  # asyncio's own, not in its stubs
        self._connections.append(made)
        return made
