"""How the daemon starts, what keeps it from starting, and what it tells the service manager."""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
import pytest

from breezeway_sync.core.error_codes import ExitCode
from tests.cli.support import Starter, until
from tests.conftest import as_url, made_database
from tests.daemon.support import configured, eventually, logged, ready, schedule, serve
from tests.helpers import sandboxed, tiny

pytestmark = pytest.mark.process


@dataclass
class Manager:
    """The socket of a service manager, and what came to it."""

    path: Path
    listener: socket.socket
    heard: list[str] = field(default_factory=list)

    def listen(self) -> list[str]:
        while True:
            try:
                self.heard += self.listener.recv(65_536).decode().splitlines()
            except BlockingIOError:
                return self.heard

    def count(self, message: str) -> int:
        return sum(one == message for one in self.listen())


@contextmanager
def manager(folder: Path) -> Iterator[Manager]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        path = folder / "notify"
        listener.bind(str(path))
        listener.setblocking(False)
        yield Manager(path, listener)


async def test_what_the_service_manager_hears(start: Starter, dsn: str, tmp_path: Path) -> None:
    async with sandboxed(dsn, tiny()) as setup:
        config, port = configured(tmp_path, setup.url, dsn, tiny(), schedule(1, 1, 1))
        with manager(tmp_path) as heard:
            variables = {"NOTIFY_SOCKET": str(heard.path), "WATCHDOG_USEC": "30000000"}
            daemon = serve(start, config, port, variables)
            await until(lambda: heard.count("READY=1"), 30, "it never is ready")
            assert await daemon.is_ready()
            await until(lambda: heard.count("WATCHDOG=1") >= 3, 10, "the watchdog is not fed")
            assert heard.count("READY=1") == 1
            daemon.running.send(signal.SIGHUP)
            await until(lambda: heard.count("READY=1") == 2, 10, "a reload does not end")
            assert heard.count("RELOADING=1") == 1
            await until(lambda: any("1 regions" in one for one in heard.listen()), 10, "no status")
            daemon.running.send(signal.SIGTERM)
            assert (await daemon.running.end(25)).code == 0
            messages = [one.partition("=")[0] for one in heard.listen() if not one.startswith(("STATUS", "WATCHDOG"))]
    assert messages == ["READY", "RELOADING", "MONOTONIC_USEC", "READY", "STOPPING"]


