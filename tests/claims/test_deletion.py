"""What lists do not show: asked for at once, deleted by proof, and what left with its home stays told apart."""

from __future__ import annotations

import pytest

from tests.claims.api import as_json, day
from tests.claims.conftest import Place, not_green, statuses

MISSING = as_json({"error": "not_found", "description": "no"}, 404)
FINISHED = {"code": "finished", "name": "Finished", "stage": "finished"}


async def test_finished_tasks_that_leave_their_lists_arrive_although_they_are_many(place: Place) -> None:
    company = place.add("nashville", 1, homes=4, tasks=100)
    await place.run()
    for start in range(3):
        for home in range(1000, 1004):
            for task in range(home * 100 + start * 10, home * 100 + start * 10 + 10):
                place.api.put(company, "tasks", task, type_task_status=FINISHED)
                company.hidden.add(("tasks", task))
        await place.runs(3)
        found = place.rows("SELECT count(*) AS n FROM tasks WHERE task_status_code = 'finished' AND deleted_at IS NULL")
        assert found == [{"n": (start + 1) * 40}]
    assert not_green(await place.runs(1)) == []
    assert place.refusal() is None


async def test_a_mass_deletion_needs_a_person_but_a_few_do_not(place: Place) -> None:
    company = place.add("nashville", 1, homes=4, tasks=20)
    await place.run()
    del company.records["tasks"][100000]
    await place.runs(28)
    assert 100000 not in place.tasks()
    for task in list(company.records["tasks"])[:50]:
        del company.records["tasks"][task]
    report = await place.runs(28)
    assert len(place.tasks()) == 79
    assert statuses(report)["tasks"] == "partial"
    done = await place.command("deletes", "approve", "nashville", "tasks")
    assert done.code == 0, done.said
    report = await place.runs(3)
    assert len(place.tasks()) == 29
    assert statuses(report)["tasks"] == "success"


@pytest.mark.parametrize("kind", ["tasks", "reservations"])
async def test_the_only_record_of_a_list_can_be_deleted_without_a_person(place: Place, kind: str) -> None:
    company = place.add("nashville", 1, homes=1, tasks=1)
    place.api.put(company, "properties", 1001)
    await place.run()
    company.records[kind].clear()
    report = await place.runs(30)
    assert (place.tasks() if kind == "tasks" else place.stays()) == set()
    assert not_green(report) == []
    assert {one["reason"] for one in place.rows("SELECT reason FROM deletions")} == {"not_found"}


async def test_a_task_that_one_list_shows_and_that_names_another_home_waits_for_nobody(place: Place) -> None:
    company = place.add("nashville", 1, homes=3, tasks=3)
    await place.run()
    # The list of home 1000 shows a task that says that it belongs to home 1001.
    place.api.answer(
        r"^/task\?.*home_id=1000\b",
        lambda _asked: as_json(
            {
                "limit": 100,
                "page": 1,
                "total_pages": 1,
                "total_results": 3,
                "results": [
                    {**company.records["tasks"][100000 + n], **({"home_id": 1001} if n == 0 else {})} for n in range(3)
                ],
            }
        ),
    )
    report = await place.runs(30)
    assert not_green(report) == []
    assert len(place.tasks()) == 9


@pytest.mark.parametrize(
    "statement",
    [
        "TRUNCATE tasks CASCADE",
        "DELETE FROM tasks WHERE task_id % 2 = 0",
        "DELETE FROM task_costs",
        "TRUNCATE task_costs",
        "DELETE FROM reservations",
        "DELETE FROM task_comments",
        "DELETE FROM properties WHERE property_id = 1000",
        "DELETE FROM people",
        "DELETE FROM task_tags",
    ],
)
async def test_what_somebody_deletes_in_the_mirror_is_noticed_and_read_again(place: Place, statement: str) -> None:
    company = place.add("nashville", 1)
    for task in company.records["tasks"].values():
        task["costs"] = [{"id": task["id"], "cost": 10}]
        task["task_tags"] = [{"id": 19, "name": "x"}]
        company.children["comments", task["id"]] = [{"id": task["id"], "comment": "x"}]
    await place.run()
    tables = ("tasks", "task_costs", "task_comments", "task_tags", "reservations", "properties", "people")
    before = {name: place.rows(f"SELECT count(*) AS n FROM {name}") for name in tables}
    place.rows(statement)
    names = {"tasks", "reservations", "properties", "people"}
    touched = {name for name in names if name in statement} or {"tasks"}
    for entity in touched if "task" not in statement else {"tasks"}:
        assert place.refusal("all", entity) is not None, "fresh although rows are gone"
    for _ in range(2):
        place.later(1)
        report = await place.run()
    assert not_green(report) == []
    assert {name: place.rows(f"SELECT count(*) AS n FROM {name}") for name in tables} == before
    assert place.refusal() is None
    place.api.log.clear()
    place.later(1)
    await place.run()
    assert len(place.api.log) < 25, "nothing is read again for ever"


