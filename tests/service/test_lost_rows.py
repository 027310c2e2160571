"""Rows that somebody deletes by hand are noticed, told and read again; until then nothing is called fresh."""

from __future__ import annotations

import psycopg
import pytest

from breezeway_sync.core.outcome import SUCCESS
from breezeway_sync.core.record_events import RowsLost
from breezeway_sync.entities.catalog import ENTITIES
from breezeway_sync.sandbox.spec import Kind, resized
from tests.conftest import Rows
from tests.helpers import Setup, outcome, sandboxed, tiny

TABLES = sorted(
    {entity.table for entity in ENTITIES}
    | {child.table for entity in ENTITIES for child in entity.children}
    | {link.table for entity in ENTITIES for link in entity.tags}
    | {one.child.table for entity in ENTITIES for one in entity.called}
)
ACCOUNTS = [resized(tiny()[0], reservations_per_property=4)]
OWN = {"region_code", "id", "synced_at", "read_order", "system_created_at", "system_updated_at"}


def content(rows: Rows) -> dict[str, list[str]]:
    """What all tables hold, without the mirror's own numbers and times."""
    found: dict[str, list[str]] = {}
    for table in TABLES:
        kept = rows(f"SELECT to_jsonb(t) AS row FROM {table} t")
        found[table] = sorted(
            repr(sorted((k, str(v)) for k, v in one["row"].items() if k not in OWN and not k.endswith("_pk")))
            for one in kept
        )
    return found


def refused(rows: Rows, entity: str) -> str:
    with pytest.raises(psycopg.Error) as caught:
        rows("SELECT require_fresh('nashville', %s, '2 hours', verified_within => NULL)", entity)
    assert caught.value.sqlstate == "BZ001"
    return str(caught.value)


def entity_of(table: str) -> str:
    """Whose reading is doubtful when rows of a table are gone."""
    if table == "property_contacts":
        return table
    return next(
        entity.name
        for entity in ENTITIES
        if table in {entity.table, *(one.child.table for one in entity.called)}
        | {child.table for child in entity.children} | {link.table for link in entity.tags}
    )  # fmt: skip


ONE = "DELETE FROM {table} WHERE id = (SELECT max(id) FROM {table})"
ALL = "DELETE FROM {table}"
TRUNCATE = "TRUNCATE {table} CASCADE"


@pytest.mark.parametrize("how", [ONE, ALL, TRUNCATE], ids=["one row", "all rows", "truncate"])
async def test_rows_deleted_by_hand_are_refused_at_once_and_read_again(dsn: str, rows: Rows, how: str) -> None:
    async with sandboxed(dsn, ACCOUNTS) as setup:
        await setup.run()
        before = content(rows)
        assert [table for table in TABLES if not before[table]] == []
        for table in TABLES:
            await deleted_and_read_again(setup, rows, table, how)
            assert content(rows) == before, table


async def deleted_and_read_again(setup: Setup, rows: Rows, table: str, how: str) -> None:
    entity = entity_of(table)
    rows(how.format(table=table))
    assert "never read to the end" in refused(rows, entity), table
    setup.events.clear()
    report = await setup.run()
    told = [one for one in setup.events if isinstance(one, RowsLost)]
    assert (entity, table) in {(one.entity, one.table) for one in told}
    assert any("deleted by hand" in note for note in outcome(report, entity).details)
    assert {one.status for one in report.outcomes} == {SUCCESS}, table
    assert rows("SELECT * FROM lost_rows") == []
    assert rows("SELECT * FROM missing_records") == []
    assert rows("SELECT require_fresh('nashville', %s, '2 hours')", entity)


async def test_a_whole_mirror_that_is_emptied_by_hand_is_read_again(dsn: str, rows: Rows) -> None:
    async with sandboxed(dsn, ACCOUNTS) as setup:
        await setup.run()
        before = content(rows)
        rows(f"TRUNCATE {', '.join(TABLES)} CASCADE")
        await setup.run()
        assert content(rows) == before


