"""What loading promises: exact sets, nothing written twice, one bad record costs only itself."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any

import psycopg
import pytest

from breezeway_sync.core.errors import DatabaseBusy, DatabaseFull, LeaseLost
from breezeway_sync.sync.calls import HIGHEST
from tests.cli.support import until
from tests.conftest import Rows
from tests.store.conftest import Store

NESTED = "type_task_status"


def task(task_id: object = 1, **fields: Any) -> dict[str, Any]:
    return {"id": task_id, "home_id": 10, "name": "Clean", **fields}


def reservation(reservation_id: int = 5, **fields: Any) -> dict[str, Any]:
    return {"id": reservation_id, "property_id": 10, "checkin_date": "2026-11-20", **fields}


async def test_an_unchanged_record_is_not_written(store: Store, rows: Rows) -> None:
    first = await store.load("tasks", task(photos=[{"id": 1, "url": "https://img.example/1"}]))
    versions = " UNION ALL ".join(
        f"SELECT xmin::text, ctid::text, synced_at FROM {one}" for one in ("tasks", "task_photos")
    )
    before = rows(versions)
    second = await store.load(
        "tasks", {"name": "Clean", "home_id": 10, "photos": [{"url": "https://img.example/1", "id": 1}], "id": 1}
    )
    after = rows(versions)
    assert (first.new, second.new, second.updated, second.unchanged) == (1, 0, 0, 1)
    assert before == after


async def test_an_unchanged_batch_writes_no_wal(store: Store, rows: Rows) -> None:
    records = [task(number, description="x" * 500) for number in range(1, 501)]
    await store.load("tasks", *records)
    await store.load("tasks", *records)
    start = rows("SELECT pg_current_wal_insert_lsn()::text AS lsn")[0]["lsn"]
    await store.load("tasks", *records)
    written = rows("SELECT pg_current_wal_insert_lsn() - %s::pg_lsn AS bytes", start)[0]["bytes"]
    assert written < 5_000  # nothing of ours; background processes log a little


async def test_called_children_that_are_stored_as_they_are_write_no_wal(store: Store, rows: Rows) -> None:
    """Neither into the rows, which would be locked, nor for a staging table into the catalogs."""
    comments = [{"id": number, "comment": "made up", "created_at": "2026-11-01T08:00:00Z"} for number in range(200)]
    await store.load("tasks", task())
    for _ in range(2):
        await store.load_children("task_comments", 1, comments)
    versions = "SELECT xmin::text, xmax::text, ctid::text FROM task_comments ORDER BY id"
    before, start = rows(versions), rows("SELECT pg_current_wal_insert_lsn()::text AS lsn")[0]["lsn"]
    loaded = await store.load_children("task_comments", 1, comments)
    written = rows("SELECT pg_current_wal_insert_lsn() - %s::pg_lsn AS bytes", start)[0]["bytes"]
    assert (loaded.read, loaded.unchanged, rows(versions)) == (200, 200, before)
    assert written < 5_000  # a staging table alone is 20,000


async def test_children_are_exact_sets(store: Store, rows: Rows) -> None:
    costs = [{"id": 1, "cost": 5}, {"id": 2, "cost": Decimal("7.5")}, {"id": None, "cost": 1}, {"id": None, "cost": 2}]
    await store.load("tasks", task(costs=costs, assignments=[{"id": 9, "name": "Jo"}]))
    await store.load("tasks", task(costs=[costs[1], costs[3]], assignments=[]))
    found = rows("SELECT cost_id, ordinal, cost FROM task_costs ORDER BY cost_id NULLS LAST, ordinal")
    assert [(one["cost_id"], one["ordinal"], one["cost"]) for one in found] == [(2, None, Decimal("7.5")), (None, 0, 2)]
    assert rows("SELECT * FROM task_assignments") == []


async def test_null_ids_do_not_multiply(store: Store, rows: Rows) -> None:
    for note in range(4):
        await store.load(
            "tasks", task(description=str(note), supplies=[{"id": None, "name": "a"}, {"id": None, "name": "b"}])
        )
    assert [one["name"] for one in rows("SELECT name FROM task_supplies ORDER BY ordinal")] == ["a", "b"]


@pytest.mark.parametrize("absent", [{}, {"photos": None}])
async def test_a_list_that_is_not_sent_keeps_its_rows(store: Store, rows: Rows, absent: dict[str, Any]) -> None:
    await store.load("tasks", task(photos=[{"id": 1}]))
    loaded = await store.load("tasks", {**task(description="new"), **absent})
    assert loaded.updated == 1
    assert loaded.lists_not_sent >= 1
    assert len(rows("SELECT * FROM task_photos")) == 1
    await store.load("tasks", task(photos=[]))
    assert rows("SELECT * FROM task_photos") == []


async def test_children_in_another_order_write_nothing(store: Store, rows: Rows) -> None:
    tags, photos = [{"id": 3, "name": "x"}, {"id": 1, "name": "y"}], [{"id": 7}, {"id": 5}]
    await store.load("tasks", task(photos=photos, task_tags=tags))
    again = await store.load("tasks", task(photos=photos[::-1], task_tags=tags[::-1]))
    assert (again.unchanged, again.updated) == (1, 0)


async def test_the_order_of_property_photos_is_data(store: Store, rows: Rows) -> None:
    photos: list[Any] = [{"id": 7, "default": True}, {"id": 7, "default": True}, {"id": 5}]
    await store.load("properties", {"id": 1, "photos": photos})
    ordered = "SELECT photo_id, display_order FROM property_photos ORDER BY display_order"
    assert [tuple(one.values()) for one in rows(ordered)] == [(7, 0), (5, 2)]
    moved = await store.load("properties", {"id": 1, "photos": photos[::-1]})
    assert moved.updated == 1
    assert [tuple(one.values()) for one in rows(ordered)] == [(5, 0), (7, 1)]


async def test_the_same_key_three_times_in_one_batch(store: Store, rows: Rows) -> None:
    loaded = await store.load("tasks", task(name="a"), task(name="b"), task(name="c"))
    assert (loaded.read, loaded.new) == (3, 1)
    assert rows("SELECT task_name FROM tasks") == [{"task_name": "c"}]


async def test_a_missing_field_leaves_null_not_a_stale_value(store: Store, rows: Rows) -> None:
    await store.load("tasks", task(description="old", **{NESTED: {"code": "created", "name": "Created"}}))
    await store.load("tasks", task(**{NESTED: None}))
    assert rows("SELECT description, task_status_code FROM tasks") == [{"description": None, "task_status_code": None}]


async def test_a_record_without_id_is_kept_and_costs_only_itself(store: Store, rows: Rows) -> None:
    loaded = await store.load("tasks", task(1), {"name": "nobody"}, "text", task(2), task("x"), task(2**70))
    assert (loaded.new, loaded.rejected) == (2, 4)
    kept = rows("SELECT record_id, reason, payload FROM rejected_records ORDER BY id")
    assert [one["payload"] for one in kept] == [{"name": "nobody"}, "text", task("x"), task(2**70)]
    again = await store.load("tasks", {"name": "nobody"})
    assert again.rejected == 1
    assert len(rows("SELECT * FROM rejected_records")) == 4


async def test_a_rejected_record_that_comes_back_well_is_resolved(store: Store, rows: Rows) -> None:
    rows(
        "INSERT INTO rejected_records (region_code, entity_type, record_id, reason) "
        "VALUES ('nashville', 'tasks', '1', 'x')"
    )
    await store.load("tasks", task(1))
    assert rows("SELECT resolved_at IS NOT NULL AS done FROM rejected_records") == [{"done": True}]


async def test_a_rejected_list_of_children_that_comes_back_well_is_resolved(store: Store, rows: Rows) -> None:
    await store.load("tasks", {"id": 1, "home_id": 10}, {"id": 2, "home_id": 10})
    rows(
        "INSERT INTO rejected_records (region_code, entity_type, record_id, reason) "
        "VALUES ('nashville', 'task_comments', '1', 'x'), ('nashville', 'task_comments', '2', 'x')"
    )
    await store.load_children("task_comments", 1, [])
    assert rows("SELECT record_id FROM rejected_records WHERE resolved_at IS NOT NULL") == [{"record_id": "1"}]


async def test_a_row_that_postgresql_refuses_costs_only_itself(store: Store, rows: Rows) -> None:
    rows("ALTER TABLE tasks ADD CONSTRAINT made_up CHECK (task_name <> 'bad')")
    loaded = await store.load(
        "tasks", *(task(number, name="bad" if number == 13 else "good") for number in range(1, 40))
    )
    assert (loaded.new, loaded.rejected) == (38, 1)
    kept = rows("SELECT record_id, reason, payload FROM rejected_records")[0]
    assert kept["record_id"] == "13"
    assert "23514" in kept["reason"]
    assert kept["payload"]["name"] == "bad"


async def test_two_regions_with_the_same_ids(store: Store, rows: Rows) -> None:
    for region in ("nashville", "austin"):
        await store.load("properties", {"id": 10}, region=region)
        await store.load("reservations", reservation(), region=region)
        await store.load("tasks", task(linked_reservation={"id": 5}, task_tags=[{"id": 1}]), region=region)
    linked = rows(
        "SELECT t.region_code, p.region_code AS p, r.region_code AS r FROM tasks t "
        "JOIN properties p ON p.id = t.property_pk JOIN reservations r ON r.id = t.reservation_pk ORDER BY 1"
    )
    assert linked == [{"region_code": x, "p": x, "r": x} for x in ("austin", "nashville")]


async def test_links_are_made_as_soon_as_their_target_comes(store: Store, rows: Rows) -> None:
    await store.load("tasks", task(linked_reservation={"id": 5}))
    await store.load("reservations", reservation())
    await store.load("properties", {"id": 10})
    assert rows("SELECT count(property_pk) p, count(reservation_pk) r FROM tasks") == [{"p": 1, "r": 1}]
    assert rows("SELECT count(property_pk) p FROM reservations") == [{"p": 1}]


async def test_a_moved_link_moves(store: Store, rows: Rows) -> None:
    await store.load("properties", {"id": 10}, {"id": 11})
    await store.load("reservations", reservation(5), reservation(6))
    await store.load("tasks", task(linked_reservation={"id": 5}))
    await store.load("tasks", task(home_id=11, linked_reservation={"id": 6}))
    assert rows(
        "SELECT p.property_id, r.reservation_id FROM tasks t JOIN properties p ON p.id = t.property_pk "
        "JOIN reservations r ON r.id = t.reservation_pk"
    ) == [{"property_id": 11, "reservation_id": 6}]
    await store.load("tasks", task(home_id=99, linked_reservation={"id": 98}))
    assert rows("SELECT property_pk, reservation_pk FROM tasks") == [{"property_pk": None, "reservation_pk": None}]


async def test_a_tag_first_seen_on_a_record_waits_for_its_list(store: Store, rows: Rows) -> None:
    await store.load("tasks", task(task_tags=[{"id": 31, "name": "frost"}]))
    assert rows("SELECT tag_type, tag_id, tag_name, extra FROM tags") == [
        {"tag_type": "task", "tag_id": 31, "tag_name": None, "extra": {"name": "frost"}}
    ]
    await store.load("tags", {"id": 31, "name": "Frost", "description": "d"}, tag_type="task")
    await store.load("tasks", task(2, task_tags=[{"id": 31, "name": "other"}]))
    assert rows("SELECT tag_name, tag_description, extra FROM tags") == [
        {"tag_name": "Frost", "tag_description": "d", "extra": None}
    ]
    assert len(rows("SELECT * FROM task_tags")) == 2
    await store.load("tasks", task(task_tags=[]))
    assert len(rows("SELECT * FROM task_tags")) == 1


async def test_tag_types_are_kept_apart(store: Store, rows: Rows) -> None:
    for tag_type in ("task", "reservation", "property"):
        await store.load("tags", {"id": 1, "name": tag_type}, tag_type=tag_type)
    await store.load("reservations", reservation(tags=[{"id": 1, "name": "reservation"}]))
    assert rows("SELECT g.tag_name FROM reservation_tags l JOIN tags g ON g.id = l.tag_pk") == [
        {"tag_name": "reservation"}
    ]
    assert len(rows("SELECT * FROM tags")) == 3


async def test_an_earlier_answer_that_arrives_later_loses(store: Store, rows: Rows) -> None:
    early, late = store.next_order(), store.next_order()
    await store.load("tasks", task(name="new", photos=[{"id": 2}]), order=late)
    loaded = await store.load(
        "tasks", task(name="old", photos=[{"id": 1}], task_tags=[{"id": 8}]), task(2), order=early
    )
    assert (loaded.stale, loaded.new) == (1, 1)
    assert rows("SELECT task_name FROM tasks WHERE task_id = 1") == [{"task_name": "new"}]
    assert rows("SELECT photo_id FROM task_photos") == [{"photo_id": 2}]
    assert rows("SELECT * FROM task_tags") == []


async def test_a_deleted_record_that_comes_back_unchanged_is_undeleted(store: Store, rows: Rows) -> None:
    await store.load("tasks", task())
    rows("UPDATE tasks SET deleted_at = now()")
    loaded = await store.load("tasks", task())
    assert loaded.updated == 1
    assert rows("SELECT deleted_at FROM tasks") == [{"deleted_at": None}]


async def test_a_deleted_target_keeps_its_links(store: Store, rows: Rows) -> None:
    await store.load("properties", {"id": 10})
    rows("UPDATE properties SET deleted_at = now()")
    await store.load("tasks", task())
    assert rows("SELECT count(property_pk) p FROM tasks") == [{"p": 1}]


async def test_new_and_changed_tasks_owe_their_calls(store: Store, rows: Rows) -> None:
    await store.load("tasks", task(1), task(2))
    assert await store.sync_state.count_pending_reads("nashville", ["task_comments", "task_requirements"]) == {
        "task_comments": 2,
        "task_requirements": 2,
    }
    assert await store.sync_state.pending_parents("nashville", "task_comments", HIGHEST, 10) == [2, 1]
    for number in (1, 2):
        await store.load_children("task_comments", number, [])
    await store.load("tasks", task(1), task(2, name="changed"))
    assert await store.sync_state.pending_parents("nashville", "task_comments", HIGHEST, 10) == [2]


async def test_a_call_that_began_before_a_change_does_not_settle_it(store: Store) -> None:
    call = store.next_order()
    await store.load("tasks", task(1))
    await store.load_children("task_comments", 1, [], order=call)
    assert await store.sync_state.pending_parents("nashville", "task_comments", HIGHEST, 10) == [1]
    await store.load_children("task_comments", 1, [])
    assert await store.sync_state.pending_parents("nashville", "task_comments", HIGHEST, 10) == []


async def test_a_new_mapping_rewrites_rows_but_asks_for_no_comments(store: Store, rows: Rows) -> None:
    await store.load("tasks", task(1))
    await store.load_children("task_comments", 1, [])
    rows("UPDATE tasks SET mapping_version = 1, task_name = 'as an older mapping had it'")
    before = rows("SELECT system_updated_at, system_created_at, synced_at FROM tasks")[0]
    loaded = await store.load("tasks", task(1))
    after = rows("SELECT task_name, system_updated_at, system_created_at, synced_at FROM tasks")[0]
    assert loaded.updated == 1
    assert after["task_name"] == "Clean"
    assert (after["system_updated_at"], after["system_created_at"]) == (
        before["system_updated_at"],
        before["system_created_at"],
    )
    assert after["synced_at"] > before["synced_at"]
    assert await store.sync_state.pending_parents("nashville", "task_comments", HIGHEST, 10) == []


async def test_requirements_are_replaced_as_a_set(store: Store, rows: Rows) -> None:
    await store.load("tasks", task(1))
    steps: list[Any] = [{"action": ["a"], "response": "check"}, {"action": "b"}, {"action": None, "note": "c"}]
    await store.load_children("task_requirements", 1, steps)
    loaded = await store.load_children("task_requirements", 1, [steps[0], steps[2]])
    assert (loaded.updated, loaded.unchanged, loaded.deleted) == (1, 1, 1)
    assert rows("SELECT ordinal, action, note FROM task_requirements ORDER BY ordinal") == [
        {"ordinal": 0, "action": ["a"], "note": None},
        {"ordinal": 1, "action": None, "note": "c"},
    ]
    again = await store.load_children("task_requirements", 1, [steps[0], steps[2]])
    assert (again.new, again.updated, again.deleted) == (0, 0, 0)


async def test_items_without_a_row_stand_in_the_parents_extra(store: Store, rows: Rows) -> None:
    await store.load("tasks", task(1, comments="inline"))
    await store.load_children("task_comments", 1, ["text", {"comment": "no id"}, {"id": 4, "comment": "fine"}])
    kept = {"comments": "inline", "/comments": ["text", {"comment": "no id"}]}
    assert rows("SELECT extra FROM tasks")[0]["extra"] == kept
    await store.load("tasks", task(1, comments="other"))
    assert rows("SELECT extra FROM tasks")[0]["extra"] == {**kept, "comments": "other"}
    await store.load_children("task_comments", 1, [{"id": 4, "comment": "fine"}])
    assert rows("SELECT extra FROM tasks")[0]["extra"] == {"comments": "other"}


async def test_children_that_postgresql_refuses_cost_only_their_parent(store: Store, rows: Rows) -> None:
    rows("ALTER TABLE task_comments ADD CONSTRAINT made_up CHECK (comment <> 'bad')")
    await store.load("tasks", *(task(number) for number in range(1, 9)))
    sets = [(number, [{"id": number, "comment": "bad" if number == 3 else "good"}]) for number in range(1, 9)]
    loaded = await store.load_many("task_comments", sets)
    assert (loaded.new, loaded.rejected) == (7, 1)
    kept = rows("SELECT entity_type, record_id, payload FROM rejected_records")
    assert kept == [{"entity_type": "task_comments", "record_id": "3", "payload": sets[2][1]}]
    assert await store.sync_state.pending_parents("nashville", "task_comments", HIGHEST, 10) == [3]


@pytest.mark.parametrize("state", ["53100", "40P01", "40001", "55P03"])
async def test_a_database_that_cannot_now_is_asked_again_and_then_told(store: Store, rows: Rows, state: str) -> None:
    """A full disk, a deadlock, a serialization failure, a lock that is not to be had: nothing of it is stored."""
    rows(
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        f"RAISE EXCEPTION 'no' USING ERRCODE = '{state}'; END $$; "
        "CREATE TRIGGER refuse BEFORE INSERT ON task_photos FOR EACH ROW EXECUTE FUNCTION refuse()"
    )
    with pytest.raises(DatabaseFull if state == "53100" else DatabaseBusy, match=state):
        await store.load("tasks", task(1, photos=[{"id": 1}]), task(2))
    assert rows("SELECT * FROM tasks") == rows("SELECT * FROM rejected_records") == []
    rows("DROP TRIGGER refuse ON task_photos")
    assert (await store.load("tasks", task(1, photos=[{"id": 1}]), task(2))).new == 2


async def test_dates_at_the_edges_are_stored_as_they_are(store: Store, rows: Rows) -> None:
    await store.load(
        "tasks",
        task(1, scheduled_date="9999-12-31", created_at="9999-12-31T23:59:59.999999"),
        task(2, scheduled_date="0001-01-01", created_at="0001-01-01T00:00:00Z"),
    )
    found = rows("SELECT scheduled_date::text AS d, created_at::text AS c FROM tasks ORDER BY task_id")
    assert [tuple(one.values()) for one in found] == [
        ("9999-12-31", "9999-12-31 23:59:59.999999+00"),
        ("0001-01-01", "0001-01-01 00:00:00+00"),
    ]


async def test_text_of_any_length_and_any_character(store: Store, rows: Rows) -> None:
    long = "ü" * 1_000_000
    loaded = await store.load("tasks", task(1, name=long, description="a\x00b", odd={"\x00k": "\x00"}))
    assert loaded.changed_characters == 3
    found = rows("SELECT task_name, description, extra FROM tasks")[0]
    assert (found["task_name"], found["description"], found["extra"]) == (long, "ab", {"odd": {"k": ""}})


async def test_a_loader_without_the_lease_writes_nothing(store: Store, rows: Rows) -> None:
    store.behind = 1
    store.begin_run(2)
    with pytest.raises(LeaseLost):
        await store.load("tasks", task(1))
    with pytest.raises(LeaseLost):
        await store.load_children("task_comments", 1, [])
    assert rows("SELECT * FROM tasks") == []


async def test_batches_side_by_side(store: Store, rows: Rows) -> None:
    batches = [[task(number) for number in range(start, start + 50)] for start in range(1, 400, 25)]
    await asyncio.gather(*(store.load("tasks", *batch) for batch in batches))
    assert rows("SELECT count(*) n, count(DISTINCT task_id) d FROM tasks") == [{"n": 425, "d": 425}]


WAITING = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"


async def test_a_batch_is_compared_after_the_one_before_it_is_stored(store: Store, dsn: str, rows: Rows) -> None:
    """Else the answer that was asked for later would be found stored, just before the earlier one replaces it."""
    await store.load("tasks", task(1, name="later"))
    order_before, order = store.next_order(), store.next_order()
    with psycopg.connect(dsn) as other:
        other.execute("SELECT FROM breezeway.tasks FOR UPDATE")
        earlier = asyncio.create_task(store.load("tasks", task(1, name="earlier"), order=order_before))
        await until(lambda: rows(WAITING) != [], 20, "the first batch waits for no lock")
        later = asyncio.create_task(store.load("tasks", task(1, name="later"), order=order))
        await asyncio.sleep(0.1)  # enough to compare, if it were allowed to
        assert not later.done()
    assert ((await earlier).updated, (await later).updated) == (1, 1)
    assert rows("SELECT task_name FROM tasks") == [{"task_name": "later"}]
