"""Serves an ASGI application on a port, inside a running event loop and without touching the signals of the process."""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvicorn
from starlette.types import ASGIApp

from breezeway_sync.core.errors import ConfigurationError
from breezeway_sync.ops.connections import limits

GRACE_SECONDS = 0.5
BACKLOG = 128
_CURES = {
    errno.EADDRINUSE: "choose another http.port, or stop what listens there: perhaps another breezeway-sync serve",
    errno.EACCES: "choose an http.port above 1023, or allow the service to bind lower ones",
    errno.EADDRNOTAVAIL: "choose an http.host that this machine has: 127.0.0.1, or 0.0.0.0 for all of them",
}


@asynccontextmanager
async def serving(app: ASGIApp, host: str, port: int) -> AsyncIterator[str]:
    """Serve while the block runs; yields the base URL. Port 0 takes any that is free.

    Connections are bounded (`connections`). No signal handler is installed, nothing is logged and the process
    never ended. At the end requests under way have `GRACE_SECONDS`, then all connections are cut. Raises
    ConfigurationError where the address or port cannot be had.
    """
    listener = await _bind(host, port)
    try:
        config = uvicorn.Config(
            app,
            lifespan="off",
            log_config=None,
            log_level="critical",
            access_log=False,
            ws="none",
            server_header=False,
            **limits(),
        )
        config.load()
        server = uvicorn.Server(config)
        server.lifespan = config.lifespan_class(config)
        # `serve` would take over signals, and `run` the process.
        await server.startup(sockets=[listener])
        try:
            yield _url(listener)
        finally:
            await _stop(server)
    finally:
        listener.close()


async def _bind(host: str, port: int) -> socket.socket:
    """A listening socket; uvicorn's own way ends the process when the port is busy."""
    where = f"{host}:{port}"
    try:
        found = await asyncio.get_running_loop().getaddrinfo(
            host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
    except (OSError, UnicodeError) as error:
        raise ConfigurationError(
            "the address to listen on is none",
            actual=where,
            hint="let http.host be one that this machine has: 127.0.0.1",
        ) from error
    family, kind, protocol, _, address = found[0]
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        hint = _CURES.get(error.errno or 0, "choose another http.host or http.port")
        raise ConfigurationError(
            f"nothing can listen on {where}", actual=(error.strerror or type(error).__name__).lower(), hint=hint
        ) from error
    listener.setblocking(False)
    return listener


def _url(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


async def _stop(server: uvicorn.Server) -> None:
    for listening in server.servers:
        listening.close()
    for connection in list(server.server_state.connections):
        connection.shutdown()  # idle ones end now, busy ones after their answer
    loop = asyncio.get_running_loop()
    until = loop.time() + GRACE_SECONDS
    while server.server_state.connections and loop.time() < until:  # noqa: ASYNC110 - a set, not an event
        await asyncio.sleep(0.01)
    for connection in list(server.server_state.connections):
        transport = getattr(connection, "transport", None)
        if isinstance(transport, asyncio.WriteTransport):
            transport.abort()
    tasks = list(server.server_state.tasks)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    for _turn in range(100):  # each connection hears of its end in the loop's next turn
        if server.server_state.connections:
            await asyncio.sleep(0)
    for listening in server.servers:
        await listening.wait_closed()
