"""Addresses with several hosts: silent, closed and read-only ones keep nobody from the one that can be written."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import asyncpg
import pytest

from breezeway_sync.core.errors import ConfigurationError, DatabaseReadOnly, DatabaseUnreachable
from breezeway_sync.store import connect
from breezeway_sync.store.connect import ServerHosts, keep_alive
from breezeway_sync.store.database import Database
from tests.conftest import Rows


@contextmanager
def silent_host() -> Iterator[int]:
    """The port of a host that takes connections and says nothing, as a frozen one does."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening.getsockname()[1]


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port: int = listening.getsockname()[1]
        return port


@asynccontextmanager
async def forwarded(dsn: str) -> AsyncIterator[int]:
    """A port on the loopback that leads to the test's server."""
    path = str(Path(parse_qs(urlsplit(dsn).query)["host"][0]) / ".s.PGSQL.5432")
    open_writers: set[asyncio.StreamWriter] = set()

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(1 << 16):
            writer.write(data)
        writer.transport.abort()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, here = await asyncio.open_unix_connection(path)
        open_writers.update((writer, here))
        await asyncio.gather(pump(reader, here), pump(there, writer), return_exceptions=True)

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield listening.sockets[0].getsockname()[1]
    finally:
        listening.close()
        for writer in open_writers:
            writer.transport.abort()


def with_hosts(dsn: str, *ports: int, more: str = "") -> str:
    hosts = ",".join(f"127.0.0.1:{port}" for port in ports)
    return f"postgresql://postgres@{hosts}{urlsplit(dsn).path}?sslmode=disable{more}"


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connect, "HOST_SECONDS", (0.3, 0.6))


async def test_a_silent_first_host_costs_its_own_limit_and_the_good_one_is_first_from_then_on(
    dsn: str, hasty: None
) -> None:
    with silent_host() as silent:
        async with forwarded(dsn) as good:
            hosts = ServerHosts(with_hosts(dsn, silent, good))
            async with asyncio.timeout(10):
                for _ in range(2):
                    await (await hosts.connect()).close()
                    assert hosts.addresses == (("127.0.0.1", good), ("127.0.0.1", silent))
            async with asyncio.timeout(10), Database(with_hosts(dsn, silent, good), "breezeway") as database:
                await database.fetch("writability")


async def test_hosts_that_are_all_silent_are_asked_twice_and_then_told_as_unreachable(dsn: str, hasty: None) -> None:
    with silent_host() as one, silent_host() as other, pytest.raises(DatabaseUnreachable, match="no answer in time"):
        async with asyncio.timeout(20), Database(with_hosts(dsn, one, other), "breezeway"):
            pytest.fail("connected to nobody")


async def test_a_closed_host_is_passed_over(dsn: str) -> None:
    async with forwarded(dsn) as good, Database(with_hosts(dsn, closed_port(), good), "breezeway") as database:
        await database.fetch("writability")


async def test_what_a_server_says_is_told_before_what_a_socket_says(dsn: str) -> None:
    async with forwarded(dsn) as good:
        address = with_hosts(dsn, good, closed_port()).replace(urlsplit(dsn).path, "/nowhere")
        with pytest.raises(DatabaseUnreachable, match="3D000"):
            async with Database(address, "breezeway"):
                pytest.fail("connected to no database")


async def test_addresses_are_read_as_asyncpg_reads_them(dsn: str) -> None:
    assert ServerHosts("postgresql://a@[::1]:5433,example.org/x").addresses == (("::1", 5433), ("example.org", 5432))
    assert ServerHosts("postgresql://a@/x?host=/one,/two&port=1,2").addresses == ("/one/.s.PGSQL.1", "/two/.s.PGSQL.2")
    async with Database(dsn.replace("?host=", "?host=/nowhere,"), "breezeway") as database:
        await database.fetch("writability")
    with pytest.raises(ConfigurationError):
        async with Database("postgresql://a@/x?host=one,two&port=1,2,3", "breezeway"):
            pytest.fail("connected to nothing")


