"""Ended by signals: what is under way gets its time, nothing is left half done, nothing is left open."""

from __future__ import annotations

import asyncio
import json
import signal

import psycopg
import pytest

from breezeway_sync.core.error_codes import ExitCode
from tests.cli.support import Starter, until
from tests.conftest import Rows
from tests.daemon.support import (
    Daemon,
    configured,
    eventually,
    logged,
    nothing_is_half_written,
    nothing_is_open,
    schedule,
    serve,
)
from tests.helpers import Setup, sandboxed, tiny

pytestmark = pytest.mark.process

IN_TIME = 20.0
FLUSH = "[sync]\nbatch_rows = 3\nflush_seconds = 0.05"


async def in_the_middle(start: Starter, dsn: str, setup: Setup, rows: Rows, delay: float, skip: int = 1) -> Daemon:
    """A daemon whose task lists have begun to come and now take so long."""
    setup.faults.add("slow", path=r"/task/\?", delay=delay, skip=skip)
    config, port = configured(start.folder, setup.url, dsn, tiny(2), f"{schedule(2, 2, 2)}\n{FLUSH}")
    daemon = serve(start, config, port)
    await until(lambda: setup.stats.of(None, "/task") > skip, 30, "no task list is asked for")
    return daemon


async def test_calls_under_way_get_their_time(start: Starter, dsn: str, rows: Rows) -> None:
    async with sandboxed(dsn, tiny(2)) as setup:
        daemon = await in_the_middle(start, dsn, setup, rows, 5)
        daemon.running.send(signal.SIGTERM)
        began = asyncio.get_running_loop().time()

        async def drains() -> bool:
            status, body = await daemon.answer("/health/ready")
            return status == 503 and "stopping" in json.loads(body)["reasons"][0] + body

        await eventually(drains, 4, "nobody is told that it stops")
        calls = setup.stats.total
        assert (await daemon.answer("/health"))[0] == 200
        finished = await daemon.running.end(IN_TIME)
        seconds = asyncio.get_running_loop().time() - began
        assert finished.code == 0, finished.err[-2000:]
        assert 1 < seconds < 10
        assert setup.stats.total == calls  # nothing new was asked for
        for account in setup.world.accounts.values():
            nothing_is_half_written(rows, account)
    nothing_is_open(rows)
    assert rows("SELECT * FROM tasks") != []
    assert "Traceback" not in finished.err


async def test_calls_that_take_too_long_are_cancelled(start: Starter, dsn: str, rows: Rows) -> None:
    async with sandboxed(dsn, tiny(2)) as setup:
        daemon = await in_the_middle(start, dsn, setup, rows, 300)
        daemon.running.send(signal.SIGTERM)
        began = asyncio.get_running_loop().time()
        finished = await daemon.running.end(IN_TIME)
        seconds = asyncio.get_running_loop().time() - began
        for account in setup.world.accounts.values():
            nothing_is_half_written(rows, account)
    assert finished.code == 0, finished.err[-2000:]
    assert 9.5 < seconds < IN_TIME
    nothing_is_open(rows)
    ended = rows("SELECT DISTINCT sync_status, error_message FROM etl_sync_log WHERE entity_type = 'tasks'")
    assert {one["sync_status"] for one in ended} == {"failed"}
    assert [line for line in daemon.lines("operator_notice") if "cancelled" in line["what"]]


async def test_a_table_that_somebody_has_locked_keeps_it_no_longer(start: Starter, dsn: str, rows: Rows) -> None:
    """What cannot be stored is given up in time for the log to say so."""
    async with sandboxed(dsn, tiny(2)) as setup:
        with psycopg.connect(dsn) as other:
            daemon = await in_the_middle(start, dsn, setup, rows, 1, skip=0)
            other.execute("LOCK TABLE breezeway.tasks IN ACCESS EXCLUSIVE MODE")

            async def waits() -> bool:
                return bool(rows("SELECT 1 FROM pg_locks WHERE NOT granted"))

            await eventually(waits, 20, "nothing waits for the lock")
            daemon.running.send(signal.SIGTERM)
            finished = await daemon.running.end(IN_TIME)
    assert finished.code == 0, finished.err[-2000:]
    nothing_is_open(rows)
    ended = rows("SELECT sync_status, error_message FROM etl_sync_log WHERE entity_type = 'tasks'")
    assert {(one["sync_status"], one["error_message"]) for one in ended} == {("failed", "interrupted")}


async def test_a_second_signal_leaves_at_once(start: Starter, dsn: str, rows: Rows) -> None:
    async with sandboxed(dsn, tiny(2)) as setup:
        daemon = await in_the_middle(start, dsn, setup, rows, 300)
        daemon.running.send(signal.SIGTERM)

        async def drains() -> bool:
            return (await daemon.answer("/health/ready"))[0] == 503

        await eventually(drains, 5, "it does not stop")
        daemon.running.send(signal.SIGTERM)
        finished = await daemon.running.end(2)
    assert finished.code == ExitCode.TERMINATED


async def test_waits_of_retries_wake(start: Starter, dsn: str, rows: Rows) -> None:
    """An API that fails is tried again after up to half a minute; nobody waits for that."""
    async with sandboxed(dsn, tiny(2)) as setup:
        setup.faults.add("status", path="/property", status=503)
        config, port = configured(start.folder, setup.url, dsn, tiny(2), schedule(2, 2, 2))
        daemon = serve(start, config, port)
        await logged(daemon, "call_retried", 4)
        daemon.running.send(signal.SIGTERM)
        finished = await daemon.running.end(IN_TIME)
    assert finished.code == 0, finished.err[-2000:]
    nothing_is_open(rows)


async def test_while_another_process_holds_the_account(start: Starter, dsn: str, rows: Rows) -> None:
    """Skipped and counted; and a stop does not wait for the other one."""
    async with sandboxed(dsn, tiny()) as setup:
        setup.faults.add("slow", path=r"/task/\?", delay=300)
        config, port = configured(start.folder, setup.url, dsn, tiny(), schedule(1))
        holder = start("run", "-c", config)
        await until(lambda: setup.stats.of(None, "/task"), 30, "no task list is asked for")
        daemon = serve(start, config, port)
        await logged(daemon, "lease_awaited")
        await logged(daemon, "cycle_skipped")
        assert {line["reason"] for line in daemon.lines("cycle_skipped")} <= {"running", "locked"}
        assert daemon.lines("cycle_started") == []
        daemon.running.send(signal.SIGTERM)
        finished = await daemon.running.end(IN_TIME)
        holder.kill()
    assert finished.code == 0
