"""kill -9 at any moment of a daemon's life: the next one goes on."""

from __future__ import annotations

import random
import signal

import pytest

from breezeway_sync.sandbox.drift import drift
from breezeway_sync.sandbox.spec import resized
from tests.cli.support import Starter, until
from tests.conftest import Rows
from tests.daemon.support import (
    Daemon,
    configured,
    eventually,
    ids_differ,
    logged,
    nothing_is_half_written,
    nothing_is_open,
    schedule,
    serve,
)
from tests.helpers import Setup, sandboxed, tiny

pytestmark = [pytest.mark.process, pytest.mark.timeout(240)]

KILLS = 20
SEED = 8_558


async def killed_after(setup: Setup, daemon: Daemon, calls: int) -> None:
    """Let it make so many more calls, then kill it."""
    goal = setup.stats.total + calls
    await until(lambda: setup.stats.total >= goal, 30, "the daemon stands still")
    daemon.running.kill()


async def test_killed_twenty_times(start: Starter, dsn: str, rows: Rows) -> None:
    rng = random.Random(SEED)
    spec = resized(tiny()[0], tasks_per_property=20)
    async with sandboxed(dsn, [spec]) as setup:
        account = setup.world.account(spec.code)
        more = f"{schedule(0.5, 1, 1)}\n[sync]\nbatch_rows = 7\nflush_seconds = 0.05"
        config, port = configured(start.folder, setup.url, dsn, [spec], more)
        for _ in range(KILLS):
            daemon = serve(start, config, port)
            await killed_after(setup, daemon, rng.randint(1, 120))
            assert daemon.running.popen.returncode == -signal.SIGKILL
            nothing_is_half_written(rows, account)
            drift(account, 2)
        before = rows("SELECT max(id) AS id FROM etl_sync_log")[0]["id"]
        daemon = serve(start, config, port)

        async def follows() -> bool:
            return not ids_differ(rows, [account]) and rows("SELECT * FROM pending_child_reads") == []

        await logged(daemon, "cycle_finished", 3)
        await eventually(follows, 30, "the mirror does not follow")
        daemon.running.send(signal.SIGTERM)
        finished = await daemon.running.end(25)
    assert finished.code == 0, finished.err[-2000:]
    nothing_is_open(rows)
    nothing_is_half_written(rows, account)
    failed = rows("SELECT id, error_message FROM etl_sync_log WHERE sync_status = 'failed'")
    assert failed
    assert {one["error_message"] for one in failed if one["id"] <= before} == {"process ended"}
    assert {one["error_message"] for one in failed if one["id"] > before} <= {"stopped before it was asked for"}, failed