async def test_hidden_records_that_are_deleted_by_hand_come_back_by_their_own_address(dsn: str, rows: Rows) -> None:
    async with sandboxed(dsn, ACCOUNTS) as setup:
        await setup.run()
        account = setup.world.account("nashville")
        hidden: dict[Kind, list[int]] = {
            "reservations": sorted(account.ids("reservations"))[:2],
            "tasks": sorted(account.ids("tasks"))[:2],
        }
        for kind, keys in hidden.items():
            for key in keys:
                account.hide(kind, key)
        await setup.run(full=True)
        before = content(rows)
        for statement in (
            f"DELETE FROM tasks WHERE task_id = {hidden['tasks'][0]}",
            f"DELETE FROM task_assignments a USING tasks t WHERE t.id = a.task_pk AND t.task_id = {hidden['tasks'][1]}",
            "TRUNCATE reservations CASCADE",
        ):
            rows(statement)
        await setup.run()
        assert content(rows) == before
        found = rows("SELECT entity_type, record_id, state FROM missing_records ORDER BY 1, 2")
        assert [(one["entity_type"], one["record_id"]) for one in found] == [
            (kind, key) for kind in sorted(hidden) for key in hidden[kind]
        ]
        assert {one["state"] for one in found} == {"hidden"}


async def test_what_the_product_deletes_itself_is_not_lost(dsn: str, rows: Rows) -> None:
    async with sandboxed(dsn, ACCOUNTS) as setup:
        await setup.run()
        account = setup.world.account("nashville")
        task = next(one for one in account.records("tasks") if one["assignments"])
        account.patch("tasks", task["id"], assignments=[], task_tags=[])
        await setup.run(full=True)
    assert rows("SELECT * FROM lost_rows") == []
    assert [one for one in setup.events if isinstance(one, RowsLost)] == []


async def test_deleting_what_is_deleted_loses_nothing(dsn: str, rows: Rows) -> None:
    async with sandboxed(dsn, ACCOUNTS) as setup:
        await setup.run()
    rows("UPDATE tasks SET deleted_at = now() WHERE task_id = (SELECT min(task_id) FROM tasks)")
    rows("DELETE FROM tasks WHERE deleted_at IS NOT NULL")
    assert rows("SELECT * FROM lost_rows") == []


@pytest.mark.parametrize("statement", ["DELETE FROM task_assignments", "TRUNCATE task_assignments"])
async def test_a_deleted_task_that_comes_back_unchanged_has_the_children_that_somebody_deleted_meanwhile(
    dsn: str, rows: Rows, statement: str
) -> None:
    async with sandboxed(dsn, ACCOUNTS) as setup:
        await setup.run()
        before = content(rows)
        account = setup.world.account("nashville")
        task = next(one for one in account.records("tasks") if one["assignments"])
        account.delete("tasks", task["id"])
        for _ in range(2):
            await setup.run(full=True)
        assert rows("SELECT count(*) AS n FROM tasks WHERE deleted_at IS NOT NULL") == [{"n": 1}]
        rows(statement)
        account.put("tasks", task)
        await setup.run(full=True)
        after = content(rows)
        assert after["task_assignments"] == before["task_assignments"]


async def test_a_task_that_says_itself_that_it_is_deleted_gets_its_children_again_too(dsn: str, rows: Rows) -> None:
    """Its list shows it, and nothing of it changes any more."""
    async with sandboxed(dsn, ACCOUNTS) as setup:
        account = setup.world.account("nashville")
        task = next(one for one in account.records("tasks") if one["assignments"])
        account.patch("tasks", task["id"], type_task_status={"code": "deleted", "name": "Deleted", "stage": "deleted"})
        await setup.run()
        assert rows("SELECT deleted_at IS NOT NULL AS gone FROM tasks WHERE task_id = %s", task["id"]) == [
            {"gone": True}
        ]
        before = content(rows)
        rows("DELETE FROM task_assignments")
        await setup.run(full=True)
        assert content(rows)["task_assignments"] == before["task_assignments"]


