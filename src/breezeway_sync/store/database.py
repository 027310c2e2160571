"""The pool of connections, and the one place where asyncpg's errors become ours.

It works behind PgBouncer in transaction mode: there is no session state, settings are SET LOCAL, and staging tables
live in the transaction (PgBouncer 1.21 or newer keeps prepared statements apart).

A task waits for a free connection without a deadline: the tasks that hold one have deadlines. Only waits for
PostgreSQL itself have a deadline. Dates go to PostgreSQL as numbers of days and microseconds, because asyncpg stores
9999-12-31 as infinity.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, date, datetime, timedelta
from types import TracebackType
from typing import TYPE_CHECKING, Self

import asyncpg

from breezeway_sync.core.errors import (
    ConfigurationError,
    DatabaseFull,
    DatabaseReadOnly,
    DatabaseUnreachable,
)
from breezeway_sync.core.lacks import LACKING, is_lack
from breezeway_sync.entities.model import Entity
from breezeway_sync.store.connect import NO_WRITES, STANDBY, ServerHosts, WatchedConnection, read_only_error
from breezeway_sync.store.files import query
from breezeway_sync.store.sqlstates import CONNECTING, error_of

if TYPE_CHECKING:
    Connection = asyncpg.pool.PoolConnectionProxy[asyncpg.Record]
    Row = asyncpg.Record
else:
    Connection = object
    Row = object

ACQUIRE_SECONDS = 30.0
STATEMENT_SECONDS = 120.0
# A statement that was cut off is cancelled at the server before its connection is used again.
RELEASE_SECONDS = 5.0
# By then whoever used a connection has ended, or had all of a service's time for it.
CLOSE_SECONDS = 1.5
# A transaction of ours waits for PostgreSQL, or staged for the merge before it, which is over sooner: idle for so long
# means that this process is frozen.
IDLE_IN_TRANSACTION_SECONDS = 20
LOCK_SECONDS = 15

_LIMITS = (
    f"SET LOCAL lock_timeout = '{LOCK_SECONDS}s'; "
    f"SET LOCAL idle_in_transaction_session_timeout = '{IDLE_IN_TRANSACTION_SECONDS}s'; "
    f"SET LOCAL statement_timeout = '{int(STATEMENT_SECONDS) - 10}s'; "
    # What we delete is not lost: see the triggers of the mirrored tables.
    "SET LOCAL breezeway_sync.writing = 'on'"
)

# One more block: what staging meets first on a full disk.
_TAKE_ROOM = "CREATE TEMPORARY TABLE room ON COMMIT DROP AS SELECT 1 AS taken"

_EPOCH_DAY = date(2000, 1, 1).toordinal()
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_INFINITE = 2**63 - 1
_EARLIEST = datetime(1, 1, 1, tzinfo=UTC)
_LATEST = datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)


class Database:
    """A bounded pool of connections to one schema.

    Use as an async context manager. Raises ConfigurationError for a DSN that cannot be read and
    DatabaseUnreachable when nobody answers.
    """

    def __init__(self, dsn: str, schema: str, *, pool_size: int = 10) -> None:
        self.schema = schema
        self.address = f"{dsn} {schema}"
        """What tells databases apart within this process; holds a password, never shown."""
        self._dsn = dsn
        self._pool_size = pool_size
        self._pool: asyncpg.Pool[asyncpg.Record] | None = None
        # Who waits for its turn waits for others of this process, each bounded by STATEMENT_SECONDS: of hundreds of
        # regions that come at once none is told that PostgreSQL cannot be reached.
        self._turns = asyncio.Semaphore(pool_size)
        self._ends: dict[int, list[Callable[[bool], None]]] = {}
        self._connect_watchers: set[Callable[[], None]] = set()
        self._is_full = False
        """Whether the server had no room for a write, and was not seen to have some since."""

    async def __aenter__(self) -> Self:
        with translated(CONNECTING), _reaching(CONNECTING):
            try:
                # No least size: asyncpg would restore it in the background, for ever and with a stack in each log line,
                # while the server is away.
                pool = await asyncpg.create_pool(
                    self._dsn,
                    min_size=0,
                    max_size=self._pool_size,
                    command_timeout=STATEMENT_SECONDS,
                    connect=ServerHosts(self._dsn).connect,
                    connection_class=WatchedConnection,
                    init=self._begin,
                    server_settings={"application_name": "breezeway-sync", "timezone": "UTC"},
                )
                try:
                    await pool.release(await pool.acquire())
                except BaseException:
                    pool.terminate()
                    raise
            except (ValueError, asyncpg.ClientConfigurationError) as error:
                raise ConfigurationError(
                    "the database's address cannot be read",
                    where="database.dsn",
                    expected="postgresql://user:password@host:5432/name",
                ) from error
        self._pool = pool
        return self

    async def _begin(self, connection: asyncpg.Connection[asyncpg.Record]) -> None:
        await _exact_dates(connection)
        for watcher in self._connect_watchers:
            watcher()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pool, self._pool = self._pool, None
        if pool is None:
            return
        try:
            await asyncio.wait_for(pool.close(), CLOSE_SECONDS)
        except TimeoutError:
            pool.terminate()

    @asynccontextmanager
    async def connection(self, operation: str) -> AsyncIterator[Connection]:
        """A connection for single statements; once it is our turn, at most ACQUIRE_SECONDS are waited for one."""
        if self._pool is None:
            raise DatabaseUnreachable("the database is not open", where=operation)
        async with self._turns:
            with translated(operation):
                async with self._acquired(self._pool, operation) as connection:
                    yield connection

    @asynccontextmanager
    async def _acquired(self, pool: asyncpg.Pool[asyncpg.Record], operation: str) -> AsyncIterator[Connection]:
        with _reaching(operation):
            connection = await pool.acquire(timeout=ACQUIRE_SECONDS)
        try:
            yield connection
        except BaseException as error:
            self._is_full |= isinstance(error, (asyncpg.DiskFullError, DatabaseFull))
            takes_no_writes = _takes_no_writes(error)
            if takes_no_writes:
                connection.terminate()  # the next one may lead to the new primary
            try:
                await pool.release(connection, timeout=RELEASE_SECONDS)
            except (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError):
                is_silent = True
            else:
                is_silent = isinstance(error, TimeoutError)
            if is_silent or takes_no_writes:
                await self.connect_anew()
            raise
        await pool.release(connection)

    @asynccontextmanager
    async def transaction(self, operation: str) -> AsyncIterator[Connection]:
        """A short transaction: commits at the end of the block, with limits on locks and idleness."""
        async with self.connection(operation) as connection:
            is_committed = False
            try:
                async with connection.transaction():
                    await connection.execute(_LIMITS)
                    yield connection
                is_committed = True
            finally:
                for ended in self._ends.pop(id(connection), ()):
                    ended(is_committed)

    def at_end(self, connection: Connection, tell: Callable[[bool], None]) -> None:
        """Tell at the end of this connection's transaction whether the server has acknowledged its COMMIT."""
        self._ends.setdefault(id(connection), []).append(tell)

    @contextmanager
    def on_connect(self, tell: Callable[[], None]) -> Iterator[None]:
        """Tell, within the block, of every new connection: it may lead to another server than those before."""
        self._connect_watchers.add(tell)
        try:
            yield
        finally:
            self._connect_watchers.discard(tell)

    async def connect_anew(self) -> None:
        """Use no connection again that is open now: each is replaced as it is needed."""
        if self._pool is not None:
            await self._pool.expire_connections()

    async def check_writable(self, operation: str) -> None:
        """Raises DatabaseReadOnly for a server that takes no writes; then every connection is replaced.

        Where one had no room lately, raises DatabaseFull until it has some; small changes succeed even without.
        """
        async with self.connection(operation) as connection:
            row = await connection.fetchrow(self.query("writability"))
        if row and (row["is_standby"] or row["is_read_only"]):
            await self.connect_anew()
            raise read_only_error(STANDBY if row["is_standby"] else NO_WRITES, operation)
        if self._is_full:
            async with self.transaction(operation) as connection:
                await connection.execute(_TAKE_ROOM)
            self._is_full = False

    def query(self, name: str, entity: Entity | None = None) -> str:
        """A named query's text for this schema, and for an entity where it is about any."""
        return query(name, self.schema, entity)

    async def fetch(self, name: str, *values: object, entity: Entity | None = None) -> Sequence[asyncpg.Record]:
        """Rows of a named query, in a statement of its own."""
        async with self.connection(name) as connection:
            rows: Sequence[asyncpg.Record] = await connection.fetch(self.query(name, entity), *values)
            return rows

    async def fetch_row(self, name: str, *values: object, entity: Entity | None = None) -> asyncpg.Record | None:
        """The first row of a named query, or None."""
        rows = await self.fetch(name, *values, entity=entity)
        return rows[0] if rows else None


