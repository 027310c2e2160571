"""Memory or threads that are missing where a job begins cost that job: the service goes on, the job comes again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import pytest

from breezeway_sync.core.clock import SystemClock
from breezeway_sync.core.events import (
    ConfigurationReloaded,
    Crashed,
    CycleFinished,
    DatabaseBack,
    DatabaseLost,
    Event,
)
from breezeway_sync.core.outcome import FAILED, SUCCESS
from breezeway_sync.core.retry import RetryPolicy
from breezeway_sync.core.waiting import begin
from breezeway_sync.ops.health import judge
from breezeway_sync.service import account_runner, alerting, daemon, idle_tasks, runner, worker
from breezeway_sync.service.access import context, tell_nobody
from breezeway_sync.service.account_runner import CycleRequest, CycleResult
from breezeway_sync.service.accounts import Account, credentials_of, group
from breezeway_sync.service.alerting import Alerting
from breezeway_sync.service.daemon import Daemon
from breezeway_sync.service.notify import Notifier
from breezeway_sync.service.observatory import Observatory
from breezeway_sync.service.runner import open_database
from breezeway_sync.service.settings import Settings
from breezeway_sync.service.timer import Timer
from breezeway_sync.service.worker import Worker, WorkerPool
from breezeway_sync.store.status import Status
from tests.api.virtual_time import run
from tests.conftest import Rows
from tests.daemon.test_worker import ACCOUNT, DAILY, HOURLY, Shop, played
from tests.helpers import sandboxed, tiny
from tests.lacks import KINDS, lack, once
from tests.store.test_sqlstates import refuse_new_tables

WITHIN = 40.0


class Heard(list[Event]):
    """Events, and a way to wait for them."""

    def __init__(self) -> None:
        super().__init__()
        self._news = asyncio.Event()

    def __call__(self, event: Event) -> None:
        self.append(event)
        self._news.set()

    async def until(self, is_so: Callable[[Event], bool]) -> None:
        async with asyncio.timeout(WITHIN):
            while not any(is_so(event) for event in self):
                self._news.clear()
                await self._news.wait()


def crashed(events: list[Event]) -> list[tuple[str, str, str]]:
    return [(one.region, one.entity, one.error) for one in events if isinstance(one, Crashed)]


# --- an account ------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seam", ["access", "read_settings", "loader_of"])
async def test_an_account_that_cannot_begin_costs_its_regions(
    seam: str, kind: str, dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with sandboxed(dsn, tiny(2)) as setup:
        once(monkeypatch, account_runner, seam, kind)
        report = await setup.run(entity="people")
        (failed,) = [one for one in report.outcomes if one.status == FAILED]
        (read,) = {one.region for one in report.outcomes if one.status == SUCCESS}
        assert read != failed.region
        assert (failed.error_code, failed.is_passing) == ("out_of_resources", True)
        assert len(crashed(setup.events)) == 1
        again = await setup.run(entity="people")  # the account was given back
        assert {one.status for one in again.outcomes} == {SUCCESS}


@pytest.mark.parametrize("kind", KINDS)
def test_a_cycle_that_cannot_begin_is_tried_again_soon(kind: str) -> None:
    shop = Shop()
    shop.results = [lack(kind)]

    async def scene(worker: Worker, shop: Shop, _events: list[Event]) -> None:
        worker.due(DAILY)
        await asyncio.sleep(1800)
        assert shop.asked == [{"austin": ("tags", "people")}] * 2

    assert [(region, entity) for region, entity, _ in crashed(played(scene, shop))] == [("austin", "all")]


@pytest.mark.parametrize("seam", ["PendingReadTime", "merged", "CycleRequest"])
def test_a_worker_outlives_what_it_lacks(seam: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene(made: Worker, shop: Shop, _events: list[Event]) -> None:
        left = once(monkeypatch, worker, seam)
        made.due(HOURLY)
        await asyncio.sleep(100)
        assert not left
        made.due(HOURLY)
        await asyncio.sleep(100)
        assert shop.asked

    assert len(crashed(played(scene, Shop()))) == 1


def test_accounts_that_cannot_be_renewed_are_worked_as_they_are() -> None:
    shop = Shop()
    heard: list[Event] = []

    async def renew() -> None:
        raise MemoryError

    async def main() -> None:
        made = Worker(ACCOUNT, shop.work, heard.append, renew)
        task = asyncio.create_task(made.run())
        made.due(HOURLY)
        await asyncio.sleep(100)
        made.drain()
        await task

    run(main())
    assert len(shop.asked) == 1
    assert crashed(heard) == [("austin, smoky", "accounts", "MemoryError")]


def test_an_account_without_a_task_is_employed_at_the_next_look(monkeypatch: pytest.MonkeyPatch) -> None:
    shop = Shop()

    async def main() -> None:
        worker_pool = WorkerPool(shop.work, lambda _: None)
        left = once(monkeypatch, asyncio, "create_task")
        with pytest.raises(MemoryError):
            worker_pool.assign([ACCOUNT])
        assert not left
        assert worker_pool.of("austin") is None
        worker_pool.assign([ACCOUNT])
        employed = worker_pool.of("austin")
        assert employed is not None
        employed.due(HOURLY)
        await asyncio.sleep(100)
        worker_pool.drain()
        await asyncio.gather(*worker_pool.tasks)

    run(main())
    assert len(shop.asked) == 1


def test_what_is_done_aside_without_a_task_leaves_the_worker_idle(monkeypatch: pytest.MonkeyPatch) -> None:
    async def nothing(_account: Account) -> None:
        raise AssertionError("unreachable: it has no task")

    async def scene(made: Worker, _shop: Shop, _events: list[Event]) -> None:
        await asyncio.sleep(1)
        once(monkeypatch, asyncio, "create_task")
        with pytest.raises(MemoryError):
            made.idle_task(nothing)
        assert made.is_idle

    played(scene, Shop())


async def test_one_accounts_token_costs_no_other_its_own(dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    events: list[Event] = []

    async def unused(_account: Account, _order: CycleRequest) -> CycleResult:
        raise AssertionError("unreachable: nothing is due")

    async with sandboxed(dsn, tiny(2)) as setup, open_database(setup.settings) as database:
        await runner.save_regions(setup.settings, database)
        async with context(setup.settings, database, emit=events.append, tell=tell_nobody) as use:
            worker_pool = WorkerPool(unused, events.append)
            worker_pool.assign(group(setup.settings, credentials_of(setup.settings, {})))
            once(monkeypatch, idle_tasks, "access")
            await idle_tasks.renew_tokens(worker_pool, use)
            assert len([one for one in await Status(database).tokens() if one.expires_at]) == 1
            await idle_tasks.renew_tokens(worker_pool, use)
            assert len([one for one in await Status(database).tokens() if one.expires_at]) == 2
            worker_pool.drain()
            await asyncio.gather(*worker_pool.tasks)
    assert [one[1:] for one in crashed(events)] == [("tokens", "MemoryError")]


# --- the timer -------------------------------------------------------------------------------------


async def ticking(timer: Timer, times: int, work: Callable[[], Any] = lambda: None) -> None:
    """A job every 20 ms, until it began so often."""
    reached, count = asyncio.Event(), 0

    async def tick() -> None:
        nonlocal count
        count += 1
        if count >= times:
            reached.set()
        work()

    timer.every(0.02, "tick", tick, datetime.now(UTC))
    timer.start()
    async with asyncio.timeout(WITHIN):
        await reached.wait()
    timer.shutdown(wait=False)


async def test_a_job_that_fails_is_told_and_comes_again() -> None:
    events: list[Event] = []
    left = [lack("memory"), lack("thread")]

    def fail() -> None:
        if left:
            raise left.pop()

    await ticking(Timer(events.append), 4, fail)
    assert crashed(events) == [("", "tick", "RuntimeError"), ("", "tick", "MemoryError")]


async def test_a_look_at_the_jobs_that_fails_is_not_the_last(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("breezeway_sync.service.timer.REST_SECONDS", 0.01)
    events: list[Event] = []
    timer = Timer(events.append)
    left = once(monkeypatch, timer, "_dispatch_event", only=lambda event: hasattr(event, "scheduled_run_times"))
    await ticking(timer, 3)
    assert not left
    assert crashed(events) == [("", "timer", "MemoryError")]


# --- the service -----------------------------------------------------------------------------------


@asynccontextmanager
async def served(settings: Settings) -> AsyncIterator[tuple[Daemon, Heard]]:
    """A daemon in this process; ended as by SIGTERM."""
    heard, clock = Heard(), SystemClock()
    made: list[Daemon] = []
    observatory = Observatory(settings, clock, is_busy=lambda: any(one.is_busy() for one in made))
    observatory.listen(heard)
    serving = Daemon(settings, lambda: settings, observatory, Notifier(), clock)
    made.append(serving)
    task = asyncio.create_task(serving.run())
    try:
        yield serving, heard
        assert not task.done(), task
    finally:
        serving.stop()
        await asyncio.wait_for(task, WITHIN)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("owner", "name"),
    [(daemon, "open_database"), (daemon, "ensure_schema"), (Daemon, "_plan"), (Alerting, "open"), (alerting, "begin")],
)
async def test_a_service_that_cannot_begin_tries_again(
    owner: object, name: str, kind: str, dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if name == "begin":  # of the alerter's task
        monkeypatch.setattr(alerting, "begin", close_and_fail_once(kind, begin))
    else:
        once(monkeypatch, owner, name, kind)
    async with sandboxed(dsn, tiny()) as setup, served(setup.settings) as (serving, heard):
        await heard.until(lambda event: isinstance(event, CycleFinished) and event.status == SUCCESS)
        assert serving.alerting.is_running
        assert [entity for _, entity, _ in crashed(heard)] == ["start"]


def close_and_fail_once(kind: str, real: Callable[..., Any]) -> Callable[..., Any]:
    """`begin` as it is without memory for a task: what it was given is closed."""
    left = [lack(kind)]

    def lacking(work: Any, name: str | None = None) -> Any:
        if left:
            work.close()
            raise left.pop()
        return real(work, name)

    return lacking


@pytest.mark.parametrize("seam", ["save_regions", "stored_credentials", "timetable"])
async def test_a_reload_that_lacks_memory_is_made_again(seam: str, dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(daemon, "DATABASE_RETRIES", RetryPolicy(first_seconds=0.1, longest_seconds=0.1))
    async with sandboxed(dsn, tiny()) as setup, served(setup.settings) as (serving, heard):
        await heard.until(lambda event: isinstance(event, CycleFinished))
        left = once(monkeypatch, daemon, seam)
        serving.reload()
        await heard.until(lambda event: isinstance(event, ConfigurationReloaded) and event.error is not None)
        await heard.until(lambda event: isinstance(event, ConfigurationReloaded) and event.error is None)
        assert not left
        assert crashed(heard) == []


async def test_a_full_disk_is_a_lost_database_until_there_is_room(dsn: str, rows: Rows) -> None:
    refuse_new_tables(rows)
    async with sandboxed(dsn, tiny()) as setup, served(setup.settings) as (serving, heard):
        await heard.until(lambda event: isinstance(event, CycleFinished) and event.status == FAILED)
        await heard.until(lambda event: isinstance(event, DatabaseLost) and "no room" in event.reason)
        judgement = judge(serving.observatory.facts())
        assert (judgement.live, judgement.ready) == (True, False)
        assert "Make room" in judgement.reasons[0]
        rows("DROP EVENT TRIGGER no_room")
        await heard.until(lambda event: isinstance(event, DatabaseBack))
        assert judge(serving.observatory.facts()).ready
        await heard.until(lambda event: isinstance(event, CycleFinished) and event.status == SUCCESS)
        assert len([one for one in heard if isinstance(one, DatabaseLost)]) == 1
        assert crashed(heard) == []
    assert rows("SELECT count(*) > 0 AS some FROM tasks") == [{"some": True}]
