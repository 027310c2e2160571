"""What runs out around the daemon costs what needs it, and passes: the process lives."""

from __future__ import annotations

import asyncio
import contextlib
import json
import resource
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.cli.support import COMMAND, Starter, until
from tests.conftest import Rows
from tests.daemon.support import Daemon, configured, eventually, logged, ready, schedule, serve
from tests.helpers import sandboxed, tiny

pytestmark = pytest.mark.process


@asynccontextmanager
async def serving(start: Starter, dsn: str) -> AsyncIterator[Daemon]:
    """A daemon that has read everything once, and does so about every second."""
    async with sandboxed(dsn, tiny(2)) as setup:
        config, port = configured(start.folder, setup.url, dsn, tiny(2), schedule(1, 1, 1))
        daemon = serve(start, config, port)
        await ready(daemon)
        await logged(daemon, "cycle_finished", 2)
        yield daemon


def open_files(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def allow_files(pid: int, number: int) -> None:
    _, hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (number, hard))


async def goes_on(daemon: Daemon, rows: Rows) -> None:
    """Everything succeeds again."""
    (now,) = rows("SELECT clock_timestamp() AS at")

    async def all_fresh() -> bool:
        assert daemon.running.popen.poll() is None, daemon.running.out[-2000:]
        found = rows(
            "SELECT region_code, entity_type, max(last_successful_sync_at) AS at FROM etl_sync_log GROUP BY 1, 2"
        )
        return all(row["at"] is not None and row["at"] > now["at"] for row in found)

    await eventually(all_fresh, 60, "not everything is read again")
    assert (await daemon.answer("/health"))[0] == 200


async def test_no_descriptor_left_ends_nothing(start: Starter, dsn: str, rows: Rows) -> None:
    async with serving(start, dsn) as daemon:
        allow_files(daemon.pid, 3)  # those that are open stay, and no other one can be opened
        cycles = daemon.count("cycle_finished")
        with contextlib.suppress(AssertionError):
            await logged(daemon, "cycle_finished", cycles + 3, within=6)
        assert daemon.running.popen.poll() is None, daemon.running.out[-3000:]
        assert daemon.count("crashed") == 0, [line["error"] for line in daemon.lines("crashed")]
        allow_files(daemon.pid, 1024)
        await goes_on(daemon, rows)


async def test_a_thousand_idle_connections_end_nothing(start: Starter, dsn: str, rows: Rows) -> None:
    async with serving(start, dsn) as daemon:
        allow_files(daemon.pid, 200)
        pairs = [await asyncio.open_connection("127.0.0.1", daemon.port) for _ in range(1000)]
        assert open_files(daemon.pid) < 150
        assert (await daemon.answer("/health"))[0] == 200
        assert json.loads((await daemon.answer("/api/status"))[1])["error"] is None
        await goes_on(daemon, rows)
        for _, writer in pairs:
            writer.close()
        assert daemon.count("crashed") == 0


async def test_a_log_that_cannot_be_written_ends_nothing(start: Starter, dsn: str, rows: Rows) -> None:
    async with sandboxed(dsn, tiny(2)) as setup:
        config, port = configured(start.folder, setup.url, dsn, tiny(2), schedule(1, 1, 1))
        running = start.program("/bin/sh", "-c", f'exec "$0" serve -c {config} > /dev/full', COMMAND)
        daemon = Daemon(running, port)
        await ready(daemon)
        await until(
            lambda: len(rows("SELECT id FROM etl_sync_log WHERE sync_status = 'success'")) > 18, 40, "it does nothing"
        )
        await goes_on(daemon, rows)
