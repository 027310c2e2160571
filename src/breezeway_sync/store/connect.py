"""Connects to the first host of a database address that answers and accepts writes.

asyncpg tries all hosts of an address within one time limit. A first host that is silent (a frozen or lost machine,
dropped packets) uses all of it. So each host has its own limit here, and the last good host comes first.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

import asyncpg
from asyncpg import connect_utils

from breezeway_sync.core.errors import DatabaseReadOnly

if TYPE_CHECKING:
    Plain = asyncpg.Connection[asyncpg.Record]
else:
    Plain = asyncpg.Connection

Address = str | tuple[str, int]
"""A socket's path, or host and port."""

HOST_SECONDS = (3.0, 8.0)
"""How long a host may take to let us in: the first time, and where none was quicker."""
ONLY_HOST_SECONDS = 10.0
# A server that vanished is noticed after half a minute, also while we wait for an answer of it.
_KEEPALIVE = (("TCP_KEEPIDLE", 10), ("TCP_KEEPINTVL", 5), ("TCP_KEEPCNT", 4), ("TCP_USER_TIMEOUT", 30_000))


class WatchedConnection(Plain):
    """A connection whose socket notices that the server has vanished."""

    host: Address | None = None

    def __init__(self, protocol: Any, transport: Any, *rest: Any) -> None:
        super().__init__(protocol, transport, *rest)
        keep_alive(transport.get_extra_info("socket"))


def keep_alive(sock: socket.socket | None) -> None:
    """Have the kernel look whether the other side is there, where it can."""
    if sock is None or sock.family not in (socket.AF_INET, socket.AF_INET6):
        return
    with contextlib.suppress(OSError):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in _KEEPALIVE:
        if hasattr(socket, name):
            with contextlib.suppress(OSError):
                sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


def is_read_only(connection: Plain) -> bool | None:
    """What the server said of itself when it let us in; None where it says nothing of it (before PostgreSQL 14)."""
    settings = connection.get_settings()
    said = [getattr(settings, name, None) for name in ("in_hot_standby", "default_transaction_read_only")]
    return None if None in said else "on" in said


STANDBY = "PostgreSQL is a standby (read-only)"
NO_WRITES = "PostgreSQL takes no writes (read-only)"


def read_only_error(what: str, where: str, actual: str | None = None) -> DatabaseReadOnly:
    """What is said of a server that cannot be written: STANDBY, or NO_WRITES where no more is known."""
    hint = "let database.dsn name the primary, or all hosts; once a server takes writes the work goes on by itself"
    return DatabaseReadOnly(what, where=where, actual=actual, hint=hint)


class ServerHosts:
    """The hosts of one address. Raises ClientConfigurationError or ValueError for one that cannot be read."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._addresses = _parsed(dsn)
        self._good: Address | None = None
        self._open: WeakSet[WatchedConnection] = WeakSet()

    @property
    def addresses(self) -> Sequence[Address]:
        """In the order in which they are tried."""
        return tuple(self._addresses)

    async def connect(self, dsn: str | None = None, **options: Any) -> Plain:
        """A connection to the first host that lets us in and can be written; where none can, to one that lets us in.

        With `target_session_attrs` in the address only to one that is as wanted. Raises what asyncpg raises,
        DatabaseReadOnly and TimeoutError.
        """
        options |= {"dsn": dsn or self._dsn, "connection_class": WatchedConnection}
        limits = HOST_SECONDS if len(self._addresses) > 1 else (ONLY_HOST_SECONDS,)
        failures: list[Exception] = []
        for seconds in limits:
            failures = []
            found = await self._round(seconds, options, failures)
            if found is not None:
                return found
            if not any(isinstance(error, TimeoutError) for error in failures):
                break
        raise min(failures, key=_says_little)

    async def _round(self, seconds: float, options: dict[str, Any], failures: list[Exception]) -> Plain | None:
        """Ask each host once."""
        run_budget: Plain | None = None
        try:
            for address in self.addresses:
                try:
                    found = await _within(seconds, self._one(address, options))
                except (OSError, asyncpg.PostgresError, asyncpg.InternalClientError, DatabaseReadOnly) as error:
                    failures.append(error)
                    continue
                if not is_read_only(found):
                    self._chose(address)
                    return found
                if run_budget is None:
                    run_budget = found
                else:
                    found.terminate()
            found_spare, run_budget = run_budget, None
            return found_spare
        finally:
            if run_budget is not None:
                run_budget.terminate()

    def _chose(self, address: Address) -> None:
        """This one can be written. Where another one was before, that is silent or takes no writes any more: whoever
        still waits for an answer of it would wait for minutes."""
        self._addresses.sort(key=lambda one: one != address)
        if self._good is not None and self._good != address:
            for connection in list(self._open):
                if connection.host != address:
                    connection.terminate()
        self._good = address

    async def _one(self, address: Address, options: dict[str, Any]) -> Plain:
        host, port = address if isinstance(address, tuple) else (address, int(address.rpartition(".")[2]))
        try:
            found: WatchedConnection = await asyncpg.connect(host=host, port=port, **options)
        except asyncpg.TargetServerAttributeNotMatched as error:
            raise read_only_error(STANDBY, f"{host} port {port}", "not what target_session_attrs asks for") from error
        found.host = address
        self._open.add(found)
        return found


async def _within(seconds: float, connecting: Any) -> Plain:
    async with asyncio.timeout(seconds):
        found: Plain = await connecting
        return found


def _says_little(error: Exception) -> int:
    """How little a failure says: a server's own word says most, silence least."""
    if isinstance(error, TimeoutError):
        return 3
    if isinstance(error, asyncpg.PostgresError) and not isinstance(error, asyncpg.CannotConnectNowError):
        return 0
    return 1 if isinstance(error, DatabaseReadOnly) else 2


def _parsed(dsn: str) -> list[Address]:
    """The hosts as asyncpg reads them, from the address, a service file or the environment."""
    names = (
        *("host", "port", "user", "password", "passfile", "database", "ssl", "service", "servicefile", "direct_tls"),
        *("server_settings", "target_session_attrs", "krbsrvname", "gsslib"),
    )
    nothing: dict[str, Any] = dict.fromkeys(names)
    # Private, and the only one that knows all of it; a test holds it to what asyncpg connects to.
    parse = vars(connect_utils)["_parse_connect_dsn_and_args"]
    addresses, _ = parse(dsn=dsn, **nothing)
    return list(addresses)
