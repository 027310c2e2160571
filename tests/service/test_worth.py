"""What matters first is read first: runs that are cut short have done what is near today."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

import pytest

from breezeway_sync.core.outcome import PARTIAL
from breezeway_sync.entities.streams import BY_NAME
from breezeway_sync.sandbox.account import SandboxAccount
from breezeway_sync.sandbox.spec import resized
from breezeway_sync.store.database import Database
from breezeway_sync.store.sync_state import SyncStateStore
from tests.conftest import Rows
from tests.helpers import Setup, outcome, sandboxed, tiny

SPEC = resized(tiny()[0], properties=20, tasks_per_property=8, reservations_per_property=8)
HOUR_SECONDS = 3600.0


@dataclass(frozen=True)
class DayOf:
    """A clock on a day; its monotonic part leaps by a day when `is_late`."""

    day: date
    is_late: Callable[[], bool] = lambda: False
    began: float = field(default_factory=time.monotonic)

    def now(self) -> datetime:
        noon = datetime(self.day.year, self.day.month, self.day.day, 12, tzinfo=UTC)
        return noon + timedelta(seconds=time.monotonic() - self.began)

    def monotonic(self) -> float:
        return time.monotonic() + 24 * HOUR_SECONDS * self.is_late()


def in_small_batches(setup: Setup) -> None:
    sync = setup.settings.sync.model_copy(update={"batch_rows": 1, "flush_seconds": 0.001, "max_minutes": 60.0})
    setup.settings = setup.settings.model_copy(update={"sync": sync})


def by_worth(account: SandboxAccount, today: date) -> list[int]:
    """Every property, those where somebody comes or goes today before those of tomorrow and all others."""
    stays: dict[int, set[str]] = {}
    for one in account.records("reservations"):
        stays.setdefault(one["property_id"], set()).update((one["checkin_date"], one["checkout_date"]))

    def rank(property_id: int) -> int:
        days = stays.get(property_id, set())
        return next((n for n in (0, 1) if (today + timedelta(days=n)).isoformat() in days), 2)

    return sorted(account.ids("properties"), key=lambda one: (rank(one), one))


async def test_tasks_of_properties_with_arrivals_and_departures_come_first(dsn: str, rows: Rows) -> None:
    async with sandboxed(dsn, [SPEC], max_in_flight=1) as setup:
        in_small_batches(setup)
        account, today = setup.world.account("nashville"), setup.world.anchor
        clock = DayOf(today)
        for entity in ("properties", "reservations"):
            await setup.run(entity=entity, clock=clock)
        setup.stats.reset()
        run = asyncio.create_task(setup.run(entity="tasks", clock=clock))
        while setup.stats.of(None, "/task") < 10 and not run.done():  # noqa: ASYNC110 - it tells nobody
            await asyncio.sleep(0)
        run.cancel()
        await asyncio.gather(run, return_exceptions=True)
    read = {
        one["parent_id"] for one in rows("SELECT parent_id FROM checkpoints WHERE source = 'tasks' AND parent_id > 0")
    }
    expected = by_worth(account, today)
    assert 5 <= len(read) < len(expected)
    assert read == set(expected[: len(read)])
    assert read != set(sorted(expected)[: len(read)])


async def test_owed_calls_of_tasks_around_today_are_made_before_the_time_is_over(dsn: str, rows: Rows) -> None:
    async with sandboxed(dsn, [SPEC], max_in_flight=4) as setup:
        in_small_batches(setup)
        account, today = setup.world.account("nashville"), setup.world.anchor
        days = [(today + timedelta(days=n)).isoformat() for n in (-1, 0, 1)]
        for number, key in enumerate(sorted(account.ids("tasks"))[:60:12]):
            account.patch("tasks", key, scheduled_date=days[number % 3])
        near = {one["id"] for one in account.records("tasks") if one["scheduled_date"] in days}
        newest = max(account.ids("tasks"))
        assert 5 <= len(near) < 20
        assert newest not in near

        def made() -> int:
            return sum(setup.stats.of(None, f"/task/{{id}}/{name}") for name in ("comments", "requirements"))

        clock = DayOf(today, lambda: made() >= 2 * len(near) + 4)
        report = await setup.run(clock=clock)
        assert 2 * len(near) <= made() <= 2 * len(near) + 8
    pending_reads = [one["parent_id"] for one in rows("SELECT parent_id FROM pending_child_reads")]
    assert outcome(report, "tasks").status == PARTIAL
    assert len(pending_reads) == 2 * account.count("tasks") - made()
    assert not near & set(pending_reads)
    assert newest not in pending_reads


@pytest.mark.parametrize(
    ("query", "arguments", "index"),
    [
        (
            "property_ids",
            ["date '2026-11-20'"],
            {"reservations_region_code_checkin", "reservations_region_code_checkout"},
        ),
        (
            "pending_parents_near",
            ["'task_comments'", "9223372036854775807", "500", "date '2026-11-20'"],
            {"tasks_region_code_sched"},
        ),
    ],
)
async def test_it_costs_no_more_in_a_large_mirror(
    database: Database, rows: Rows, query: str, arguments: list[str], index: set[str]
) -> None:
    """Of the large tables only the days asked for are read."""
    rows("INSERT INTO regions (region_code, region_name) VALUES ('a', 'a'), ('b', 'b')")
    rows("INSERT INTO properties (region_code, property_id) SELECT 'a', n FROM generate_series(1, 200) n")
    rows(
        "INSERT INTO reservations (region_code, reservation_id, property_id, checkin_date, checkout_date) SELECT r, n, "
        "n % 200, date '2024-01-01' + n % 1500, date '2024-01-04' + n % 1500 "
        "FROM unnest(ARRAY['a', 'b']) r, generate_series(1, 20000) n"
    )
    rows(
        "INSERT INTO tasks (region_code, task_id, scheduled_date) SELECT r, n, date '2024-01-01' + n % 1500 "
        "FROM unnest(ARRAY['a', 'b']) r, generate_series(1, 20000) n"
    )
    rows(
        "INSERT INTO pending_child_reads SELECT region_code, source, task_id, 1 FROM tasks, "
        "unnest(ARRAY['task_comments', 'task_requirements']) source"
    )
    for table in ("reservations", "tasks", "pending_child_reads", "properties"):
        rows(f"ANALYZE {table}")
    statement = database.query(query, BY_NAME["tasks"])
    for number, value in reversed(list(enumerate(["'a'", *arguments], start=1))):
        statement = statement.replace(f"${number}", value)
    plan = "\n".join(row["QUERY PLAN"] for row in rows(f"EXPLAIN {statement}"))
    assert all(name in plan for name in index), plan
    assert "Seq Scan on reservations" not in plan
    assert "Seq Scan on tasks" not in plan
    assert "Seq Scan on pending_child_reads" not in plan


async def test_the_order_goes_by_the_regions_own_live_stays_and_the_day_given(database: Database, rows: Rows) -> None:
    rows("INSERT INTO regions (region_code, region_name) VALUES ('a', 'a'), ('b', 'b')")
    rows(
        "INSERT INTO properties (region_code, property_id) "
        "SELECT r, n FROM unnest(ARRAY['a', 'b']) r, generate_series(1, 7) n"
    )
    rows("UPDATE properties SET deleted_at = now() WHERE property_id = 6")
    for region, property_id, begins, ends, gone in (
        ("a", 7, "2026-11-18", "2026-11-20", None),
        ("a", 5, "2026-11-21", "2026-11-25", None),
        ("a", 5, "2026-11-14", "2026-11-20", None),
        ("a", 4, "2026-11-21", "2026-11-22", None),
        ("a", 3, "2026-11-19", "2026-11-22", None),
        ("a", 6, "2026-11-20", "2026-11-22", None),
        ("a", 2, "2026-11-20", "2026-11-21", "2026-11-01"),
        ("b", 1, "2026-11-20", "2026-11-21", None),
    ):
        rows(
            "INSERT INTO reservations "
            "(region_code, reservation_id, property_id, checkin_date, checkout_date, deleted_at) "
            "SELECT %s, count(*), %s, %s, %s, %s FROM reservations",
            *(region, property_id, begins, ends, gone),
        )
    sync_state = SyncStateStore(database)
    assert await sync_state.property_ids("a", date(2026, 11, 20)) == [5, 7, 4, 1, 2, 3]
    assert await sync_state.property_ids("a", date(2026, 11, 22)) == [3, 4, 1, 2, 5, 7]
    assert await sync_state.property_ids("b", date(2026, 11, 21)) == [1, 2, 3, 4, 5, 7]