@pytest.fixture
def read_only(dsn: str, rows: Rows) -> str:
    """The test's database as a provider leaves it whose disk is full."""
    name = urlsplit(dsn).path[1:]
    rows(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    return name


async def test_a_host_that_takes_no_writes_is_passed_over_for_one_that_does(
    dsn: str, postgres: str, read_only: str
) -> None:
    """The second address leads to another database of the server, which may be written."""
    async with forwarded(dsn) as first, forwarded(dsn) as second:
        hosts = ServerHosts(with_hosts(dsn, first, second))
        asked: list[connect.Address] = []
        one = hosts._one

        async def other(address: connect.Address, options: dict[str, object]) -> connect.Plain:
            asked.append(address)
            settings = {"default_transaction_read_only": "off"} if address == ("127.0.0.1", second) else {}
            return await one(address, {**options, "server_settings": settings})

        hosts._one = other  # type: ignore[method-assign]
        connection = await hosts.connect()
        assert await connection.fetchval("SHOW default_transaction_read_only") == "off"
        await connection.close()
        assert asked == [("127.0.0.1", first), ("127.0.0.1", second)]
        assert hosts.addresses[0] == ("127.0.0.1", second)


async def test_one_that_takes_no_writes_is_better_than_none_unless_the_address_asks_for_more(
    dsn: str, read_only: str
) -> None:
    async with forwarded(dsn) as first, forwarded(dsn) as second:
        for address in (dsn, with_hosts(dsn, first, second)):
            async with Database(address, "breezeway") as database:
                with pytest.raises(DatabaseReadOnly, match="read-only"):
                    await database.check_writable("looking")
        for address in (f"{dsn}&target_session_attrs=read-write",):
            with pytest.raises(DatabaseReadOnly, match="standby"):
                async with Database(address, "breezeway"):
                    pytest.fail("connected to what was not wanted")


async def test_a_connection_that_cannot_write_is_replaced(dsn: str, rows: Rows) -> None:
    """As open connections of a demoted primary: the next one leads to whatever takes writes by then."""
    async with Database(dsn, "breezeway") as database:
        async with database.connection("looking") as connection:
            before = await connection.fetchval("SELECT pg_backend_pid()")
            await connection.execute("SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY")

        async def work() -> None:
            async with database.transaction("writing") as connection:
                await connection.execute("SET TRANSACTION READ ONLY")
                await connection.execute("CREATE TEMP TABLE x (a INT)")
                await connection.execute("INSERT INTO breezeway.regions (region_code) VALUES ('x')")

        with pytest.raises(DatabaseReadOnly) as refused:
            await work()
        assert (refused.value.code, refused.value.retryable) == ("database_read_only", True)
        async with database.transaction("writing") as connection:
            assert await connection.fetchval("SELECT pg_backend_pid()") != before
            await connection.execute("INSERT INTO breezeway.regions (region_code) VALUES ('x')")


def test_a_socket_looks_whether_the_other_side_is_there() -> None:
    with socket.socket() as tcp, socket.socket(socket.AF_UNIX) as unix:
        keep_alive(tcp)
        keep_alive(unix)
        keep_alive(None)
        assert tcp.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        assert tcp.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 30_000


async def test_the_product_opens_sockets_like_that(dsn: str) -> None:
    async with forwarded(dsn) as port:
        connection = await ServerHosts(with_hosts(dsn, port)).connect()
        sock = vars(asyncpg.Connection)["_transport"].__get__(connection).get_extra_info("socket")
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        assert isinstance(connection, asyncpg.Connection)
        await connection.close()


async def test_who_waits_for_a_host_that_went_silent_waits_no_longer_once_another_one_is_found(
    dsn: str, hasty: None
) -> None:
    async with forwarded(dsn) as first, forwarded(dsn) as second:
        hosts = ServerHosts(with_hosts(dsn, first, second))
        before = await hosts.connect()
        waiting = asyncio.create_task(before.fetch("SELECT pg_sleep(60)"))
        await before_it_is_asked(dsn)
        hosts._addresses.reverse()  # as if the first one let nobody in
        after = await hosts.connect()
        async with asyncio.timeout(20):
            with pytest.raises(asyncpg.ConnectionDoesNotExistError):
                await waiting
        assert await after.fetchval("SELECT 1") == 1
        await after.close()


async def before_it_is_asked(dsn: str) -> None:
    """Return when the server has been asked to sleep."""
    asked = "SELECT count(*) FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(60)' AND state = 'active'"
    connection = await asyncpg.connect(dsn)
    try:
        async with asyncio.timeout(20):
            while not await connection.fetchval(asked):  # noqa: ASYNC110  # what is waited for sets no event
                await asyncio.sleep(0)
    finally:
        await connection.close()


async def test_nothing_goes_on_connecting_in_the_background(
    dsn: str, rows: Rows, caplog: pytest.LogCaptureFixture
) -> None:
    """While a server is away, those who need it ask for it, and nobody else fills the log."""
    async with Database(dsn, "breezeway") as database:
        await database.fetch("writability")
        rows("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'breezeway-sync' "
             "AND datname = current_database()")  # fmt: skip
        with pytest.raises(DatabaseUnreachable):
            await database.fetch("writability")
        assert asyncio.all_tasks() == {asyncio.current_task()}
        await database.fetch("writability")
    assert caplog.messages == []
