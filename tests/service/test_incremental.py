"""Hourly runs read what changed and miss nothing; watermarks move with the data, and only after complete walks."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from breezeway_sync.core.outcome import PARTIAL, SUCCESS
from breezeway_sync.entities.catalog import ENTITIES
from breezeway_sync.sandbox.spec import resized
from breezeway_sync.service.runner import RunReport
from tests.conftest import Rows
from tests.helpers import Later, Setup, outcome, sandboxed, tiny

WALKS = (
    "SELECT source, parent_id, watermark, last_full_scan_at, last_window_scan_at FROM checkpoints WHERE "
    "source = %s ORDER BY 2"
)


async def test_a_stay_long_past_still_updates(dsn: str, rows: Rows) -> None:
    async with sandboxed(dsn, [resized(tiny()[0], reservations_per_property=150)]) as setup:
        await setup.run()
        account = setup.world.account("nashville")
        oldest = min(account.records("reservations"), key=lambda one: str(one["checkout_date"]))
        assert oldest["checkout_date"] < Later().now().date().isoformat()
        account.patch("reservations", oldest["id"], note="damage found")
        second = outcome(await setup.run(entity="reservations"), "reservations")
        pages = -(-account.count("reservations") // 100)
        assert (second.updated, second.calls) == (1, 1)
        assert second.read < pages * 100
        found = rows("SELECT note FROM reservations WHERE reservation_id = %s", oldest["id"])
    assert found == [{"note": "damage found"}]


async def test_an_hourly_run_reads_only_changed_tasks(dsn: str, rows: Rows) -> None:
    async with sandboxed(dsn) as setup:
        await setup.run()
        account = setup.world.account("nashville")
        key = min(account.ids("tasks"))
        account.patch("tasks", key, name="changed")
        second = outcome(await setup.run(entity="tasks", clock=Later(2)), "tasks")
        assert (second.updated, second.status) == (1, SUCCESS)
        # a list of changes and one of the days around today per property, and two calls for the changed task
        assert second.calls <= 2 * account.count("properties") + 2
        assert rows("SELECT task_name FROM tasks WHERE task_id = %s", key) == [{"task_name": "changed"}]


async def test_watermarks_do_not_move_when_a_walk_fails(dsn: str, rows: Rows) -> None:
    async with sandboxed(dsn, [resized(tiny()[0], reservations_per_property=150)]) as setup:
        await setup.run()
        before = rows(WALKS, "reservations")
        setup.faults.add("blank", path=r"/reservation\?.*page=2\b")
        report = await setup.run(entity="reservations", full=True)
        assert outcome(report, "reservations").status == PARTIAL
        cut = rows(WALKS, "reservations")
        assert [row["watermark"] for row in cut] == [row["watermark"] for row in before]
        setup.faults.clear()
        await setup.run(entity="reservations", full=True)
        healed = rows(WALKS, "reservations")
        assert healed[0]["watermark"] > before[0]["watermark"]


async def test_the_days_around_today_come_every_hour_and_everything_weekly(dsn: str, rows: Rows) -> None:
    """Of properties with tasks around today, and of stays; without any, what changed says as much."""
    async with sandboxed(dsn) as setup:
        await setup.run()
        busy = {
            row["home_id"] for row in rows("SELECT home_id FROM tasks WHERE abs(scheduled_date - now()::date) <= 13")
        }
        assert busy
        for hours, near_moves, whole_moves in (
            (0.4, False, False),
            (1.4, True, False),
            (2.4, True, False),
            (190, True, True),
        ):
            before = rows(WALKS, "tasks"), rows(WALKS, "reservations")
            for entity in ("reservations", "tasks"):
                await setup.run(entity=entity, clock=Later(hours / 24))
            for old, new in zip(
                [*before[0], *before[1]], [*rows(WALKS, "tasks"), *rows(WALKS, "reservations")], strict=True
            ):
                assert new["watermark"] > old["watermark"]
                if new["parent_id"] in busy or new["source"] == "reservations":
                    assert (new["last_window_scan_at"] > old["last_window_scan_at"]) == near_moves
                assert (new["last_full_scan_at"] > old["last_full_scan_at"]) == whole_moves


async def test_lists_without_totals_are_fresh_once_two_readings_agreed(dsn: str, rows: Rows) -> None:
    """The vendor's own example of stays has none."""
    async with sandboxed(dsn, [resized(tiny()[0], reservations_per_property=60)]) as setup:
        setup.options.omit_totals = True
        report = await setup.run()
        assert {one.status for one in report.outcomes} == {SUCCESS}
        count = setup.world.account("nashville").count("reservations")
        assert setup.stats.of("nashville", "/reservation") == 2 * (count // 100 + 1)
        assert rows("SELECT count(*) AS n FROM reservations") == [{"n": count}]
        (found,) = rows("SELECT as_of('nashville', 'reservations') AS at, min(watermark) AS began FROM checkpoints "
                        "WHERE source = 'reservations'")  # fmt: skip
        assert found["at"] == found["began"] is not None


@pytest.mark.parametrize("omit_totals", [True, False])
async def test_a_stay_that_slips_past_at_the_seam_of_two_pages_is_read(dsn: str, rows: Rows, omit_totals: bool) -> None:
    """One that was shown vanishes before page 2 is asked for, and another one is made: totals stay the same."""
    async with sandboxed(dsn, [resized(tiny()[0], reservations_per_property=60)]) as setup:
        await setup.run(entity="properties")
        account = setup.world.account("nashville")
        setup.options.omit_totals = omit_totals

        def slip(call: Any, answer: Any) -> None:
            if call.endpoint == "/reservation":
                setup.sandbox.on_answer = None
                oldest = min(account.ids("reservations"), key=lambda key: account.get("reservations", key)["id"])
                account.delete("reservations", oldest)

        setup.sandbox.on_answer = slip
        found = outcome(await setup.run(entity="reservations"), "reservations")
        assert found.status == SUCCESS
        live = {row["reservation_id"] for row in rows("SELECT reservation_id FROM reservations")}
        assert set(account.ids("reservations")) <= live
        assert rows("SELECT as_of('nashville', 'reservations') IS NOT NULL AS is_known") == [{"is_known": True}]


async def test_a_stay_of_tomorrow_that_the_api_has_no_more_goes_within_hours(dsn: str, rows: Rows) -> None:
    async with sandboxed(dsn) as setup:
        await setup.run()
        account, tomorrow = setup.world.account("nashville"), (Later().now() + timedelta(days=1)).date().isoformat()
        stay, kept = sorted(account.ids("reservations"))[:2]
        for key in (stay, kept):
            account.patch("reservations", key, checkin_date=tomorrow, checkout_date=tomorrow)
        await setup.run(entity="reservations", clock=Later(1 / 24))
        account.delete("reservations", stay)
        for hour in (2, 3):
            await setup.run(entity="reservations", clock=Later(hour / 24))
        gone = rows("SELECT reservation_id FROM reservations WHERE deleted_at IS NOT NULL")
    assert gone == [{"reservation_id": stay}]


async def test_a_full_run_after_an_interruption_reads_everything(dsn: str, rows: Rows) -> None:
    async with sandboxed(dsn) as setup:
        await setup.run()
        run = asyncio.create_task(setup.run(full=True))
        await _called(setup, setup.stats.total + 12, run)
        run.cancel()
        await asyncio.gather(run, return_exceptions=True)
        assert rows("SELECT count(*) AS n FROM unfinished_runs") == [{"n": 1}]
        setup.stats.reset()
        report = await setup.run(full=True)
        assert {one.status for one in report.outcomes} == {SUCCESS}
        account = setup.world.account("nashville")
        assert setup.stats.of("nashville", "/task") >= account.count("properties")
        for path in ("/property", "/reservation", "/people", "/supplies", "/task/tags", "/companies/templates"):
            assert setup.stats.of("nashville", path) >= 1, path
        assert setup.stats.of("nashville", "/task/{id}/comments") == account.count("tasks")


async def test_a_clock_that_ran_ahead_and_was_set_right_loses_nothing(dsn: str, rows: Rows) -> None:
    async with sandboxed(dsn) as setup:
        await setup.run(clock=Later(3))
        account = setup.world.account("nashville")
        key = min(account.ids("tasks"))
        account.patch("tasks", key, name="in the doubtful time")
        await setup.run(entity="tasks")
    assert rows("SELECT task_name FROM tasks WHERE task_id = %s", key) == [{"task_name": "in the doubtful time"}]


async def test_comments_that_move_no_task_come_within_the_sweep(dsn: str, rows: Rows) -> None:
    async with sandboxed(dsn) as setup:
        await setup.run()
        account = setup.world.account("nashville")
        for key in account.ids("tasks"):
            account.set_comments(key, [{"id": key, "comment": "late", "created_at": "2026-11-01T10:00:00"}])
        rows("UPDATE rolling_refreshes SET paced_at = paced_at - interval '15 days'")
        await setup.run(entity="tasks")
        (half,) = rows("SELECT count(DISTINCT task_pk) AS n FROM task_comments WHERE comment = 'late'")
        assert half["n"] == account.count("tasks") // 2
        rows("UPDATE rolling_refreshes SET paced_at = paced_at - interval '15 days 1 hour'")
        await setup.run(entity="tasks")
    assert rows("SELECT count(DISTINCT task_pk) AS n FROM task_comments WHERE comment = 'late'") == [
        {"n": account.count("tasks")}
    ]


async def test_no_run_is_green_while_a_record_waits_to_be_stored(dsn: str, rows: Rows) -> None:
    """Also where the hourly run does not meet it again; gone from the whole list, it waits for nothing."""
    async with sandboxed(dsn) as setup:
        account = setup.world.account("nashville")
        home = next(account.records("tasks"))["home_id"]
        account.put_raw("tasks", 7, b'{"id": "no number", "home_id": %d}' % home, home_id=home)
        assert outcome(await setup.run(), "tasks").status == PARTIAL
        await setup.run(entity="tasks", clock=Later(2))
        # asks from the day before that one on, at any hour: a day after the record's
        second = outcome(await setup.run(entity="tasks", clock=Later(4)), "tasks")
        assert (second.status, second.rejected) == (PARTIAL, 0)
        assert "1 records could not be stored" in (second.error or "")
        account.delete("tasks", 7)
        assert outcome(await setup.run(entity="tasks", full=True), "tasks").status == SUCCESS
        assert rows("SELECT count(*) AS n FROM rejected_records WHERE resolved_at IS NULL") == [{"n": 0}]


async def test_a_changed_mapping_reads_everything_whole(dsn: str, rows: Rows) -> None:
    async with sandboxed(dsn) as setup:
        await setup.run()
        rows("UPDATE checkpoints SET mapping_version = 1")
        rows("UPDATE tasks SET mapping_version = 1")
        second = outcome(await setup.run(entity="tasks"), "tasks")
        assert second.updated == setup.world.account("nashville").count("tasks")
        assert setup.stats.of("nashville", "/task/{id}/comments") == setup.world.account("nashville").count("tasks")


async def test_a_run_that_was_cut_off_is_gone_on_with(dsn: str, rows: Rows) -> None:
    """It repeats no list that was stored, and no call for children but those that were under way."""
    spec = resized(tiny()[0], properties=12, tasks_per_property=20, reservations_per_property=20)
    async with sandboxed(dsn, [spec], max_in_flight=4) as setup:
        sync = setup.settings.sync.model_copy(update={"batch_rows": 20, "flush_seconds": 0.01})
        setup.settings = setup.settings.model_copy(update={"sync": sync})
        account = setup.world.account("nashville")
        least = 2 * account.count("tasks")
        cuts = 0
        for goal in (30, 45, 150, 300):
            run = asyncio.create_task(setup.run())
            await _called(setup, goal, run)
            cuts += not run.done()
            run.cancel()
            await asyncio.gather(run, return_exceptions=True)
        assert cuts == 4
        report = await setup.run()
        assert {one.status for one in report.outcomes} == {SUCCESS}
        lists = {name: setup.stats.of("nashville", name) for name in ("/people", "/property", "/reservation", "/task")}
        # A list may have been under way at the first cut; none is read twice after that.
        assert lists["/people"] <= 6 + 6
        assert lists["/property"] <= 1 + 1
        assert lists["/task"] <= account.count("properties") + 4
        children = [setup.stats.of("nashville", f"/task/{{id}}/{name}") for name in ("comments", "requirements")]
        # Lost are the four calls under way at each cut: what waited for its load, or was in it, is stored.
        assert sum(children) <= least + 4 * cuts
        assert rows("SELECT * FROM unfinished_runs") == []


async def _called(setup: Setup, calls: int, run: asyncio.Task[RunReport]) -> None:
    """Until so many calls were made, or the run is over."""
    while setup.stats.total < calls and not run.done():  # noqa: ASYNC110 - the sandbox counts, it tells nobody
        await asyncio.sleep(0)


@pytest.mark.parametrize("entity", ENTITIES, ids=lambda one: one.name)
def test_windows_and_proofs_are_declared_by_columns_that_exist(entity: object) -> None:
    from breezeway_sync.entities.model import AnswerShape, Entity

    assert isinstance(entity, Entity)
    names = {field.name for field in entity.fields}
    for source in entity.sources:
        assert source.per is None or source.per in names
        assert source.shape is AnswerShape.LIST or len(source.variants) == 1
        assert bool(source.dated) == (entity.planned is not None)
    assert entity.deleted_when is None or entity.deleted_when[0] in names
    assert entity.planned is None or set(entity.planned) <= names
    assert set(entity.stamps) <= {field.path for field in entity.fields}
