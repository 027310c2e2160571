"""The database away, the API away: the daemon stays, says so, and goes on by itself."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row

from breezeway_sync.cli import postgres as programs
from breezeway_sync.sandbox.drift import drift
from breezeway_sync.sandbox.spec import AccountSpec, demo_accounts, resized
from breezeway_sync.sandbox.world import World
from tests.cli.support import Running, Starter, until, without_a_listener
from tests.conftest import Rows
from tests.daemon.support import (
    Daemon,
    configured,
    eventually,
    ids_differ,
    logged,
    nothing_is_open,
    ready,
    schedule,
    serve,
)
from tests.helpers import sandboxed, tiny

pytestmark = [pytest.mark.process, pytest.mark.timeout(200)]

AWAY_SECONDS = 10


class OwnServer:
    """A PostgreSQL that can be stopped and started again on the same files and socket."""

    def __init__(self, folder: Path) -> None:
        self.dsn = f"postgresql://postgres@/postgres?host={folder}"
        self._server = programs._Server(programs.find_programs(), folder)
        self._server.create(programs._ALWAYS)

    def start(self) -> None:
        self._server.start()

    def stop(self) -> None:
        """As an administrator stops it: connections are ended, what is committed is kept."""
        process = self._server._process
        assert process is not None
        process.send_signal(signal.SIGINT)
        process.wait(60)

    def freeze(self, *, thawed: bool = False) -> None:
        """Neither it nor its connections answer, nor do they end; or they go on."""
        process = self._server._process
        assert process is not None
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text(encoding="ascii")
        for pid in (process.pid, *map(int, children.split())):
            os.kill(pid, signal.SIGCONT if thawed else signal.SIGSTOP)

    def rows(self, statement: str, *values: object) -> list[dict[str, Any]]:
        with psycopg.connect(self.dsn, autocommit=True, row_factory=dict_row) as connection:
            connection.execute("SET search_path TO breezeway, breezeway_internal")
            return connection.execute(statement.encode(), values or None).fetchall()


@pytest.fixture
def server() -> Iterator[OwnServer]:
    with programs._folder() as folder:
        own = OwnServer(folder)
        own.start()
        try:
            yield own
        finally:
            own._server.stop()


async def stays(daemon: Daemon, seconds: float, readiness: int) -> None:
    """For so long the process is there, lives, and says whether it is ready."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + seconds
    while loop.time() < deadline:
        assert daemon.running.popen.poll() is None, daemon.running.err[-2000:]
        assert (await daemon.answer("/health"))[0] == 200
        assert (await daemon.answer("/health/ready"))[0] == readiness
        await asyncio.sleep(0.5)


async def test_the_database_away(start: Starter, server: OwnServer) -> None:
    async with sandboxed(server.dsn, tiny(2)) as setup:
        config, port = configured(start.folder, setup.url, server.dsn, tiny(2), schedule(1, 2, 2))
        daemon = serve(start, config, port)
        await ready(daemon)
        await logged(daemon, "cycle_finished", 4)
        setup.options.latency_seconds = 0.05  # so that cycles are under way
        begun = daemon.count("cycle_started")
        await until(lambda: daemon.count("cycle_started") > begun, 10, "no cycle begins")
        await asyncio.to_thread(server.stop)

        async def is_not_ready() -> bool:
            return (await daemon.answer("/health/ready"))[0] == 503

        await eventually(is_not_ready, 30, "it stays ready without a database")
        for account in setup.world.accounts.values():
            drift(account, 10)
        await stays(daemon, AWAY_SECONDS, 503)
        setup.options.latency_seconds = 0
        finished = daemon.count("cycle_finished")
        await asyncio.to_thread(server.start)
        await ready(daemon, 20)
        await until(lambda: daemon.count("cycle_finished") > finished + 3, 40, "no cycle after the database is back")
        accounts = list(setup.world.accounts.values())

        async def follows() -> bool:
            return not ids_differ(server.rows, accounts)

        await eventually(follows, 40, "the mirror does not follow")
        daemon.running.send(signal.SIGTERM)
        ended = await daemon.running.end(25)
    assert ended.code == 0, ended.err[-2000:]
    nothing_is_open(server.rows)
    assert [line["event"] for line in daemon.lines("database_lost", "database_back")] == [
        "database_lost",
        "database_back",
    ]
    assert daemon.lines("database_back")[0]["away_seconds"] > AWAY_SECONDS - 2
    assert daemon.lines("crashed") == []


def sandbox(start: Starter, port: int) -> Running:
    size = ("--regions", "2", "--properties", "3", "--tasks", "5", "--reservations", "4")
    return start("sandbox", "--port", str(port), "--no-limits", *size)


def world() -> tuple[list[AccountSpec], World]:
    """The accounts of that sandbox: the same seed makes the same records."""
    counts = {"properties": 3, "tasks_per_property": 5, "reservations_per_property": 4}
    specs = [resized(one, **counts) for one in demo_accounts(2)]
    return specs, World(specs, seed=1)


