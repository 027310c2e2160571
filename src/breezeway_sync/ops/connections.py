"""Connections to the status port, each within limits: who holds them open costs nobody else anything."""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

MOST_CONNECTIONS = 64
MOST_HEADER_BYTES = 16 * 1024
HEADERS_SECONDS = 5.0
"""For the head of a request, from the connection or from the answer before: also how long an idle one stays."""
REQUEST_SECONDS = 10.0
"""For the answer to be made and taken."""


class Bounded(H11Protocol):
    """One connection. With MOST_CONNECTIONS open, the one that has waited longest for a request makes room for a new
    one; where all are being answered the new one is closed."""

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
        """Seconds of the loop; the past where it is being closed."""
        return 0.0 if self._timer is None else self._timer.when()

    def cut(self) -> None:
        """End it now, whatever is under way."""
        self._forget_timer()
        # Out of the set at once: the loop tells of its end only in its next turn.
        self.connections.discard(self)
        self.transport.abort()

    def _look(self) -> None:
        """The time allowed begins anew when a request is complete and when its answer is, not with each byte."""
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
