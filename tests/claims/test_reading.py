"""Green and `as_of` say no more than was proven."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from starlette.responses import Response

from tests.claims.api import as_json, day
from tests.claims.conftest import Place, not_green, statuses

REFUSED = as_json({"error": "forbidden", "description": "not yet"}, 403)
MISSING = as_json({"error": "not_found", "description": "no"}, 404)


async def test_a_first_load_is_green_exact_and_fresh(place: Place) -> None:
    place.add("nashville", 1)
    report = await place.run()
    assert not_green(report) == []
    assert len(place.tasks()) == 8
    for entity in statuses(report):
        assert place.refusal("all", entity) is None, entity


async def test_task_lists_that_answer_404_are_no_sign_that_an_account_has_no_tasks(place: Place) -> None:
    place.add("nashville", 1, homes=12)
    place.api.answer(r"^/task\?.*home_id=100[0-7]\b", MISSING)
    report = await place.run()
    assert statuses(report)["tasks"] != "success"
    assert place.refusal() is not None
    place.api.well()
    for is_full in (False, True):
        report = await place.run(full=is_full)
        assert not_green(report) == []
        assert len(place.tasks()) == 48


async def test_an_account_whose_every_list_is_refused_is_not_said_to_have_none_of_them(place: Place) -> None:
    place.add("nashville", 1)
    for refusal in (REFUSED, MISSING):
        place.api.answer(r"^/(?!auth)", refusal)
        report = await place.run()
        assert "success" not in statuses(report).values()
        for entity in statuses(report):
            assert place.refusal("all", entity) is not None
        place.api.well()
    assert not_green(await place.run()) == []
    assert len(place.tasks()) == 8


async def test_optional_lists_that_are_all_refused_at_once_prove_nothing(place: Place) -> None:
    place.add("nashville", 1)
    place.api.answer(r"^/(people|supplies|companies|task/tags|reservation/tags|property/tags)", REFUSED)
    report = await place.run()
    found = statuses(report)
    assert {found[one] for one in ("people", "supplies", "templates", "subdepartments", "tags")} <= {
        "failed",
        "partial",
    }
    place.api.well()
    assert not_green(await place.run()) == []
    assert len(place.live("templates", "template_id")) == 1


async def test_a_list_that_an_account_lacks_is_no_failure_and_not_fresh(place: Place) -> None:
    place.add("nashville", 1)
    place.api.answer(r"^/companies/templates", REFUSED)
    report = await place.run()
    assert statuses(report)["templates"] == "success"
    assert place.refusal("all", "templates") is not None
    place.api.well()
    assert statuses(await place.run(full=True))["templates"] == "success"
    assert place.refusal("all", "templates") is None


async def test_a_hidden_task_that_is_finished_arrives_or_nobody_is_told_that_it_is_fresh(place: Place) -> None:
    company = place.add("nashville", 1)
    await place.run()
    task = min(place.tasks())
    company.hidden.add(("tasks", task))
    finished = {"code": "finished", "name": "Finished", "stage": "finished"}
    place.api.put(company, "tasks", task, type_task_status=finished, costs=[{"id": 1, "cost": 85}])
    for _ in range(30):
        place.later(1)
        await place.run()
        cost = place.rows("SELECT cost FROM task_costs")
        if cost == [] and place.refusal() is None:
            raise AssertionError("fresh without the cost")
        if cost:
            break
    assert [int(one["cost"]) for one in cost] == [85]
    assert place.refusal() is None
    # From now on it is known to be hidden: each hour it is as fresh as any other.
    place.api.put(company, "tasks", task, costs=[{"id": 1, "cost": 90}])
    place.later(1)
    await place.run()
    assert [int(one["cost"]) for one in place.rows("SELECT cost FROM task_costs")] == [90]


async def test_an_old_hidden_task_is_read_by_the_rolling_refresh_and_its_age_is_said(place: Place) -> None:
    company = place.add("nashville", 1)
    task = 100099
    place.api.put(company, "tasks", task, home_id=1000, scheduled_date=day(-200))
    await place.run()
    company.hidden.add(("tasks", task))
    place.api.put(company, "tasks", task, name="changed")
    for hours in range(0, 15 * 24, 6):
        place.later(6)
        await place.run()
        name = place.rows("SELECT task_name FROM tasks WHERE task_id = %s", task)[0]["task_name"]
        if name == "changed":
            break
        if hours > 8 * 24:
            assert place.refusal() is not None, "fresh without an old hidden task's change"
    assert name == "changed"


async def test_a_record_that_slips_past_at_a_seam_of_a_list_without_totals_is_found_or_not_claimed(
    place: Place,
) -> None:
    company = place.add("nashville", 1, homes=30, tasks=0)
    place.api.has_totals = False
    place.more["api"] = {"page_size": 10}

    def vanish(_client: str, asked: str) -> None:
        if asked.startswith("/property?") and "page=2" in asked and 1000 in company.records["properties"]:
            del company.records["properties"][1000]

    place.api.before = vanish
    report = await place.run()
    expected = set(company.records["properties"])
    assert place.homes() - {1000} == expected or (place.refusal("all", "properties") and not_green(report))
    place.api.well()
    await place.run()
    assert place.homes() >= expected


async def test_a_total_that_is_wrong_or_a_list_that_grows_does_not_stop_as_of_for_good(place: Place) -> None:
    company = place.add("nashville", 1, homes=12, tasks=12)
    place.more["api"] = {"page_size": 5}
    place.api.total_error = -1
    report = await place.run()
    assert place.homes() == set(company.records["properties"])
    assert place.refusal("all", "properties") is None or not_green(report)
    place.api.total_error = 0

    def grow(_client: str, asked: str) -> None:
        if asked.startswith("/property?") and "page=2" in asked and len(company.records["properties"]) < 14:
            place.api.put(company, "properties", 1900 + len(company.records["properties"]))

    place.api.before = grow
    place.later(3)
    report = await place.run()
    assert place.refusal("all", "properties") is None or not_green(report)
    place.api.well()
    place.later(3)
    assert not_green(await place.run()) == []
    assert place.homes() == set(company.records["properties"])


async def test_a_deletion_and_a_creation_that_keep_the_total_hide_no_record(place: Place) -> None:
    company = place.add("nashville", 1, homes=30, tasks=0)
    place.more["api"] = {"page_size": 10}

    def swap(_client: str, asked: str) -> None:
        if asked.startswith("/property?") and "page=2" in asked and 1000 in company.records["properties"]:
            del company.records["properties"][1000]
            place.api.put(company, "properties", 1999)

    place.api.before = swap
    report = await place.run()
    expected = set(company.records["properties"]) - {1999}
    assert expected <= place.homes() or (place.refusal("all", "properties") and not_green(report))


async def test_a_404_of_a_tasks_comments_settles_nothing(place: Place) -> None:
    company = place.add("nashville", 1)
    task = 100000
    company.children["comments", task] = [{"id": 7, "comment": "Left the key", "created_at": "2026-01-01T00:00:00"}]
    place.api.answer(rf"^/task/{task}/comments", MISSING, times=1)
    report = await place.run()
    assert statuses(report)["tasks"] == "partial"
    assert place.refusal() is not None
    place.later(1)
    assert not_green(await place.run()) == []
    assert len(place.rows("SELECT * FROM task_comments")) == 1


async def test_full_after_an_interruption_reads_every_list(place: Place) -> None:
    place.add("nashville", 1)
    await place.run()
    now = "now() - interval '1 minute'"
    place.rows(
        f"INSERT INTO unfinished_runs (region_code, began_at, seen_at) SELECT region_code, {now}, now() FROM regions"
    )
    place.api.log.clear()
    await place.run(full=True)
    for path in ("/property", "/reservation", "/task", "/people", "/supplies", "/companies/templates"):
        assert place.api.calls(rf"^{path}\?"), path
    assert len(place.api.calls(r"^/task/\d+/comments")) == 8


async def test_what_is_newly_wanted_is_pending_at_once(place: Place) -> None:
    company = place.add("nashville", 1)
    for task in company.records["tasks"]:
        company.children["comments", task] = [{"id": task, "comment": "x", "created_at": "2026-01-01T00:00:00"}]
    off = {"task_comments": {"enabled": False}, "task_requirements": {"enabled": False}}
    place.more["entities"] = off
    await place.run()
    assert place.rows("SELECT * FROM task_comments") == []
    del place.more["entities"]
    place.later(1)
    await place.run()
    assert len(place.rows("SELECT * FROM task_comments")) == 8
    # And again after a time in which they were off.
    place.more["entities"] = off
    place.later(1)
    company.children["comments", 100000] = []
    place.api.put(company, "tasks", 100000, name="new")
    await place.run()
    del place.more["entities"]
    place.later(1)
    await place.run()
    assert len(place.rows("SELECT * FROM task_comments")) == 7


async def test_an_empty_page_is_no_proof_that_a_list_is_over(place: Place) -> None:
    place.add("nashville", 1, homes=25, tasks=0)
    place.more["api"] = {"page_size": 10}
    place.api.answer(r"^/property\?.*page=3", Response('{"limit": 10, "page": 3, "results": []}'), times=1)
    report = await place.run()
    assert len(place.homes()) == 25 or not_green(report)


async def test_a_machine_that_sleeps_for_days_inside_a_run_claims_nothing_of_these_days(place: Place) -> None:
    company = place.add("nashville", 1, homes=20, tasks=1)  # more lists than are asked for at once
    for task in company.records["tasks"].values():
        task["scheduled_date"] = day(-100)
    await place.run()
    clock = Sleeper()

    def sleep(_client: str, asked: str) -> None:
        if asked.startswith("/task?") and clock.days == 0:
            clock.days = 4.0
            changed = datetime.now(UTC) + timedelta(days=2)
            for task in company.records["tasks"].values():
                task |= {"name": "changed", "updated_at": changed.isoformat()}

    place.api.before = sleep
    for hours in range(3):
        await place.run(clock=clock)
        clock.days += hours / 24
    assert place.rows("SELECT DISTINCT task_name FROM tasks") == [{"task_name": "changed"}]


@dataclass
class Sleeper:
    """A clock on the wall that goes on while the machine sleeps, and a monotonic one that does not."""

    days: float = 0.0

    def now(self) -> datetime:
        return datetime.now(UTC) + timedelta(days=self.days)

    def monotonic(self) -> float:
        return time.monotonic()