async def test_a_database_that_does_not_answer_keeps_nobody_from_ending(start: Starter, server: OwnServer) -> None:
    async with sandboxed(server.dsn, tiny(2)) as setup:
        config, port = configured(start.folder, setup.url, server.dsn, tiny(2), schedule(600, 600, 600))
        setup.faults.add("slow", path=r"/task/", delay=0.2)
        daemon = serve(start, config, port)
        await until(lambda: setup.stats.of(None, "/task/{id}/comments"), 30, "no comments are asked for")
        server.freeze()
        try:
            daemon.running.send(signal.SIGTERM)
            finished = await daemon.running.end(22)  # 20 s are promised, and this machine may be busy
        finally:
            server.freeze(thawed=True)
    assert finished.code == 0, finished.err[-2000:]
    assert "the lease could not be given back, it runs out by itself" in finished.out


async def test_the_api_away(start: Starter, dsn: str, rows: Rows) -> None:
    specs, truth = world()
    api_port = without_a_listener()
    api = sandbox(start, api_port)
    await until(lambda: "[regions" in api.out, 20, "the sandbox does not start")
    config, port = configured(start.folder, f"http://127.0.0.1:{api_port}", dsn, specs, schedule(1, 2, 2))
    daemon = serve(start, config, port)
    await ready(daemon)
    await logged(daemon, "cycle_finished", 4)
    api.kill()
    await logged(daemon, "call_retried")
    await stays(daemon, AWAY_SECONDS, 200)
    api = sandbox(start, api_port)
    await until(lambda: "[regions" in api.out, 20, "the sandbox does not start again")
    newest = rows("SELECT max(id) AS id FROM etl_sync_log")[0]["id"]
    both = "SELECT DISTINCT region_code, entity_type FROM etl_sync_log WHERE id > %s AND sync_status = 'success'"
    await until(lambda: len(rows(both, newest)) == 18, 60, "not everything is read again")
    assert ids_differ(rows, truth.accounts.values()) == []
    daemon.running.send(signal.SIGTERM)
    ended = await daemon.running.end(25)
    assert ended.code == 0, ended.err[-2000:]
    nothing_is_open(rows)
    assert daemon.lines("database_lost", "crashed") == []
    faults = rows("SELECT DISTINCT sync_status FROM etl_sync_log WHERE id <= %s", newest)
    assert {"sync_status": "running"} not in faults


async def test_what_passes_is_tried_again_soon_also_what_is_read_once_a_day(
    start: Starter, dsn: str, rows: Rows
) -> None:
    """Bodies of people that are cut for a while, tags of tasks that fail as long: neither waits for its next day."""
    async with sandboxed(dsn, tiny()) as setup:
        config, port = configured(start.folder, setup.url, dsn, tiny(), schedule(3600))
        setup.faults.add("cut", path=r"/people", times=5)
        setup.faults.add("status", path=r"/task/tags", times=5)
        daemon = serve(start, config, port)
        await ready(daemon)
        status = (
            "SELECT DISTINCT ON (entity_type) sync_status AS x FROM etl_sync_log "
            "WHERE entity_type IN ('people', 'tags') ORDER BY entity_type, id DESC"
        )
        await until(lambda: rows(status) == [{"x": "success"}] * 2, 120, "they are not read again")
        assert ids_differ(rows, setup.world.accounts.values()) == []
    first = rows("SELECT DISTINCT ON (entity_type) entity_type, sync_status FROM etl_sync_log "
                 "WHERE entity_type IN ('people', 'tags') ORDER BY entity_type, id")  # fmt: skip
    assert {row["entity_type"]: row["sync_status"] for row in first} == {"people": "failed", "tags": "partial"}
    daemon.running.send(signal.SIGTERM)
    assert (await daemon.running.end(25)).code == 0


async def test_a_first_load_goes_on_as_soon_as_the_api_answers_again(start: Starter, dsn: str, rows: Rows) -> None:
    """Not in the next hour, whatever of its calls were given up meanwhile."""
    async with sandboxed(dsn, tiny()) as setup:
        config, port = configured(start.folder, setup.url, dsn, tiny(), schedule(3600))
        setup.faults.add("status", path=r"/task/\d+/", status=503)
        daemon = serve(start, config, port)
        ended = (
            "SELECT sync_status, pending_child_reads > 0 AS owes FROM etl_sync_log "
            "WHERE entity_type = 'tasks' AND sync_status <> 'running' ORDER BY id"
        )
        await until(lambda: rows(ended), 90, "the first run does not end")
        assert rows(ended)[0] == {"sync_status": "partial", "owes": True}
        setup.faults.clear()
        await until(lambda: rows(ended)[-1] == {"sync_status": "success", "owes": False}, 60, "the calls stay owed")
        assert rows("SELECT count(*) AS n FROM pending_child_reads") == [{"n": 0}]
        assert rows("SELECT count(*) AS n FROM problems WHERE resolved_at IS NULL") == [{"n": 0}]
    daemon.running.send(signal.SIGTERM)
    assert (await daemon.running.end(25)).code == 0
