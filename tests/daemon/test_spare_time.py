"""Comparisons of the daemon: begun where nobody reads the account, ended by whatever becomes due."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from breezeway_sync.core.events import Crashed, CycleSkipped, VerificationFinished
from breezeway_sync.core.verification import Class
from breezeway_sync.entities.streams import NAMES
from breezeway_sync.service.access import RunContext, context, tell_nobody
from breezeway_sync.service.account_runner import AccountRunner, CycleRequest, CycleResult
from breezeway_sync.service.accounts import Account, credentials_of, group
from breezeway_sync.service.idle_tasks import compare_next
from breezeway_sync.service.runner import open_database
from breezeway_sync.service.schedule import ScheduleEntry
from breezeway_sync.service.worker import WorkerPool
from breezeway_sync.store.retention import prune
from breezeway_sync.store.status import Status
from tests.cli.support import Starter
from tests.conftest import Rows
from tests.daemon.support import configured, eventually, logged, nothing_is_open, ready, serve
from tests.helpers import Later, Setup, sandboxed, tiny


@asynccontextmanager
async def employed(
    setup: Setup, results: list[CycleResult], clock: Later
) -> AsyncIterator[tuple[WorkerPool, RunContext]]:
    """Workers of the sandbox's accounts; what their cycles come to is added to `results`."""
    settings, emit = setup.settings, setup.events.append
    async with (
        open_database(settings) as database,
        context(settings, database, emit=emit, tell=tell_nobody, clock=clock) as use,
    ):
        account_runner = AccountRunner(use)

        async def work(account: Account, order: CycleRequest) -> CycleResult:
            results.append(await account_runner.work(account, order))
            return results[-1]

        worker_pool = WorkerPool(work, emit)
        worker_pool.assign(group(settings, credentials_of(settings, {})))
        try:
            yield worker_pool, use
        finally:
            worker_pool.drain()
            await asyncio.gather(*worker_pool.tasks)


async def idle(worker_pool: WorkerPool) -> None:
    async def is_idle() -> bool:
        return all(worker.is_idle for worker in worker_pool.workers.values())

    await eventually(is_idle, 90, "the workers do not come to rest")


def compared(setup: Setup) -> list[str]:
    return [one.region for one in setup.events if isinstance(one, VerificationFinished)]


async def test_every_region_is_compared_once_a_day_one_after_the_other(dsn: str, rows: Rows) -> None:
    async with sandboxed(dsn, tiny(2)) as setup:
        async with employed(setup, [], Later()) as (worker_pool, use):
            await compare_next(worker_pool, use)  # nothing was read yet
            assert not worker_pool.is_idle_task
            await setup.run()
            regions = list(setup.settings.regions)
            for expected in (regions[:1], regions, regions):
                await compare_next(worker_pool, use)
                await compare_next(worker_pool, use)  # one at a time
                await idle(worker_pool)
                assert compared(setup) == [region for region in expected for _ in NAMES]
            rows("UPDATE tasks SET task_name = 'x'")
        async with employed(setup, [], Later(1)) as (worker_pool, use):
            await compare_next(worker_pool, use)
            await idle(worker_pool)
            again = compared(setup)[len(NAMES) * 2 :]
            assert len(again) == len(NAMES)
            states = {
                (one.region, one.entity): one for one in await Status(use.database).verifications(use.clock.now())
            }
    failed = states[again[0], "tasks"]
    assert failed.differences["wrong"] > 0
    assert len(states) == 2 * len(NAMES)
    assert {one.result for key, one in states.items() if key != (again[0], "tasks")} == {"proved"}


async def test_a_due_line_ends_a_comparison_that_leaves_no_certificate(dsn: str, rows: Rows) -> None:
    results: list[CycleResult] = []
    async with sandboxed(dsn) as setup:
        await setup.run()
        async with employed(setup, results, Later()) as (worker_pool, use):
            slow = setup.faults.add("slow", path=r"/property(\?|$)", delay=60)
            await compare_next(worker_pool, use)

            async def is_waiting() -> bool:
                return slow.hits > 0

            await eventually(is_waiting, 20, "the comparison asks nothing")
            (worker,) = worker_pool.workers.values()
            setup.faults.clear()
            assert worker.due(ScheduleEntry("nashville", "hourly", 3600.0, ("properties",)))
            await idle(worker_pool)
            (result,) = results
            assert result.locked is None
            assert [(one.entity, one.status) for one in result.outcomes] == [("properties", "success")]
            names = {row["entity_type"] for row in rows("SELECT entity_type FROM verification_results")}
            assert "properties" not in names
            await compare_next(worker_pool, use)  # it is still due
            await idle(worker_pool)
    assert not [one for one in setup.events if isinstance(one, CycleSkipped | Crashed)]
    found = rows("SELECT entity_type, result FROM verification_results")
    assert sorted(row["entity_type"] for row in found) == sorted(NAMES)
    assert {row["result"] for row in found} == {"proved"}
    assert rows("SELECT account FROM account_leases WHERE owner IS NOT NULL") == []


async def test_old_certificates_are_forgotten_but_for_the_newest(dsn: str, rows: Rows) -> None:
    async with sandboxed(dsn) as setup:
        await setup.run()
        async with employed(setup, [], Later()) as (worker_pool, use):
            await compare_next(worker_pool, use)
            await idle(worker_pool)
            rows("UPDATE verification_results SET started_at = started_at - interval '91 days'")
            assert await prune(use.database, 90, 0) == 0
            await compare_next(worker_pool, use)
            await idle(worker_pool)
            assert await prune(use.database, 90, 0) == len(NAMES)
    assert rows("SELECT count(*) AS n FROM verification_results") == [{"n": len(NAMES)}]


@pytest.mark.process
@pytest.mark.timeout(120)
async def test_the_daemon_compares_by_itself(dsn: str, rows: Rows, start: Starter) -> None:
    accounts = tiny(1)
    async with sandboxed(dsn, accounts) as setup:
        config, port = configured(start.folder / "own", setup.url, dsn, accounts, "[schedule]\nspread_seconds = 0")
        daemon = serve(start, config, port)
        await ready(daemon)
        await logged(daemon, "verification_finished", len(NAMES))

        async def is_measured() -> bool:
            name = "breezeway_sync_last_verification_timestamp_seconds"
            return sum(key == name for key, _ in await daemon.metrics()) == len(NAMES)

        await eventually(is_measured, 30, "the metrics do not tell of the comparisons")
        differences = {key[1]: value for key, value in (await daemon.metrics()).items() if "verify_differ" in key[0]}
        daemon.running.send(signal.SIGTERM)
        await daemon.running.end()
    assert {line["result"] for line in daemon.lines("verification_finished")} == {"proved"}
    assert len(differences) == len(NAMES) * len(Class)
    assert set(differences.values()) == {0}
    nothing_is_open(rows)
