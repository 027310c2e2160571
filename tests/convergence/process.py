"""One life of the product: the real `runner.run`, on a loop of its own, up to any of its steps."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any, Literal, Self, TypeAlias
from unittest.mock import patch

import httpx
from starlette.types import ASGIApp

from breezeway_sync.api.transport import Transport
from breezeway_sync.core.errors import DatabaseUnreachable
from breezeway_sync.core.events import Event
from breezeway_sync.service import runner
from breezeway_sync.service.runner import RunReport, RunRequest
from breezeway_sync.service.settings import Settings
from breezeway_sync.store.database import Connection, Database
from tests.convergence.moving_time import MovingTime, ProcessLoop

Fate: TypeAlias = Literal["ends", "cancelled", "killed", "frozen", "disconnected", "demoted", "gone back"]
"""What becomes of a process at its nth step. Of a frozen one only that it holds no lock is granted.

A demoted one finds a database that can only be read from then on. For one that has gone back the database is as it was
after half as many steps, as a successor or a restored copy is that never got the rest.
"""
BURIAL_TURNS = 100_000


class Left(BaseException):
    """The loop was left where it stood."""


class _WatchedDatabase(Database):
    """Knows whether PostgreSQL is being asked, tells when something may be different, and can be out of reach."""

    asked = 0
    is_dead = False
    on_change: Callable[[], None]

    async def __aenter__(self) -> Self:
        with self._asking():
            return await super().__aenter__()

    async def __aexit__(self, *error: Any) -> None:
        with self._asking():
            await super().__aexit__(*error)

    @asynccontextmanager
    async def connection(self, operation: str) -> AsyncIterator[Connection]:
        if self.is_dead:
            raise DatabaseUnreachable("this process is dead", where=operation)
        with self._asking():
            async with super().connection(operation) as connection:
                yield connection

    @contextmanager
    def _asking(self) -> Iterator[None]:
        self.asked += 1
        try:
            yield
        finally:
            self.asked -= 1
            self.on_change()


@dataclass(slots=True)
class Place:
    """Where processes live: what they share is outside them, in the service and in the database."""

    time: MovingTime
    app: ASGIApp
    settings: Settings
    dsn: str
    pool_size: int
    sent: Callable[[Any, int, bytes], None]
    """Hears of every answer as it is sent: scope of the request, status, body."""
    look: Callable[[], None]
    """Looks at the mirror from outside."""
    is_locked: Callable[[], bool]
    """Whether a transaction of the product holds a lock that others of its kind wait for."""
    disconnect: Callable[[], None]
    """Ends every connection of the product to the database."""
    demote: Callable[[], None]
    """From now on the database can only be read."""
    keep: Callable[[], None]
    """Keeps a copy of the database as it is now."""
    go_back: Callable[[], None]
    """Puts the copy in the place of the database."""


class Process:
    """`start`, then `wake` as long as it is frozen; `kill` at any moment."""

    def __init__(self, place: Place, request: RunRequest, fate: Fate = "ends", turn: int = 0) -> None:
        self.place = place
        self.fate = fate
        self.number = 0
        """Tells runs apart; given by whoever runs it."""
        self.began = place.time.seconds
        self.turns = 0
        self.events: list[Event] = []
        self.report: RunReport | None = None
        self.error: BaseException | None = None
        self._fate_turn = turn
        self._copy_turn = turn // 2 if fate == "gone back" else 0
        self._is_buried = False
        self._is_changed = False
        self._database = _WatchedDatabase(place.dsn, place.settings.database.schema, pool_size=place.pool_size)
        self._database.on_change = self._changed
        self._loop = ProcessLoop(place.time, self._turn, lambda: self._database.asked > 0)
        with self._wired():
            self._task = self._loop.create_task(
                runner.run(place.settings, request, emit=self.events.append, clock=place.time)
            )

    @property
    def is_frozen(self) -> bool:
        return self.fate == "frozen" and not self._task.done()

    @property
    def is_spared(self) -> bool:
        """Whether it came to its end before fate struck."""
        return self._fate_turn > 0 or self.fate == "ends"

    def wake(self) -> None:
        """Run to the end, or to where fate says. Raises what a look at the mirror raised in the middle of it."""
        try:
            with self._wired():
                self._loop.run_until_complete(self._task)
        except Left:
            if self.fate == "killed":
                self.kill()
            return
        except BaseException:
            if not self._task.done():
                self.kill()
                raise
        if not self._task.cancelled():
            self.error = self._task.exception()
            self.report = None if self.error else self._task.result()
        self._close()
        self.place.look()

    def kill(self) -> None:
        """End without a word: no connection, no cleanup that anybody could notice, no time that passes by it."""
        if self._loop.is_closed():
            return
        self._is_buried = True
        before = self.place.time.seconds
        self._database.is_dead = True
        self._loop.cut_connections()
        self.turns = 0
        self._close()
        self._task.cancelled() or self._task.exception()  # retrieved
        self.place.time.seconds = before

    async def _end_tasks(self) -> None:
        """Cancel whatever is left, as `asyncio.run` does; of a dead process nobody hears it."""
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        while others:
            await asyncio.wait(others)
            others = asyncio.all_tasks() - {asyncio.current_task()}

    def _close(self) -> None:
        with self._wired():
            self._loop.run_until_complete(self._end_tasks())
            self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        self._loop.close()

    def _changed(self) -> None:
        self._is_changed = True

    def _turn(self) -> None:
        self.turns += 1
        if self._is_buried:
            if self.turns > BURIAL_TURNS:
                raise RuntimeError("a dead process does not rest")
            return
        if self._is_changed or (self._database.asked and self.turns % 20 == 0):
            self._is_changed = False
            self.place.look()
        if self._copy_turn and self.turns >= self._copy_turn:
            self._copy_turn = 0
            self.place.keep()
        if self._fate_turn and self.turns >= self._fate_turn:
            self._strike()

    def _strike(self) -> None:
        if self.fate == "frozen" and self.place.is_locked():
            return
        self._fate_turn = 0
        if self.fate in ("killed", "frozen"):
            raise Left
        if self.fate == "cancelled":
            self._task.cancel()
        elif self.fate == "disconnected":
            self.place.disconnect()
        elif self.fate == "demoted":
            self.place.demote()
        elif self.fate == "gone back":
            self.place.go_back()

    def _overheard(self, scope: Any, send: Any) -> Any:
        """A `send` that tells what is sent, before it is."""
        status = 0

        async def overheard(message: Any) -> None:
            nonlocal status
            status = message.get("status", status)
            if message["type"] == "http.response.body":
                self.place.sent(scope, status, message.get("body", b""))
            await send(message)

        return overheard

    @contextmanager
    def _wired(self) -> Iterator[None]:
        """The runner with this process's database and with the simulated service in place of the network."""

        async def answer(scope: Any, receive: Any, send: Any) -> None:
            if self._is_buried:
                raise ConnectionResetError
            await self.place.app(scope, receive, self._overheard(scope, send))

        def transport(base_url: str, timeout_seconds: float) -> Transport:
            return Transport(base_url, timeout_seconds, http=httpx.ASGITransport(answer))

        with (
            patch.dict(sys.modules, {"sniffio": None}),  # not installed: httpx looks for it at every call
            patch.object(runner, "Transport", transport),
            patch.object(runner, "open_database", lambda _settings: self._database),
        ):
            yield