async def test_what_leaves_with_its_home_is_told_apart_from_what_the_api_deleted(place: Place) -> None:
    company = place.add("nashville", 1, homes=4, tasks=4)
    await place.run()
    del company.records["properties"][1000]
    for kind, by in (("tasks", "home_id"), ("reservations", "property_id")):
        for number in [key for key, record in company.records[kind].items() if record[by] == 1000]:
            del company.records[kind][number]
    del company.records["tasks"][100100]
    report = await place.runs(30)
    assert not_green(report) == []
    assert place.homes() == {1001, 1002, 1003}
    assert place.stays() == {1501, 1502, 1503}
    assert place.tasks() == set(company.records["tasks"])
    found = place.rows("SELECT entity_type, record_id, reason FROM deletions ORDER BY 1, 2")
    by_reason = {(one["entity_type"], one["record_id"]): one["reason"] for one in found}
    assert by_reason["properties", 1000] == "not_found"
    assert by_reason["reservations", 1500] == "property_left"
    assert by_reason["tasks", 100100] == "not_found"
    assert {by_reason["tasks", task] for task in range(100000, 100004)} == {"property_left"}


async def test_what_belonged_to_a_home_that_left_goes_although_no_other_home_has_any(place: Place) -> None:
    company = place.add("nashville", 1, homes=1)
    for home in (1001, 1002):
        place.api.put(company, "properties", home)
    await place.run()
    del company.records["properties"][1000]
    company.records["tasks"].clear()
    company.records["reservations"].clear()
    report = await place.runs(4)
    assert not_green(report) == []
    assert place.homes() == {1001, 1002}
    assert place.tasks() == place.stays() == set()
    found = place.rows("SELECT DISTINCT reason FROM deletions WHERE entity_type <> 'properties'")
    assert found == [{"reason": "property_left"}]


async def test_an_account_that_has_no_property_any_more_is_emptied_when_a_person_says_so(place: Place) -> None:
    company = place.add("nashville", 1)
    place.add("austin", 2)
    await place.run()
    for kind in ("properties", "tasks", "reservations"):
        company.records[kind].clear()
    report = await place.runs(2)
    assert not_green(report, "austin") == []
    assert len(place.tasks("nashville")) == 8
    assert (await place.command("regions", "adopt", "nashville")).code == 0
    assert not_green(await place.runs(3)) == []
    assert place.homes("nashville") == place.tasks("nashville") == place.stays("nashville") == set()
    assert {one["reason"] for one in place.rows("SELECT reason FROM deletions")} == {"source_adopted"}
    assert place.refusal() is None, "without any property nothing is unknown of tasks that lists leave out"


async def test_a_stay_for_tomorrow_that_is_gone_is_deleted_within_26_hours(place: Place) -> None:
    company = place.add("nashville", 1, homes=3)
    place.api.put(company, "reservations", 77, property_id=1000, checkin_date=day(1), checkout_date=day(3))
    await place.run()
    assert 77 in place.stays()
    del company.records["reservations"][77]
    await place.runs(26)
    assert 77 not in place.stays()


async def test_a_single_404_deletes_nothing_and_a_gateway_that_says_404_to_all_neither(place: Place) -> None:
    company = place.add("nashville", 1, homes=3)
    await place.run()
    company.hidden.add(("tasks", 100000))
    place.api.answer(r"^/(task|reservation|property)/\d+\?", MISSING)
    for _ in range(5):
        place.later(1)
        await place.run()
    assert len(place.tasks()) == 12
    place.api.well()
    assert not_green(await place.runs(2)) == []
    assert len(place.tasks()) == 12