async def test_a_busy_port(start: Starter, dsn: str, tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        config, port = configured(tmp_path, "http://127.0.0.1:1", dsn, tiny(), "", port=taken.getsockname()[1])
        ended = await serve(start, config, port).running.end(20)
    assert ended.code == ExitCode.CONFIGURATION
    assert f"nothing can listen on 127.0.0.1:{port}" in ended.err
    assert "Traceback" not in ended.err


async def test_a_schema_of_somebody_else(start: Starter, empty_dsn: str, tmp_path: Path) -> None:
    with psycopg.connect(empty_dsn, autocommit=True) as connection:
        connection.execute("CREATE SCHEMA breezeway")
        connection.execute("CREATE TABLE breezeway.tasks (mine int)")
    config, port = configured(tmp_path, "http://127.0.0.1:1", empty_dsn, tiny(), "")
    ended = await serve(start, config, port).running.end(20)
    assert ended.code == ExitCode.CONFIGURATION
    assert "breezeway" in ended.err
    assert "Traceback" not in ended.err


async def test_a_database_that_comes_later(start: Starter, postgres: str, tmp_path: Path) -> None:
    """Not ready until it is there; and the service manager is told READY only then."""
    with made_database(postgres) as made:
        name = str(psycopg.conninfo.conninfo_to_dict(made)["dbname"])
        dsn = as_url(psycopg.conninfo.make_conninfo(postgres, dbname=f"{name}_later"))
        async with sandboxed(dsn, tiny()) as setup:
            config, port = configured(tmp_path, setup.url, dsn, tiny(), schedule(1, 1, 1))
            with manager(tmp_path) as heard, psycopg.connect(postgres, autocommit=True) as connection:
                daemon = serve(start, config, port, {"NOTIFY_SOCKET": str(heard.path)})
                await logged(daemon, "database_lost")

                async def is_there() -> bool:
                    return (await daemon.answer("/health"))[0] == 200

                await eventually(is_there, 20, "its HTTP side does not answer")
                assert not await daemon.is_ready()
                assert (await daemon.answer("/metrics"))[0] == 200
                await until(lambda: any("waiting for the database" in one for one in heard.listen()), 10, "no status")
                assert heard.count("READY=1") == 0
                connection.execute(f'CREATE DATABASE "{name}_later"'.encode())
                try:
                    await ready(daemon, 30)
                    await until(lambda: heard.count("READY=1") == 1, 10, "it never is ready")
                    await logged(daemon, "cycle_finished")
                    daemon.running.send(signal.SIGTERM)
                    ended = await daemon.running.end(25)
                finally:
                    daemon.running.kill()
                    connection.execute(f'DROP DATABASE "{name}_later" WITH (FORCE)'.encode())
    assert ended.code == 0, ended.err[-2000:]
    assert [line["event"] for line in daemon.lines("database_lost", "database_back")] == [
        "database_lost",
        "database_back",
    ]


async def test_a_database_that_refuses_is_lost_once_and_back_once(
    start: Starter, postgres: str, tmp_path: Path
) -> None:
    """However often it is tried meanwhile; it goes on by itself when the right is granted."""
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute("DROP ROLE IF EXISTS breezeway_sync_test_refused")
        connection.execute("CREATE ROLE breezeway_sync_test_refused LOGIN")
        try:
            with made_database(postgres) as made:
                name = str(psycopg.conninfo.conninfo_to_dict(made)["dbname"])
                dsn = as_url(psycopg.conninfo.make_conninfo(made, user="breezeway_sync_test_refused"))
                async with sandboxed(dsn, tiny()) as setup:
                    config, port = configured(tmp_path, setup.url, dsn, tiny(), schedule(60, 60, 60))
                    with manager(tmp_path) as heard:
                        daemon = serve(start, config, port, {"NOTIFY_SOCKET": str(heard.path)})

                        def tries() -> int:
                            return sum("waiting for the database" in one for one in heard.listen())

                        await until(lambda: tries() >= 3, 20, "it does not try again")
                        connection.execute(f'GRANT CREATE ON DATABASE "{name}" TO breezeway_sync_test_refused'.encode())
                        await logged(daemon, "cycle_finished")
                        daemon.running.send(signal.SIGTERM)
                        assert (await daemon.running.end(25)).code == 0
        finally:
            connection.execute("DROP ROLE breezeway_sync_test_refused")
    told = daemon.lines("database_lost", "database_back")
    assert [line["event"] for line in told] == ["database_lost", "database_back"]
    assert "CREATE SCHEMA" in told[0]["reason"]


async def test_stopped_before_the_database_is_there(start: Starter, dsn: str, tmp_path: Path) -> None:
    nowhere = f"postgresql://postgres@/postgres?host={tmp_path}"
    config, port = configured(tmp_path / "config", "http://127.0.0.1:1", nowhere, tiny(), "")
    daemon = serve(start, config, port)
    await logged(daemon, "database_lost")
    (started,) = daemon.lines("service_started")
    assert (started["address"], started["configuration"]) == (f"http://127.0.0.1:{port}", str(config))
    began = asyncio.get_running_loop().time()
    daemon.running.send(signal.SIGTERM)
    assert (await daemon.running.end(20)).code == 0
    assert asyncio.get_running_loop().time() - began < 5


async def test_goes_on_where_the_last_process_stopped(start: Starter, dsn: str, tmp_path: Path) -> None:
    """What was read a moment ago is not read again by the next process."""
    async with sandboxed(dsn, tiny(2)) as setup:
        config, port = configured(tmp_path, setup.url, dsn, tiny(2), schedule(600, 600, 600))
        first = serve(start, config, port)
        await logged(first, "cycle_finished", 2)
        first.running.send(signal.SIGTERM)
        assert (await first.running.end(25)).code == 0
        calls = setup.stats.total
        second = serve(start, config, port)
        await ready(second)
        configured(tmp_path, setup.url, dsn, tiny(2), schedule(600, 600, 600), port=port)
        second.running.send(signal.SIGHUP)
        await logged(second, "configuration_reloaded")
        assert second.lines("cycle_started") == []
        second.running.send(signal.SIGTERM)
        assert (await second.running.end(25)).code == 0
        assert setup.stats.total == calls
