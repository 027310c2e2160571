"""Records that lists leave out: they are asked for at their own address, at once and at the pace of what they are."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from breezeway_sync.core.outcome import SUCCESS
from breezeway_sync.core.record_events import RecordsLeft
from breezeway_sync.sandbox.spec import resized
from tests.conftest import Rows
from tests.helpers import Later, Setup, outcome, sandboxed, tiny

FINISHED = {"code": "finished", "name": "Finished", "stage": "finished"}
HOUR = 1 / 24


def finish(setup: Setup, keys: list[int], **more: Any) -> None:
    """They are done, and lists do not show them any more."""
    account = setup.world.account("nashville")
    for key in keys:
        account.patch("tasks", key, type_task_status=FINISHED, costs=[{"id": key, "cost": 85}], **more)
        account.hide("tasks", key)


def plan_near(setup: Setup) -> list[int]:
    """All tasks are planned for today; their ids."""
    account, today = setup.world.account("nashville"), Later().now().date()
    for key in account.ids("tasks"):
        account.patch("tasks", key, scheduled_date=str(today))
    return sorted(account.ids("tasks"))


def finished(rows: Rows) -> set[int]:
    return {row["task_id"] for row in rows("SELECT task_id FROM tasks WHERE task_status_code = 'finished'")}


async def test_finished_tasks_that_lists_hide_arrive_with_the_next_run(dsn: str, rows: Rows) -> None:
    """40 of 400 near tasks a day: the guard stands before deleting, and asking deletes nothing."""
    async with sandboxed(dsn, [resized(tiny()[0], properties=4, tasks_per_property=100)]) as setup:
        keys = plan_near(setup)
        await setup.run()
        done = finished(rows)
        for day in range(3):
            todays = [key for key in keys if key not in done][:40]
            finish(setup, todays)
            done |= set(todays)
            report = await setup.run(clock=Later(day + HOUR))
            assert outcome(report, "tasks").status == SUCCESS
            assert finished(rows) == done
            cost = rows("SELECT count(*) AS n FROM task_costs WHERE cost = 85")
            assert cost == [{"n": 40 * (day + 1)}]
        assert {row["state"] for row in rows("SELECT state FROM missing_records")} == {"hidden"}


async def test_more_than_can_be_believed_are_asked_two_hundred_a_run_newest_first(dsn: str, rows: Rows) -> None:
    async with sandboxed(dsn, [resized(tiny()[0], properties=2, tasks_per_property=170)]) as setup:
        keys = plan_near(setup)
        await setup.run()
        before = finished(rows)
        gone = [key for key in keys if key not in before]
        assert len(gone) > 220
        finish(setup, gone)
        report = await setup.run(entity="tasks", clock=Later(HOUR))
        newest = sorted(gone)[-200:]
        assert finished(rows) - before == set(newest)
        told = [one for one in setup.events if isinstance(one, RecordsLeft)]
        assert told == [RecordsLeft("nashville", "tasks", len(gone))]
        assert "asked, newest first" in " ".join(outcome(report, "tasks").details)
        # What has not been asked for yet is as old as the list that last showed it; the run's clock is an hour ahead.
        rows(
            "UPDATE checkpoints SET watermark = watermark - interval '1 hour', last_window_scan_at = "
            "last_window_scan_at - interval '1 hour'"
        )
        assert rows("SELECT as_of('nashville', 'tasks') < now() AS old FROM regions")[0]["old"]
        await setup.run(entity="tasks", clock=Later(2 * HOUR))
        assert finished(rows) - before == set(gone)
        assert rows("SELECT * FROM deletions") == []


async def test_hidden_records_near_today_are_read_every_run_and_count_in_as_of(dsn: str, rows: Rows) -> None:
    async with sandboxed(dsn, [resized(tiny()[0], reservations_per_property=4)]) as setup:
        account, today = setup.world.account("nashville"), Later().now().date()
        task, stay = (min(account.ids(kind)) for kind in ("tasks", "reservations"))
        account.patch("tasks", task, scheduled_date=str(today))
        account.patch("reservations", stay, checkin_date=str(today - timedelta(20)), checkout_date=str(today))
        await setup.run()
        account.hide("tasks", task)
        account.hide("reservations", stay)
        await setup.run(full=True, clock=Later(HOUR))
        await setup.run(clock=Later(2 * HOUR))
        account.patch("tasks", task, name="done meanwhile")
        account.patch("reservations", stay, access_code="4711")
        asked = "SELECT min(asked_at) AS at FROM missing_records"
        before = rows(asked)[0]["at"]
        await setup.run(clock=Later(3 * HOUR))
        assert rows("SELECT task_name FROM tasks WHERE task_id = %s", task) == [{"task_name": "done meanwhile"}]
        assert rows("SELECT access_code FROM reservations WHERE reservation_id = %s", stay) == [{"access_code": "4711"}]
        assert rows(asked)[0]["at"] - before > timedelta(minutes=55)
        rows("UPDATE checkpoints SET watermark = now(), last_full_scan_at = now(), last_window_scan_at = now()")
        rows("UPDATE missing_records SET asked_at = now() - interval '3 hours', last_listed_at = NULL")
        for entity in ("tasks", "reservations"):
            old = rows("SELECT as_of('nashville', %s) < now() - interval '2 hours' AS old", entity)
            assert old == [{"old": True}]


async def test_what_was_asked_before_its_answer_was_written_counts_from_then(dsn: str, rows: Rows) -> None:
    """The moment of a hidden record is before its request, not when its answer was written."""

    class Slow(Later):
        """Every look at the clock is a second later."""

        looks = 0

        def now(self) -> Any:
            Slow.looks += 1
            return super().now() + timedelta(seconds=Slow.looks)

    async with sandboxed(dsn) as setup:
        await setup.run()
        account = setup.world.account("nashville")
        keys = sorted(account.ids("tasks"))[:5]
        finish(setup, keys)
        await setup.run(entity="tasks", full=True, clock=Slow())
        found = rows(
            "SELECT count(DISTINCT asked_at) AS moments, max(asked_at) > min(missing_since) AS later FROM "
            "missing_records"
        )
    assert found == [{"moments": 5, "later": True}]


async def test_older_hidden_records_are_read_again_before_they_are_seven_days_old(dsn: str, rows: Rows) -> None:
    async with sandboxed(dsn) as setup:
        account = setup.world.account("nashville")
        key = min(account.ids("tasks"))
        account.patch("tasks", key, scheduled_date="2020-01-01")
        await setup.run()
        account.hide("tasks", key)
        await setup.run(entity="tasks", full=True)
        account.patch("tasks", key, name="changed behind the lists")
        for days, name in ((5.9, False), (6.1, True)):
            await setup.run(entity="tasks", clock=Later(days))
            actual = rows("SELECT task_name FROM tasks WHERE task_id = %s", key)[0]["task_name"]
            assert (actual == "changed behind the lists") is name


async def test_before_it_was_asked_a_record_is_as_old_as_the_list_that_last_showed_it(dsn: str, rows: Rows) -> None:
    async with sandboxed(dsn) as setup:
        await setup.run()
        account = setup.world.account("nashville")
        key = min(account.ids("tasks"))
        (planned,) = rows("SELECT w.last_full_scan_at FROM checkpoints w JOIN tasks t ON w.source = 'tasks' AND "
                       "w.parent_id = t.home_id "
                       "WHERE t.task_id = %s", key)  # fmt: skip
        account.hide("tasks", key)
        setup.faults.add("status", status=500, path=rf"/task/{key}$")
        await setup.run(entity="tasks", full=True)
    (missing,) = rows("SELECT record_id, state, asked_at, last_listed_at FROM missing_records")
    assert missing == {
        "record_id": key,
        "state": "candidate",
        "asked_at": None,
        "last_listed_at": planned["last_full_scan_at"],
    }


async def test_an_own_address_that_answers_with_something_else_says_nothing(dsn: str, rows: Rows) -> None:
    async with sandboxed(dsn) as setup:
        await setup.run()
        account = setup.world.account("nashville")
        key, other, *_ = sorted(account.ids("tasks"))
        account.hide("tasks", key)
        setup.faults.add("blank", path=rf"/task/{key}$")
        report = await setup.run(entity="tasks", full=True)
        assert "answered with something else" in (outcome(report, "tasks").error or "")
    assert other
    assert rows("SELECT state, asked_at FROM missing_records") == [{"state": "candidate", "asked_at": None}]
    assert rows("SELECT * FROM rejected_records") == []


async def test_a_list_of_many_that_is_empty_is_believed_when_each_of_them_was_asked(dsn: str, rows: Rows) -> None:
    async with sandboxed(dsn, [resized(tiny()[0], properties=1, tasks_per_property=40)]) as setup:
        await setup.run()
        keys = sorted(setup.world.account("nashville").ids("tasks"))
        finish(setup, keys)
        whole = "SELECT last_full_scan_at FROM checkpoints WHERE source = 'tasks'"
        before = rows(whole)
        await setup.run(entity="tasks", full=True)
        assert len(keys) >= 20
        assert rows(whole) == before  # what was shown before may not be all that is there
        assert finished(rows) == set(keys)
        await setup.run(entity="tasks", full=True)
        assert rows(whole)[0]["last_full_scan_at"] > before[0]["last_full_scan_at"]
        assert rows("SELECT * FROM deletions") == []


async def test_a_task_that_is_listed_under_another_property_is_never_missing(dsn: str, rows: Rows) -> None:
    async with sandboxed(dsn, [resized(tiny()[0], properties=3)]) as setup:
        account = setup.world.account("nashville")
        here, there, *_ = sorted(account.ids("properties"))
        strays = [account.get("tasks", key) for key in sorted(account.ids("tasks"))][:3]
        for task in strays:
            account.delete("tasks", task["id"])
            body = {**task, "home_id": there if task["home_id"] == here else here}
            account.put_raw("tasks", task["id"], _json(body), home_id=task["home_id"])
        await setup.run()
        for _ in range(2):
            await setup.run(full=True)
            assert rows("SELECT * FROM missing_records") == []
        gone = strays[0]["id"]
        account.delete("tasks", gone)
        for _ in range(2):
            await setup.run(full=True)
        assert rows("SELECT record_id FROM deletions") == [{"record_id": gone}]


def _json(body: dict[str, Any]) -> bytes:
    import json

    return json.dumps(body).encode()
