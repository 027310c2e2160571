"""What is gone at Breezeway goes here, when it is proven and not before."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from breezeway_sync.core.outcome import FAILED, PARTIAL, SUCCESS
from breezeway_sync.entities.catalog.tasks import TASKS
from breezeway_sync.sandbox.spec import Kind, resized
from breezeway_sync.service import deletes
from breezeway_sync.service.settings.history import HistorySettings
from tests.conftest import Rows
from tests.helpers import Later, Setup, outcome, sandboxed, tiny

KEYS = {"properties": "property_id", "reservations": "reservation_id", "tasks": "task_id"}
LISTED: list[Kind] = ["people", "supplies", "templates", "subdepartments"]


def live(rows: Rows, table: str) -> set[int]:
    key = KEYS.get(table, {"people": "person_id", "supplies": "supply_id"}.get(table, f"{table[:-1]}_id"))
    return {row["key"] for row in rows(f"SELECT {key} AS key FROM {table} WHERE deleted_at IS NULL")}


async def again(setup: Setup, entity: str = "all") -> Any:
    """A run that reads every list whole."""
    return await setup.run(entity=entity, full=True)


@pytest.mark.parametrize("kind", ["properties", "reservations", "tasks"])
async def test_a_record_is_deleted_when_its_address_answers_404_in_two_runs(dsn: str, rows: Rows, kind: Kind) -> None:
    async with sandboxed(dsn, [resized(tiny()[0], reservations_per_property=4)]) as setup:
        await setup.run()
        account = setup.world.account("nashville")
        key = min(account.ids(kind))
        account.delete(kind, key)
        await again(setup, kind)
        assert key in live(rows, kind)
        second = await again(setup, kind)
        assert key not in live(rows, kind)
        assert live(rows, kind) == set(account.ids(kind))
        assert outcome(second, kind).deleted == 1
        (proof,) = rows("SELECT entity_type, record_id, evidence, undone_at FROM deletions")
        assert (proof["entity_type"], proof["record_id"], proof["undone_at"]) == (kind, key, None)
        assert proof["evidence"]["first"]["run"] != proof["evidence"]["second"]["run"]
        before = rows("SELECT count(*) n FROM deletions")
        await again(setup, kind)
        assert rows("SELECT count(*) n FROM deletions") == before


@pytest.mark.parametrize("kind", ["properties", "reservations", "tasks"])
async def test_what_lists_leave_out_stays_and_is_read_by_its_address(dsn: str, rows: Rows, kind: Kind) -> None:
    async with sandboxed(dsn, [resized(tiny()[0], reservations_per_property=4)]) as setup:
        await setup.run()
        account = setup.world.account("nashville")
        key = min(account.ids(kind))
        account.hide(kind, key)
        for _ in range(3):
            await again(setup, kind)
        assert rows("SELECT state, record_id FROM missing_records") == [{"state": "hidden", "record_id": key}]
        name = {"tasks": "name", "properties": "name", "reservations": "note"}[kind]
        column = {"tasks": "task_name", "properties": "property_name", "reservations": "note"}[kind]
        changes: dict[str, Any] = {name: "changed behind the lists"}
        account.patch(kind, key, **changes)
        await setup.run(entity=kind, clock=Later(8))
        assert rows(f"SELECT {column} AS value FROM {kind} WHERE {KEYS[kind]} = %s", key) == [
            {"value": "changed behind the lists"}
        ]
        account.show(kind, key)
        await again(setup, kind)
        assert rows("SELECT * FROM missing_records") == []
        assert live(rows, kind) == set(account.ids(kind))


async def test_what_lists_leave_out_is_read_also_after_the_clock_ran_ahead(dsn: str, rows: Rows) -> None:
    async with sandboxed(dsn) as setup:
        await setup.run()
        account = setup.world.account("nashville")
        key = min(account.ids("tasks"))
        account.hide("tasks", key)
        await setup.run(entity="tasks", full=True, clock=Later(40))
        account.patch("tasks", key, name="changed behind the lists")
        await setup.run(entity="tasks")
    assert rows("SELECT task_name AS name, state FROM tasks JOIN missing_records ON record_id = task_id") == [
        {"name": "changed behind the lists", "state": "hidden"}
    ]


async def test_a_404_proves_nothing_while_listed_records_answer_404_too(dsn: str, rows: Rows) -> None:
    async with sandboxed(dsn) as setup:
        await setup.run()
        account = setup.world.account("nashville")
        key = min(account.ids("tasks"))
        account.delete("tasks", key)
        setup.faults.add("404", path=r"/task/\d+$")
        for _ in range(3):
            await again(setup, "tasks")
        assert key in live(rows, "tasks")
        setup.faults.clear()
        await again(setup, "tasks")
        assert key in live(rows, "tasks")
        await again(setup, "tasks")
        assert key not in live(rows, "tasks")


@pytest.mark.parametrize("kind", LISTED)
async def test_without_an_address_two_complete_walks_prove_it(dsn: str, rows: Rows, kind: Kind) -> None:
    async with sandboxed(dsn) as setup:
        await setup.run()
        account = setup.world.account("nashville")
        key = min(account.ids(kind))
        record = account.get(kind, key)
        account.delete(kind, key)
        await setup.run(entity=kind)
        assert key in live(rows, kind)
        assert outcome(await setup.run(entity=kind), kind).deleted == 1
        assert key not in live(rows, kind)
        account.put(kind, record)
        await setup.run(entity=kind)
        assert key in live(rows, kind)
        assert rows("SELECT undone_by FROM deletions") == [{"undone_by": "the API shows it again"}]


async def test_a_list_with_a_record_without_an_id_proves_nothing_of_those_without_an_address(
    dsn: str, rows: Rows
) -> None:
    """It may be the one that is not shown."""
    async with sandboxed(dsn) as setup:
        await setup.run()
        account = setup.world.account("nashville")
        key = min(account.ids("people"))
        usual = account.get("people", key)
        account.put_raw("people", key, b'{"first_name": "Nobody"}', home_id=0)
        for _ in range(2):
            assert outcome(await setup.run(entity="people"), "people").status == PARTIAL
        assert key in live(rows, "people")
        account.put("people", usual)
        assert outcome(await setup.run(entity="people"), "people").status == SUCCESS
        account.delete("people", key)
        for _ in range(2):
            assert key in live(rows, "people")
            await setup.run(entity="people")
        assert key not in live(rows, "people")


async def test_a_status_deleted_is_proof_and_costs_nothing_further(dsn: str, rows: Rows) -> None:
    async with sandboxed(dsn) as setup:
        await setup.run()
        account = setup.world.account("nashville")
        pending, key, *_ = sorted(account.ids("tasks"))
        account.patch("tasks", key, type_task_status={"code": "deleted", "name": "Deleted", "stage": "deleted"})
        account.patch("tasks", pending, type_task_status={"code": "pending_delete", "name": "x", "stage": "x"})
        assert outcome(await setup.run(entity="tasks"), "tasks").deleted == 1
        assert {pending, key} & live(rows, "tasks") == {pending}
        again_ = outcome(await again(setup, "tasks"), "tasks")
        assert (again_.new, again_.updated, again_.deleted) == (0, 0, 0)
        account.patch("tasks", key, type_task_status={"code": "created", "name": "Created", "stage": "new"})
        await setup.run(entity="tasks")
        assert key in live(rows, "tasks")


async def test_what_a_person_brings_back_owes_the_calls_that_were_not_made_meanwhile(dsn: str, rows: Rows) -> None:
    async with sandboxed(dsn) as setup:
        await setup.run()
        account = setup.world.account("nashville")
        key = min(account.ids("tasks"))
        account.patch("tasks", key, type_task_status={"code": "deleted", "name": "Deleted", "stage": "deleted"})
        account.set_comments(key, [{"id": 1, "comment": "last word", "created_at": "2026-11-01T10:00:00"}])
        assert outcome(await setup.run(entity="tasks"), "tasks").deleted == 1
        assert await deletes.undo(setup.settings, "nashville", TASKS, [str(key)]) == 1
        assert outcome(await setup.run(entity="tasks"), "tasks").status == SUCCESS
    last = "SELECT t.task_id FROM task_comments c JOIN tasks t ON t.id = c.task_pk WHERE c.comment = 'last word'"
    assert rows(last) == [{"task_id": key}]


async def test_an_empty_list_deletes_nothing_and_heals(dsn: str, rows: Rows) -> None:
    async with sandboxed(dsn) as setup:
        await setup.run()
        before = {kind: live(rows, kind) for kind in (*KEYS, *LISTED)}
        setup.faults.add("blank")
        for _ in range(3):
            report = await again(setup)
            assert {one.status for one in report.outcomes} == {FAILED}  # no list of properties shows a known one
            assert {kind: live(rows, kind) for kind in before} == before
        setup.faults.clear()
        assert [one.error for one in (await again(setup)).outcomes if one.status != SUCCESS] == []
        assert {kind: live(rows, kind) for kind in before} == before
        assert rows("SELECT * FROM missing_records") == []
        assert rows("SELECT * FROM deletions") == []


async def test_too_many_at_once_wait_for_a_person(dsn: str, rows: Rows) -> None:
    async with sandboxed(dsn, [resized(tiny()[0], properties=2, tasks_per_property=30)]) as setup:
        await setup.run()
        account = setup.world.account("nashville")
        homes = {task["id"]: task["home_id"] for task in account.records("tasks")}
        gone = [key for home in set(homes.values()) for key in sorted(homes) if homes[key] == home][:12]
        gone += [key for key in sorted(homes) if key not in gone and homes[key] != homes[gone[0]]][:12]
        for key in gone:
            account.delete("tasks", key)
        await again(setup)
        for _ in range(3):
            assert outcome(await again(setup), "tasks").status == PARTIAL
        assert live(rows, "tasks") == set(homes)
        assert {row["state"] for row in rows("SELECT state FROM missing_records")} == {"needs_review"}


async def test_what_drips_away_of_one_disappearance_is_never_more_than_the_guard_allows(dsn: str, rows: Rows) -> None:
    """200 a run are asked, which may be less than the share of a large region."""
    async with sandboxed(dsn, [resized(tiny()[0], properties=2, tasks_per_property=170)]) as setup:
        await setup.run()
        account = setup.world.account("nashville")
        everything = live(rows, "tasks")
        for key in sorted(everything)[:300]:
            account.delete("tasks", key)
        for _ in range(5):
            await again(setup)
        assert live(rows, "tasks") == everything
        assert rows("SELECT state, count(*) AS n FROM missing_records GROUP BY 1") == [
            {"state": "needs_review", "n": 300}
        ]
        assert await deletes.approve(setup.settings, "nashville", TASKS, []) == 300
        for _ in range(3):
            await again(setup)
        assert live(rows, "tasks") == set(account.ids("tasks"))
        proofs = rows(
            "SELECT DISTINCT reason, evidence ? 'approved_by' AS approved FROM deletions WHERE entity_type = 'tasks'"
        )
        assert proofs == [{"reason": "not_found", "approved": True}]


async def test_a_record_that_turns_out_to_be_there_waits_no_longer(dsn: str, rows: Rows) -> None:
    async with sandboxed(dsn, [resized(tiny()[0], properties=2, tasks_per_property=30)]) as setup:
        await setup.run()
        account = setup.world.account("nashville")
        gone = sorted(account.ids("tasks"))[:25]
        bodies = [account.get("tasks", key) for key in gone]
        for key in gone:
            account.delete("tasks", key)
        for _ in range(2):
            await again(setup)
        assert {row["state"] for row in rows("SELECT state FROM missing_records")} == {"needs_review"}
        for body in bodies:
            account.put("tasks", body)
            account.hide("tasks", body["id"])
        assert outcome(await setup.run(full=True, clock=Later(7)), "tasks").status == SUCCESS
        assert {row["state"] for row in rows("SELECT state FROM missing_records")} == {"hidden"}
        assert rows("SELECT * FROM deletions") == []


async def test_tasks_of_a_deleted_property_become_candidates(dsn: str, rows: Rows) -> None:
    async with sandboxed(dsn) as setup:
        await setup.run()
        account = setup.world.account("nashville")
        tasks = {task["id"]: task["home_id"] for task in account.records("tasks")}
        home = next(iter(tasks.values()))
        mine = [key for key, of in tasks.items() if of == home]
        kept, *dropped = mine
        account.delete("properties", home)
        account.hide("tasks", kept)
        for key in dropped:
            account.delete("tasks", key)
        for _ in range(4):
            await again(setup)
        assert home not in live(rows, "properties")
        assert live(rows, "tasks") & set(mine) == {kept}


async def test_tasks_of_a_property_that_says_that_it_is_deleted_become_candidates(dsn: str, rows: Rows) -> None:
    async with sandboxed(dsn) as setup:
        await setup.run()
        account = setup.world.account("nashville")
        tasks = {task["id"]: task["home_id"] for task in account.records("tasks")}
        home = next(iter(tasks.values()))
        kept, gone, *_ = [key for key, of in tasks.items() if of == home]
        account.patch("properties", home, status="deleted")
        account.delete("tasks", gone)
        account.patch("tasks", kept, name="changed behind the lists")
        for _ in range(2):
            await again(setup)
        assert live(rows, "tasks") == set(tasks) - {gone}
        assert rows("SELECT task_name FROM tasks WHERE task_id = %s", kept) == [
            {"task_name": "changed behind the lists"}
        ]
        account.patch("properties", home, status="active")
        await again(setup)
        assert rows("SELECT * FROM missing_records") == []
        assert live(rows, "tasks") == set(tasks) - {gone}


async def test_a_tag_on_a_live_record_is_no_candidate(dsn: str, rows: Rows) -> None:
    async with sandboxed(dsn) as setup:
        await setup.run()
        account = setup.world.account("nashville")
        used = {tag["id"] for task in account.records("tasks") for tag in task["task_tags"]}
        unused = set(account.ids("task_tags")) - used
        for key in (*used, *unused):
            account.delete("task_tags", key)
        account.put("task_tags", {"id": 999_999_1, "name": "new"})
        for _ in range(3):
            await setup.run(entity="tags")
        kept = {row["tag_id"] for row in rows("SELECT tag_id FROM tags WHERE tag_type = 'task' AND deleted_at IS NULL")}
        assert used
        assert kept == used | {999_999_1}


async def test_a_candidate_that_a_record_has_got_meanwhile_stays(dsn: str, rows: Rows) -> None:
    async with sandboxed(dsn) as setup:
        account = setup.world.account("nashville")
        key = 999_999_1
        tag = {"id": key, "name": "new"}
        account.put("task_tags", tag)
        await setup.run()
        account.delete("task_tags", key)
        await setup.run(entity="tags")
        assert rows("SELECT state FROM missing_records") == [{"state": "candidate"}]
        task = min(account.ids("tasks"))
        account.patch("tasks", task, task_tags=[tag])
        await setup.run(entity="tasks")
        for _ in range(2):
            await setup.run(entity="tags")
        assert rows("SELECT deleted_at FROM tags WHERE tag_id = %s", key) == [{"deleted_at": None}]
        account.patch("tasks", task, task_tags=[])
        await setup.run(entity="tasks")
        for _ in range(2):
            await setup.run(entity="tags")
        assert rows("SELECT * FROM tags WHERE tag_id = %s AND deleted_at IS NULL", key) == []


async def test_an_empty_list_is_not_the_second_proof(dsn: str, rows: Rows) -> None:
    async with sandboxed(dsn) as setup:
        await setup.run()
        account = setup.world.account("nashville")
        key = min(account.ids("supplies"))
        account.hide("supplies", key)
        await setup.run(entity="supplies")
        setup.faults.add("blank")
        for _ in range(3):
            await setup.run(entity="supplies")
            assert key in live(rows, "supplies")
        setup.faults.clear()
        account.show("supplies", key)
        await setup.run(entity="supplies")
        assert live(rows, "supplies") == set(account.ids("supplies"))
        assert rows("SELECT * FROM deletions") == []


async def test_a_deletion_near_today_is_seen_within_26_hours(dsn: str, rows: Rows) -> None:
    async with sandboxed(dsn) as setup:
        account = setup.world.account("nashville")
        today, keys = Later().now().date(), sorted(account.ids("tasks"))[:2]
        # Begun late in the evening, the hours end in the day after tomorrow: then it is 14 days to the first one.
        for key, days in zip(keys, (-12, 14), strict=True):
            account.patch("tasks", key, scheduled_date=str(today + timedelta(days)))
        await setup.run()
        for key in keys:
            account.delete("tasks", key)
        for hour in range(1, 27):
            report = await setup.run(entity="tasks", clock=Later(hour / 24))
            assert outcome(report, "tasks").status == SUCCESS
        assert live(rows, "tasks") == set(account.ids("tasks"))


async def test_tasks_that_went_with_their_property_come_back_with_it(dsn: str, rows: Rows) -> None:
    async with sandboxed(dsn) as setup:
        account = setup.world.account("nashville")
        home = min(account.ids("properties"))
        tasks = [task["id"] for task in account.records("tasks") if task["home_id"] == home]
        for key in tasks:
            account.patch("tasks", key, scheduled_date="2020-01-01", updated_at="2020-01-01T00:00:00")
        gone = [account.get("tasks", key) for key in tasks]
        back = account.get("properties", home)
        await setup.run()
        for key in tasks:
            account.delete("tasks", key)
        account.delete("properties", home)
        for _ in range(4):
            await again(setup)
        assert tasks
        assert not set(tasks) & live(rows, "tasks")
        for task in gone:
            account.put("tasks", task)
        account.put("properties", back)
        await setup.run()
    assert set(tasks) <= live(rows, "tasks")


async def test_the_newest_record_that_is_gone_unnoticed_does_not_stop_other_deletions(dsn: str, rows: Rows) -> None:
    async with sandboxed(dsn) as setup:
        account = setup.world.account("nashville")
        today = Later().now().date()
        await setup.run()
        newest = rows("SELECT task_id FROM tasks ORDER BY id DESC LIMIT 1")[0]["task_id"]
        near = min(account.ids("tasks"))
        account.patch("tasks", newest, scheduled_date=str(today + timedelta(60)))
        account.patch("tasks", near, scheduled_date=str(today))
        await setup.run(entity="tasks")
        for key in (newest, near):
            account.delete("tasks", key)
        for hour in range(1, 27):
            await setup.run(entity="tasks", clock=Later(hour / 24))
        assert near not in live(rows, "tasks")


async def test_undoing_is_part_of_a_records_life(dsn: str, rows: Rows) -> None:
    async with sandboxed(dsn) as setup:
        setup.settings = setup.settings.model_copy(update={"history": HistorySettings(entities=("tasks",))})
        await setup.run()
        key = min(setup.world.account("nashville").ids("tasks"))
        setup.world.account("nashville").patch("tasks", key, type_task_status={"code": "deleted", "name": "Deleted"})
        await setup.run(entity="tasks")
        await deletes.undo(setup.settings, "nashville", TASKS, [str(key)])
    life = rows("SELECT what FROM v_task_life WHERE task_id = %s AND what <> 'changed' ORDER BY seen_at", key)
    assert [one["what"] for one in life] == ["created", "deleted", "undeleted"]
