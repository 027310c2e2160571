"""What machines stand on, once for many of them."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any

from starlette.types import ASGIApp, Receive, Scope, Send

from breezeway_sync.sandbox.server import running
from tests.conftest import as_url, made_database


@dataclass(frozen=True)
class Ground:
    """What machines stand on: a maker of databases, and a place at which an application is served over HTTP."""

    database: Callable[[], AbstractContextManager[str]]
    serve: Callable[[ASGIApp], str]
    pool_size: int = 1
    """With one connection every step of a run comes in the same order each time; more are nearer to life."""


class _Server:
    """Serves one application after another on one port, in a thread: for reading the truth, by plain HTTP."""

    def __init__(self) -> None:
        self._app: ASGIApp | None = None
        self._url = ""
        self._is_up = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._end: asyncio.Event | None = None
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._app is not None:
            await self._app(scope, receive, send)

    def serve(self, app: ASGIApp) -> str:
        self._app = app
        return self._url

    def start(self) -> None:
        self._thread.start()
        self._is_up.wait(10)

    def stop(self) -> None:
        if self._loop is not None and self._end is not None:
            self._loop.call_soon_threadsafe(self._end.set)
        self._thread.join(10)

    async def _serve(self) -> None:
        self._loop, self._end = asyncio.get_running_loop(), asyncio.Event()
        async with running(self) as self._url:
            self._is_up.set()
            await self._end.wait()


@contextmanager
def ground(postgres: str, template: str, **more: Any) -> Iterator[Ground]:
    """`template` is a migrated database of that server."""

    @contextmanager
    def database() -> Iterator[str]:
        with made_database(postgres, template) as made:
            yield as_url(made)

    server = _Server()
    server.start()
    try:
        yield Ground(database, server.serve, **more)
    finally:
        server.stop()
