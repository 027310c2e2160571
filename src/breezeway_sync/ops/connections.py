"""Limits the connections to the status port: a client that holds some open does not hurt the others."""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

MOST_CONNECTIONS = 64
MOST_HEADER_BYTES = 16 * 1024
HEADERS_SECONDS = 5.0
"""For the head of a request, counted from the connection or from the last answer. An idle connection ends with it."""
REQUEST_SECONDS = 10.0
"""For making and sending the answer."""


class Bounded(H11Protocol):
    """One connection. With MOST_CONNECTIONS open, a new one closes the one that has waited longest for a request; if
    all are being answered, it closes itself."""

    _timer: asyncio.TimerHandle | None = None
    _answering: object = None

    @property
    def is_waiting(self) -> bool:
        """Whether it owes no answer."""
        return getattr(self.cycle, "response_complete", True)

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        others = [one for one in self.connections if isinstance(one, Bounded)]
        super().connection_made(transport)
        self._allow(HEADERS_SECONDS)
        if len(others) >= MOST_CONNECTIONS:
            waiting = [one for one in others if one.is_waiting]
            min(waiting, key=lambda one: one.cut_at, default=self).cut()

    def connection_lost(self, exc: Exception | None) -> None:
        self._forget_timer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._look()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._look()

    @property
    def cut_at(self) -> float:
        """The loop's time at which it is cut; 0 while it is closing."""
        return 0.0 if self._timer is None else self._timer.when()

    def cut(self) -> None:
        """End it now, whatever is under way."""
        self._forget_timer()
        # Out of the set at once: the loop tells of its end only in its next turn.
        self.connections.discard(self)
        self.transport.abort()

    def _look(self) -> None:
        """Begin the allowed time anew when a request or its answer is complete, not with each byte."""
        answering = None if self.is_waiting else self.cycle
        if answering is not self._answering:
            self._answering = answering
            self._allow(HEADERS_SECONDS if answering is None else REQUEST_SECONDS)

    def _allow(self, seconds: float) -> None:
        self._forget_timer()
        if not self.transport.is_closing():
            self._timer = self.loop.call_later(seconds, self.cut)

    def _forget_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def limits() -> dict[str, Any]:
    """What uvicorn's own configuration bounds."""
    return {
        "http": Bounded,
        "h11_max_incomplete_event_size": MOST_HEADER_BYTES,
        # asyncio accepts so many at once before any of them is looked at.
        "backlog": 32,
    }
