"""Records of one batch do not decide for each other; records that move, change and come back are one row."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from breezeway_sync.core.outcome import SUCCESS
from tests.conftest import Rows
from tests.helpers import outcome, sandboxed
from tests.store.conftest import Store
from tests.store.test_load import task

FULL: dict[str, Any] = {
    "type_task_status": {"code": "created", "name": "Created", "stage": "new"},
    "template": {"name": "Turnover"},
    "created_by": {"id": 3, "name": "Ada Example"},
    "linked_reservation": {"id": 5, "external_reservation_id": "E5"},
    "subdepartment": {"id": 7, "name": "Linen"},
    "requested_by": {"id": 8, "name": "Bo Example"},
    "summary": {"note": "done"},
    "costs": [{"id": 1, "cost": 5, "type_cost": {"id": 2, "code": "labor", "name": "Labor"}}],
}
COLUMNS = (
    "task_status_code, task_status_name, task_status_stage, template_name, created_by_id, created_by_name, "
    "linked_reservation_id, linked_reservation_external_id, subdepartment_id, subdepartment_name, requested_by_id, "
    "requested_by_name, summary_note"
)


@pytest.mark.parametrize("first", [dict.fromkeys(FULL), {}, {name: {} for name in FULL if name != "costs"}])
@pytest.mark.parametrize("is_first", [True, False])
async def test_a_record_with_empty_objects_decides_for_no_other(
    store: Store, rows: Rows, first: dict[str, Any], is_first: bool
) -> None:
    poor, rich = task(1, **first), task(2, **FULL)
    await store.load("tasks", *((poor, rich) if is_first else (rich, poor)))
    found = rows(f"SELECT {COLUMNS} FROM tasks ORDER BY task_id")
    assert set(found[0].values()) == {None}
    assert list(found[1].values()) == [
        *("created", "Created", "new", "Turnover", 3, "Ada Example", 5, "E5", 7, "Linen", 8, "Bo Example", "done")
    ]
    assert rows("SELECT type_cost_id, type_cost_code, type_cost_name FROM task_costs") == [
        {"type_cost_id": 2, "type_cost_code": "labor", "type_cost_name": "Labor"}
    ]


async def test_a_field_that_some_records_of_a_batch_lack_is_null_in_these(store: Store, rows: Rows) -> None:
    await store.load("tasks", *(task(number, description=f"first {number}", **FULL) for number in range(1, 7)))
    lacking = [task(number, **({"description": f"then {number}"} if number % 2 else {})) for number in range(1, 7)]
    loaded = await store.load("tasks", *lacking)
    assert loaded.updated == 6
    found = rows(f"SELECT task_id, description, {COLUMNS} FROM tasks ORDER BY 1")
    assert [one["description"] for one in found] == [f"then {n}" if n % 2 else None for n in range(1, 7)]
    assert {value for one in found for name, value in one.items() if name not in ("task_id", "description")} == {None}


async def test_a_task_whose_time_of_creation_changes_is_the_same_task(store: Store, rows: Rows) -> None:
    await store.load("tasks", task(1, created_at="2026-01-30T10:00:00"))
    before = rows("SELECT id, system_created_at, system_updated_at FROM tasks")[0]
    loaded = await store.load("tasks", task(1, created_at="2025-12-24T18:00:00Z"))
    assert (loaded.new, loaded.updated) == (0, 1)
    after = rows("SELECT id, system_created_at, system_updated_at, created_at FROM tasks")
    assert len(after) == 1
    assert after[0]["created_at"] == datetime.fromisoformat("2025-12-24T18:00:00+00:00")
    assert (after[0]["id"], after[0]["system_created_at"]) == (before["id"], before["system_created_at"])
    assert after[0]["system_updated_at"] > before["system_updated_at"]


async def test_a_reservation_of_an_inactive_property_is_kept_and_linked(dsn: str, rows: Rows) -> None:
    async with sandboxed(dsn) as setup:
        account = setup.world.account("nashville")
        stay = next(iter(account.records("reservations")))
        work = next(iter(account.records("tasks")))
        for home in {stay["property_id"], work["home_id"]}:
            account.patch("properties", home, status="inactive")
        report = await setup.run()
    assert {one.status for one in report.outcomes} == {SUCCESS}
    linked = (
        "SELECT p.property_status, p.property_id FROM {} x JOIN properties p ON p.id = x.property_pk WHERE x.{} = %s"
    )
    assert rows(linked.format("reservations", "reservation_id"), stay["id"]) == [
        {"property_status": "inactive", "property_id": stay["property_id"]}
    ]
    assert rows(linked.format("tasks", "task_id"), work["id"]) == [
        {"property_status": "inactive", "property_id": work["home_id"]}
    ]


async def test_a_task_moves_to_another_property_and_reservation_and_is_unlinked(dsn: str, rows: Rows) -> None:
    """As the API shows it: in the list of one property, then of another."""
    linked = (
        "SELECT p.property_id, r.reservation_id, t.linked_reservation_id AS said FROM tasks t "
        "LEFT JOIN properties p ON p.id = t.property_pk LEFT JOIN reservations r ON r.id = t.reservation_pk "
        "WHERE t.task_id = %s AND t.deleted_at IS NULL"
    )
    async with sandboxed(dsn) as setup:
        account = setup.world.account("nashville")
        number = next(iter(account.ids("tasks")))
        homes = [one for one in account.ids("properties") if one != account.get("tasks", number)["home_id"]]
        stays = list(account.ids("reservations"))[:2]
        account.patch("tasks", number, linked_reservation={"id": stays[0]})
        await setup.run()
        count = rows("SELECT count(*) n FROM tasks")
        account.patch("tasks", number, home_id=homes[0], linked_reservation={"id": stays[1]})
        await setup.run()
        assert rows(linked, number) == [{"property_id": homes[0], "reservation_id": stays[1], "said": stays[1]}]
        account.patch("tasks", number, linked_reservation=None)
        report = await setup.run()
        assert rows(linked, number) == [{"property_id": homes[0], "reservation_id": None, "said": None}]
    assert outcome(report, "tasks").status == SUCCESS
    assert rows("SELECT count(*) n FROM tasks") == count