def _takes_no_writes(error: BaseException) -> bool:
    """Whether another server is to be looked for: not where this one is only full."""
    is_read_only = isinstance(error, (asyncpg.ReadOnlySQLTransactionError, DatabaseReadOnly))
    return is_read_only and not isinstance(error, DatabaseFull)


@contextmanager
def translated(operation: str) -> Iterator[None]:
    """Turn what asyncpg and the network raise into our errors.

    Messages name the SQLSTATE, table, column and constraint, never the server's own text: it quotes values.
    """
    try:
        yield
    except asyncpg.PostgresError as error:
        raise error_of(error, operation) from error
    except (asyncpg.InterfaceError, asyncpg.InternalClientError, OSError, TimeoutError) as error:
        # InternalClientError is what a connection raises that the server has ended while it lay in the pool.
        actual = "no answer in time" if isinstance(error, TimeoutError) else type(error).__name__
        if isinstance(error, OSError) and not isinstance(error, TimeoutError):
            actual += f": {error.strerror or error}"  # of a socket: address and reason
        raise DatabaseUnreachable(
            "PostgreSQL cannot be reached", where=operation, actual=actual, hint="check database.dsn and the server"
        ) from error


@contextmanager
def _reaching(operation: str) -> Iterator[None]:
    """Turn what this process lacks for a new connection, a thread that looks up a name or memory, into our error."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not is_lack(error):
            raise
        raise DatabaseUnreachable("PostgreSQL cannot be reached", where=operation, actual=LACKING) from error


async def _exact_dates(connection: asyncpg.Connection[asyncpg.Record]) -> None:
    """Dates as they are: asyncpg by itself stores 9999-12-31 and 0001-01-01 as plus and minus infinity."""
    await connection.set_type_codec(
        "date",
        schema="pg_catalog",
        format="tuple",
        encoder=lambda day: (day.toordinal() - _EPOCH_DAY,),
        decoder=lambda days: _as_date(days[0]),
    )
    await connection.set_type_codec(
        "timestamptz",
        schema="pg_catalog",
        format="tuple",
        encoder=lambda moment: ((moment - _EPOCH) // _MICROSECOND,),
        decoder=lambda micros: _as_moment(micros[0]),
    )


def _as_date(days: int) -> date:
    if days >= 2**31 - 1:
        return date.max
    return date.min if days <= -(2**31) else date.fromordinal(days + _EPOCH_DAY)


def _as_moment(micros: int) -> datetime:
    if abs(micros) >= _INFINITE:
        return _LATEST if micros > 0 else _EARLIEST
    return _EPOCH + timedelta(microseconds=micros)