async def test_who_may_only_delete_is_noticed_too(dsn: str, rows: Rows) -> None:
    async with sandboxed(dsn, ACCOUNTS) as setup:
        await setup.run()
    rows("CREATE ROLE cleaner")
    try:
        rows("GRANT USAGE ON SCHEMA breezeway TO cleaner")
        rows("GRANT SELECT, DELETE ON task_costs, tasks TO cleaner")
        rows("SET ROLE cleaner")
        rows("SET search_path TO pg_temp, breezeway")
        rows("DELETE FROM breezeway.tasks")
        rows("RESET ROLE")
    finally:
        rows("RESET ROLE")
        rows("DROP OWNED BY cleaner")
        rows("DROP ROLE cleaner")
    lost = rows("SELECT DISTINCT table_name FROM breezeway_internal.lost_rows")
    assert lost == [{"table_name": "tasks"}]


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM tasks",
        "TRUNCATE tasks CASCADE",
        "BEGIN ISOLATION LEVEL REPEATABLE READ; TRUNCATE tasks CASCADE; COMMIT",
        "TRUNCATE task_assignments",
    ],
    ids=["delete", "truncate", "truncate in a transaction with a snapshot", "truncate of children"],
)
async def test_a_task_that_left_its_list_since_it_was_read_comes_back_by_its_own_address(
    dsn: str, rows: Rows, statement: str
) -> None:
    """Lists do not show it any more, and the mirror has no other word of it than the lost row."""
    async with sandboxed(dsn, ACCOUNTS) as setup:
        await setup.run()
        before = content(rows)
        account = setup.world.account("nashville")
        account.hide("tasks", next(one["id"] for one in account.records("tasks") if one["assignments"]))
        rows(statement)
        assert "never read to the end" in refused(rows, "tasks")
        await setup.run()
        assert content(rows) == before
        assert rows("SELECT require_fresh('nashville', 'tasks', '2 hours')")


async def test_truncating_notes_what_came_after_the_snapshot_of_its_transaction(dsn: str, rows: Rows) -> None:
    rows("INSERT INTO regions (region_code) VALUES ('nashville')")
    rows("INSERT INTO tasks (region_code, task_id, home_id) VALUES ('nashville', 1, 1)")
    with psycopg.connect(dsn, autocommit=True, options="-c search_path=breezeway,breezeway_internal") as other:
        rows("BEGIN ISOLATION LEVEL REPEATABLE READ")
        rows("SELECT FROM regions")
        other.execute("INSERT INTO tasks (region_code, task_id, home_id) VALUES ('nashville', 2, 1)")
        rows("TRUNCATE tasks CASCADE")
        rows("COMMIT")
    found = rows("SELECT record_id FROM lost_rows WHERE table_name = 'tasks' ORDER BY record_id")
    assert [one["record_id"] for one in found] == [1, None], "the second one may be any of the region"


async def test_truncating_an_empty_table_loses_nothing(dsn: str, rows: Rows) -> None:
    rows("INSERT INTO regions (region_code) VALUES ('nashville')")
    rows("TRUNCATE tasks CASCADE")
    assert rows("SELECT * FROM lost_rows") == []


@pytest.mark.parametrize("statement", ["DELETE FROM tasks", "TRUNCATE tasks CASCADE"])
async def test_past_a_hundred_thousand_records_only_the_region_is_noted(dsn: str, rows: Rows, statement: str) -> None:
    rows("INSERT INTO regions (region_code) VALUES ('big'), ('small')")
    insert = "INSERT INTO tasks (region_code, task_id, home_id) SELECT %s, n, 1 FROM generate_series(1, %s) n"
    rows(insert, "big", 100_001)
    rows(insert, "small", 3)
    rows(statement)
    found = rows("SELECT region_code, record_id FROM lost_rows ORDER BY 1, 2")
    assert [(one["region_code"], one["record_id"]) for one in found] == [
        ("big", None), ("small", 1), ("small", 2), ("small", 3),
    ]  # fmt: skip


def test_every_mirrored_table_is_watched(dsn: str, rows: Rows) -> None:
    found = rows(
        "SELECT tgrelid::regclass::text AS name, array_agg(tgname::text ORDER BY tgname) AS triggers FROM pg_trigger "
        "WHERE tgname LIKE 'note_%%' GROUP BY 1 ORDER BY 1"
    )
    assert {one["name"]: one["triggers"] for one in found} == {
        table: ["note_deleted", "note_truncated"] for table in TABLES
    }
