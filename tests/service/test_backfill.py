"""Days read again on demand: everything that touches them, and nothing else."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest

from breezeway_sync.core.errors import BreezewaySyncError
from breezeway_sync.core.outcome import FAILED, PARTIAL, SUCCESS
from breezeway_sync.entities.catalog.reservations import RESERVATIONS
from breezeway_sync.entities.catalog.tasks import TASKS
from breezeway_sync.entities.checkpoints import Days
from breezeway_sync.sandbox.account import SandboxAccount
from breezeway_sync.sandbox.spec import Kind, resized
from breezeway_sync.service.backfill import choose_dated, estimate
from breezeway_sync.service.runner import RunRequest
from breezeway_sync.sync.scans import backfill_scan
from tests.conftest import Rows
from tests.helpers import Later, Setup, outcome, sandboxed, tiny

BOTH = ("reservations", "tasks")
KINDS: tuple[Kind, ...] = ("reservations", "tasks")
SIZE = resized(tiny()[0], properties=5, tasks_per_property=20, reservations_per_property=12)


def days_of(account: SandboxAccount) -> Days:
    """Some weeks in the middle of what is planned, long enough ago that no ordinary reading looks at them."""
    planned = sorted(task["scheduled_date"] for task in account.records("tasks") if task["scheduled_date"])
    since = date.fromisoformat(planned[len(planned) // 4])
    return Days(since, since + timedelta(days=60))


def within(account: SandboxAccount, days: Days) -> dict[str, set[int]]:
    """The records of these days, by going through all of them."""
    first, last = str(days.since), str(days.until)
    return {
        "tasks": {one["id"] for one in account.records("tasks") if first <= (one["scheduled_date"] or "") <= last},
        "reservations": {
            one["id"]
            for one in account.records("reservations")
            if one["checkin_date"] <= last and one["checkout_date"] >= first
        },
    }


async def backfill(setup: Setup, days: Days, entity: str | None = None, **request: Any) -> Any:
    from breezeway_sync.service import runner

    expected = RunRequest(("nashville",), (entity,) if entity else BOTH, backfill=days, **request)
    return await runner.run(setup.settings, expected, emit=setup.events.append)


def spoil(rows: Rows) -> None:
    """Make every stored record look other than it is, so that whatever is read again shows."""
    rows("UPDATE tasks SET payload_hash = ''::bytea, task_name = 'spoiled'")
    rows("UPDATE reservations SET payload_hash = ''::bytea, note = 'spoiled'")
    rows("UPDATE task_comments SET comment = 'spoiled'")


def healed(rows: Rows) -> dict[str, set[int]]:
    return {
        "tasks": {one["task_id"] for one in rows("SELECT task_id FROM tasks WHERE task_name <> 'spoiled'")},
        "reservations": {
            one["reservation_id"]
            for one in rows("SELECT reservation_id FROM reservations WHERE note IS DISTINCT FROM 'spoiled'")
        },
    }


async def test_what_touches_the_days_is_read_again_and_nothing_else(dsn: str, rows: Rows) -> None:
    async with sandboxed(dsn, [SIZE], page_size=7) as setup:
        await setup.run()
        account = setup.world.account("nashville")
        days = days_of(account)
        expected = within(account, days)
        assert all(0 < len(expected[kind]) < sum(1 for _ in account.records(kind)) for kind in KINDS)
        successes = (
            "SELECT region_code, entity_type, last_successful_sync_at, sync_status FROM v_sync_status ORDER BY 1, 2"
        )
        before = rows("SELECT * FROM checkpoints ORDER BY 1, 2, 3"), rows(successes)
        cost = await estimate(setup.settings, RunRequest(("nashville",), BOTH), days)
        spoil(rows)
        calls = setup.stats.total - setup.stats.token_calls
        report = await backfill(setup, days)
        calls = setup.stats.total - setup.stats.token_calls - calls
        assert {one.entity: one.status for one in report.outcomes} == dict.fromkeys(BOTH, SUCCESS)
        assert healed(rows) == expected
        assert cost.calls == calls
        assert cost.child_calls == 2 * len(expected["tasks"])
        comments = "SELECT t.task_id FROM task_comments c JOIN tasks t ON t.id = c.task_pk WHERE c.comment = 'spoiled'"
        assert not {row["task_id"] for row in rows(comments)} & expected["tasks"]
        assert rows(comments)
        # It makes nothing look fresher, and leaves nothing behind.
        assert rows("SELECT * FROM checkpoints ORDER BY 1, 2, 3") == before[0]
        assert rows(successes) == before[1]
        assert {row["entity_type"] for row in rows("SELECT entity_type FROM etl_sync_log WHERE id > 9")} == {
            "reservations backfill", "tasks backfill"
        }  # fmt: skip
        assert rows("SELECT * FROM backfills") == []
        # Asked for again it is read again: comments of tasks that did not change as well.
        rows("UPDATE task_comments SET comment = 'spoiled'")
        again = await backfill(setup, days)
        assert sum(one.calls for one in again.outcomes) == cost.calls
        assert {one.updated for one in again.outcomes} == {0}
        assert not {row["task_id"] for row in rows(comments)} & expected["tasks"]


def test_days_take_the_place_of_what_goes_with_every_call() -> None:
    planned = backfill_scan(Days(date(2026, 1, 5), date(2026, 2, 3)))
    (stays,), (tasks,) = RESERVATIONS.sources, TASKS.sources
    assert planned.narrowed([("company_id", "4"), *stays.always], stays) == [
        ("company_id", "4"), ("checkin_date_le", "2026-02-03"), ("checkout_date_ge", "2026-01-05")
    ]  # fmt: skip
    assert planned.narrowed([("home_id", "7")], tasks) == [
        ("home_id", "7"),
        ("scheduled_date", "2026-01-05,2026-02-03"),
    ]


async def test_cut_off_it_repeats_no_list_that_was_read_whole(dsn: str, rows: Rows) -> None:
    async with sandboxed(dsn, [SIZE], page_size=7, max_in_flight=1) as setup:
        await setup.run()
        account = setup.world.account("nashville")
        days = days_of(account)
        expected = within(account, days)
        spoil(rows)
        setup.faults.add("422", path=r"/reservation\?", skip=2)
        report = await backfill(setup, days, "reservations")
        assert outcome(report, "reservations").status in (PARTIAL, FAILED)
        # Half of a list proves nothing: it is read anew.
        assert rows("SELECT * FROM backfills") == []
        setup.faults.clear()
        before = setup.stats.of("nashville", "/reservation")
        cost = await estimate(setup.settings, RunRequest(("nashville",), ("reservations",)), days)
        assert outcome(await backfill(setup, days, "reservations"), "reservations").status == SUCCESS
        assert setup.stats.of("nashville", "/reservation") - before == cost.calls
        assert cost.calls == 2 * (len(expected["reservations"]) // 7 + 1)
        assert healed(rows)["reservations"] == expected["reservations"]

        first, *others = sorted({task["home_id"] for task in account.records("tasks")})
        setup.faults.add("422", path=rf"/task/\?.*home_id={first}\b")
        assert outcome(await backfill(setup, days, "tasks"), "tasks").status == PARTIAL
        over = {row["parent_id"] for row in rows("SELECT parent_id FROM backfills")}
        assert over >= set(others)
        setup.faults.clear()
        before = setup.stats.of("nashville", "/task")
        assert outcome(await backfill(setup, days, "tasks"), "tasks").status == SUCCESS
        mine = {task["id"] for task in account.records("tasks") if task["home_id"] == first} & expected["tasks"]
        assert setup.stats.of("nashville", "/task") - before == len(mine) // 7 + 1
        assert healed(rows)["tasks"] == expected["tasks"]


@pytest.mark.parametrize("times", [1, 2])
async def test_a_list_that_was_cut_short_is_read_again(dsn: str, rows: Rows, times: int) -> None:
    """At once, and where it is cut short twice by the next run."""
    async with sandboxed(dsn, [SIZE], page_size=7, max_in_flight=1) as setup:
        await setup.run()
        account = setup.world.account("nashville")
        days = days_of(account)
        spoil(rows)
        setup.faults.add("blank", path=r"/reservation\?.*page=2", times=times)
        first = outcome(await backfill(setup, days, "reservations"), "reservations")
        if times == 2:
            assert first.status == PARTIAL
            assert "the next run reads it again" in (first.error or "")
        assert outcome(await backfill(setup, days, "reservations"), "reservations").status == SUCCESS
        assert healed(rows)["reservations"] == within(account, days)["reservations"]


async def test_what_it_does_not_show_is_asked_for_and_deleted_only_when_proven(dsn: str, rows: Rows) -> None:
    async with sandboxed(dsn, [SIZE]) as setup:
        await setup.run()
        account = setup.world.account("nashville")
        days = days_of(account)
        edge = {str(days.since), str(days.until)}
        inside = [key for key in sorted(within(account, days)["tasks"])
                  if account.get("tasks", key)["scheduled_date"] not in edge]  # fmt: skip
        hidden, gone = inside[0], inside[1]
        account.hide("tasks", hidden)
        account.delete("tasks", gone)
        for _ in range(2):
            await backfill(setup, days, "tasks")
        assert rows("SELECT task_id FROM tasks WHERE deleted_at IS NOT NULL") == [{"task_id": gone}]
        assert rows("SELECT record_id, state FROM missing_records") == [{"record_id": hidden, "state": "hidden"}]


async def test_an_old_attempt_does_not_count(dsn: str, rows: Rows) -> None:
    async with sandboxed(dsn, [SIZE]) as setup:
        await setup.run()
        days = days_of(setup.world.account("nashville"))
        rows("INSERT INTO backfills SELECT 'nashville', 'tasks', property_id, %s, %s, now() "
             "FROM properties", days.since, days.until)  # fmt: skip
        request = RunRequest(("nashville",), ("tasks",))
        assert (await estimate(setup.settings, request, days)).calls == 0
        # Eight days ago, or begun by a clock that was wrong.
        for wrong in (8, -1):
            assert (await estimate(setup.settings, request, days, Later(wrong))).list_calls == SIZE.properties


async def test_before_the_first_run_it_says_what_to_do(dsn: str, rows: Rows) -> None:
    async with sandboxed(dsn, tiny()) as setup:
        report = await backfill(setup, Days(date(2026, 1, 1), date(2026, 1, 31)), "tasks")
        assert outcome(report, "tasks").status == FAILED
        assert "`breezeway-sync run nashville`" in (outcome(report, "tasks").error or "")
        assert rows("SELECT * FROM properties") == []


async def test_only_two_entities_have_days(dsn: str) -> None:
    async with sandboxed(dsn, tiny()) as setup:
        assert choose_dated(setup.settings, "all") == BOTH
        assert choose_dated(setup.settings, "tasks") == ("tasks",)
        for name in ("people", "properties", "nothing"):
            with pytest.raises(BreezewaySyncError, match=r"Known are: reservations, tasks, or all"):
                choose_dated(setup.settings, name)
