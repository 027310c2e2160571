"""A rejection waits for as long as something may be missing, and no longer."""

from __future__ import annotations

from breezeway_sync.core.outcome import PARTIAL, SUCCESS
from tests.conftest import Rows
from tests.helpers import outcome, sandboxed

OPEN = "SELECT entity_type, record_id FROM rejected_records WHERE resolved_at IS NULL"
TWO_DAYS_LATER = "UPDATE rejected_records SET last_seen_at = last_seen_at - interval '2 days'"


async def test_what_names_no_property_is_closed_when_no_list_has_shown_it_for_long(dsn: str, rows: Rows) -> None:
    async with sandboxed(dsn) as setup:
        account = setup.world.account("nashville")
        number = account.new_id("tasks")
        shown, other = sorted({task["home_id"] for task in account.records("tasks")})[:2]
        account.put_raw("tasks", number, b"null", home_id=shown)
        await setup.run()
        rows(TWO_DAYS_LATER)
        assert outcome(await setup.run(entity="tasks", full=True), "tasks").status == PARTIAL  # still there
        account.delete("tasks", number)
        assert outcome(await setup.run(entity="tasks", full=True), "tasks").status == PARTIAL  # too soon to tell
        rows(TWO_DAYS_LATER)
        rows(
            "UPDATE checkpoints SET last_full_scan_at = last_full_scan_at - interval '2 days' WHERE parent_id = %s",
            other,
        )
        assert outcome(await setup.run(entity="tasks"), "tasks").status == PARTIAL  # may have come from that list
        assert outcome(await setup.run(entity="tasks", full=True), "tasks").status == SUCCESS
    assert rows(OPEN) == []


async def test_comments_of_a_task_that_is_deleted_wait_for_nothing(dsn: str, rows: Rows) -> None:
    async with sandboxed(dsn) as setup:
        account = setup.world.account("nashville")
        gone, stays, *_ = account.ids("tasks")
        for number in (gone, stays):
            account.set_comments(number, [{"id": number, "comment": "odd", "created_at": "2026-11-01T10:00:00"}])
        rows("ALTER TABLE task_comments ADD CONSTRAINT made_up CHECK (comment <> 'odd')")
        await setup.run()
        account.delete("tasks", gone)
        for _ in range(2):
            assert {"entity_type": "task_comments", "record_id": str(gone)} in rows(OPEN)
            await setup.run(entity="tasks", full=True)
    assert rows("SELECT task_id FROM tasks WHERE deleted_at IS NOT NULL") == [{"task_id": gone}]
    assert rows(OPEN) == [{"entity_type": "task_comments", "record_id": str(stays)}]


async def test_contacts_that_are_refused_leave_those_of_other_properties_marked_as_read(dsn: str, rows: Rows) -> None:
    async with sandboxed(dsn) as setup:
        account = setup.world.account("nashville")
        refused, *others = account.ids("properties")
        account.set_contacts(refused, [{"id": 1, "name": "odd"}])
        rows("ALTER TABLE property_contacts ADD CONSTRAINT made_up CHECK (name <> 'odd')")
        await setup.run()
    assert rows(OPEN) == [{"entity_type": "property_contacts", "record_id": str(refused)}]
    read = rows(
        "SELECT parent_id FROM checkpoints WHERE source = 'property_contacts' AND last_full_scan_at IS NOT NULL"
    )
    assert {one["parent_id"] for one in read} == set(others)


async def test_what_lists_leave_out_is_not_closed_because_they_do_not_show_it(dsn: str, rows: Rows) -> None:
    async with sandboxed(dsn) as setup:
        await setup.run()
        account = setup.world.account("nashville")
        key = min(account.ids("tasks"))
        account.hide("tasks", key)
        await setup.run(entity="tasks", full=True)
        assert rows("SELECT state FROM missing_records") == [{"state": "hidden"}]
        rows("ALTER TABLE tasks ADD CONSTRAINT made_up CHECK (task_name <> 'odd')")
        account.patch("tasks", key, name="odd")
        rows("UPDATE missing_records SET asked_at = asked_at - interval '8 days'")
        for _ in range(2):
            assert outcome(await setup.run(entity="tasks", full=True), "tasks").status == PARTIAL
            rows(TWO_DAYS_LATER)
        rows("ALTER TABLE tasks DROP CONSTRAINT made_up")
        rows("UPDATE missing_records SET asked_at = asked_at - interval '8 days'")
        assert outcome(await setup.run(entity="tasks", full=True), "tasks").status == SUCCESS
