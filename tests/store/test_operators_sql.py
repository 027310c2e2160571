"""The SQL that operators and dashboards run: names and meanings of schema.md, by hand as they would."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from breezeway_sync.core.outcome import Outcome
from tests.conftest import Rows
from tests.store.conftest import Store


async def finished(store: Store, entity: str, status: str = "success", **counts: Any) -> int:
    row = await store.sync_state.open("nashville", entity, uuid4())
    await store.sync_state.close("nashville", row, Outcome("nashville", entity, status, **counts))
    return row


async def test_the_log_keeps_one_row_per_run(store: Store, rows: Rows) -> None:
    await finished(store, "tasks", read=10, new=4, updated=3, unchanged=3, calls=12)
    await finished(store, "tasks", "failed", error="no way")
    found = rows(
        "SELECT sync_status, records_processed, records_new, records_updated, records_deleted, api_calls_made, "
        "error_message, sync_completed_at >= sync_started_at AS ordered FROM etl_sync_log ORDER BY id"
    )
    assert [tuple(one.values()) for one in found] == [
        ("success", 10, 4, 3, 0, 12, None, True),
        ("failed", 0, 0, 0, 0, 0, "no way", True),
    ]


async def test_a_failure_carries_the_previous_success(store: Store, rows: Rows) -> None:
    await finished(store, "tasks")
    await finished(store, "tasks", "partial")
    await finished(store, "tasks", "failed")
    found = rows(
        "SELECT last_successful_sync_at = first_value(sync_completed_at) OVER (ORDER BY id) AS same FROM etl_sync_log"
    )
    assert [one["same"] for one in found] == [True, True, True]


async def test_a_row_deleted_by_hand_stays_deleted(store: Store, rows: Rows) -> None:
    row = await store.sync_state.open("nashville", "tasks", uuid4())
    rows("DELETE FROM etl_sync_log")
    await store.sync_state.close("nashville", row, Outcome("nashville", "tasks", "success"))
    assert rows("SELECT * FROM etl_sync_log") == []


async def test_status_tells_ages_and_lateness(store: Store, rows: Rows) -> None:
    late = "SELECT is_late, sync_status, age, records_processed FROM v_sync_status WHERE region_code = 'nashville'"
    assert [one["is_late"] for one in rows(late)] == [True]  # only `tasks` is switched on, and it never ran
    await finished(store, "tasks", read=7)
    assert [(one["is_late"], one["sync_status"], one["records_processed"]) for one in rows(late)] == [
        (False, "success", 7)
    ]
    rows("UPDATE etl_sync_log SET last_successful_sync_at = now() - interval '121 minutes'")
    assert rows(late)[0]["is_late"]
    rows("UPDATE freshness_targets SET freshness_target = '3 hours' WHERE entity_type = 'tasks'")
    assert not rows(late)[0]["is_late"]
    hours = rows("SELECT extract(epoch FROM now() - max(last_successful_sync_at)) / 3600 AS h FROM etl_sync_log")
    assert 2.0 < hours[0]["h"] < 2.1


async def test_default_promises(rows: Rows) -> None:
    found = rows("SELECT entity_type, extract(epoch FROM freshness_target)::int / 3600 AS hours FROM freshness_targets")
    hours = {one["entity_type"]: one["hours"] for one in found}
    assert {name for name, value in hours.items() if value == 2} == {"properties", "reservations", "tasks"}
    assert {name for name, value in hours.items() if value == 25} == {"people", "supplies", "tags", "property_contacts"}
    assert {name for name, value in hours.items() if value == 192} == {"templates", "subdepartments"}


async def test_retired_regions_are_not_late(store: Store, rows: Rows) -> None:
    rows("UPDATE regions SET is_active = false")
    assert rows("SELECT * FROM v_sync_status") == []


async def test_a_region_that_no_process_claims_any_more_is_late_and_never_inactive(store: Store, rows: Rows) -> None:
    rows("UPDATE claims SET claimed_at = claimed_at - interval '3 hours' WHERE region_code = 'austin'")
    found = rows("SELECT region_code, is_late FROM v_sync_status WHERE error_message LIKE 'no process works%'")
    assert found == [{"region_code": "austin", "is_late": True}]
    assert rows("SELECT is_active FROM regions WHERE region_code = 'austin'") == [{"is_active": True}]


async def test_deleting_a_parent_by_hand_takes_its_children(store: Store, rows: Rows) -> None:
    await store.load("properties", {"id": 10, "photos": [{"id": 1}]})
    await store.load("reservations", {"id": 5, "property_id": 10, "guests": [{"first_name": "A"}]})
    await store.load("tasks", {"id": 1, "home_id": 10, "linked_reservation": {"id": 5}, "task_tags": [{"id": 3}]})
    rows("DELETE FROM reservations")
    assert rows("SELECT * FROM reservation_guests") == []
    assert rows("SELECT reservation_pk, linked_reservation_id FROM tasks") == [
        {"reservation_pk": None, "linked_reservation_id": 5}
    ]
    rows("DELETE FROM properties")
    assert rows("SELECT * FROM property_photos") == []
    assert rows("SELECT property_pk, region_code FROM tasks") == [{"property_pk": None, "region_code": "nashville"}]
    rows("DELETE FROM tags")
    assert rows("SELECT * FROM task_tags") == []


async def test_orphans_and_gaps(store: Store, rows: Rows) -> None:
    await store.load("reservations", {"id": 5, "property_id": 77})
    await store.load(
        "tasks", {"id": 1, "home_id": 78, "odd": 1, "notes": {"a": "x", "b": 2}, "costs": [{"id": 1, "vat": 7}]}
    )
    await store.load("properties", {"id": 10, "name": "Long Porch"})
    assert [(one["reservation_id"], one["property_id"]) for one in rows("SELECT * FROM v_orphaned_reservations")] == [
        (5, 77)
    ]
    assert [(one["task_id"], one["home_id"]) for one in rows("SELECT * FROM v_orphaned_tasks")] == [(1, 78)]
    assert [
        (one["property_id"], one["property_name"]) for one in rows("SELECT * FROM v_properties_without_photos")
    ] == [(10, "Long Porch")]
    gaps = rows("SELECT entity_type, field, json_type, row_count FROM v_field_gaps ORDER BY 1, 2")
    assert [tuple(one.values()) for one in gaps] == [
        ("task_costs", "vat", "number", 1),
        ("tasks", "notes.a", "string", 1),
        ("tasks", "notes.b", "number", 1),
        ("tasks", "odd", "number", 1),
    ]
    rows("UPDATE tasks SET deleted_at = now()")
    assert rows("SELECT * FROM v_orphaned_tasks") == []


async def test_linkage(store: Store, rows: Rows) -> None:
    await store.load("reservations", {"id": 5})
    links: list[Any] = [{"id": 5}, {"id": 6}, None, {"id": 5}]
    await store.load("tasks", *({"id": number, "linked_reservation": link} for number, link in enumerate(links, 1)))
    assert [tuple(one.values()) for one in rows("SELECT * FROM v_task_reservation_linkage")] == [
        ("nashville", 4, 3, 2, 75, rows("SELECT round(200.0 / 3, 2) AS r")[0]["r"])
    ]
    stats = {one["region_code"]: one for one in rows("SELECT * FROM v_region_stats")}
    assert (stats["nashville"]["task_count"], stats["nashville"]["reservation_count"]) == (4, 1)
    assert stats["austin"]["task_count"] == 0
