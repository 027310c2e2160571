"""The life of records: exactly what changed in the stored content, and nothing else."""

from __future__ import annotations

from typing import Any

import pytest

from breezeway_sync.core.clock import SystemClock
from breezeway_sync.core.events import ignore
from breezeway_sync.entities.batch import Incoming
from breezeway_sync.entities.guard import Guard
from breezeway_sync.store.load import Loader
from breezeway_sync.store.proof import StoredProofs
from breezeway_sync.store.retention import prune
from tests.conftest import Rows
from tests.store.conftest import BY_NAME, Store

LIFE = "SELECT what, field, old_value, new_value FROM v_task_life WHERE region_code = 'nashville' AND task_id = 1"
COUNT = "SELECT count(*) AS n FROM record_history"


def task(task_id: int = 1, **fields: Any) -> dict[str, Any]:
    return {"id": task_id, "home_id": 10, "name": "Clean", **fields}


def told(rows: Rows) -> list[tuple[Any, ...]]:
    return [tuple(one.values()) for one in rows(LIFE)]


async def test_a_tasks_life(store: Store, rows: Rows) -> None:
    jo, al = {"id": 7, "assignee_id": 70, "name": "Jo"}, {"id": 8, "assignee_id": 80, "name": "Al"}
    first = task(
        rate_paid="80.00 USD", assignments=[jo], costs=[{"id": None, "cost": 5}], task_tags=[{"id": 3, "name": "x"}]
    )
    await store.load("tasks", first)
    assert told(rows) == [("created", None, None, None)]
    await store.load("tasks", {**first, "rate_paid": "95.50 USD", "finished_at": "2026-11-01T10:00:00"})
    await store.load("tasks", {**first, "rate_paid": "95.5 USD", "assignments": [al], "task_tags": []})
    changes = told(rows)[1:]
    assert [(what, field) for what, field, *_ in changes] == [
        ("changed", "finished_at"),
        ("changed", "rate_paid"),
        ("changed", "finished_at"),
        ("changed", "task_assignments"),
        ("changed", "task_tags"),
    ]
    assert changes[0][2:] == (None, "2026-11-01T10:00:00+00:00")
    assert [float(value) for value in changes[1][2:]] == [80, 95.5]
    assert changes[2][2:] == ("2026-11-01T10:00:00+00:00", None)
    assert [[one["assignee_name"] for one in value] for value in changes[3][2:]] == [["Jo"], ["Al"]]
    assert not {"id", "task_pk", "region_code", "synced_at"} & set(changes[3][2][0])
    assert changes[4][2:] == ([{"tag_id": 3, "tag_name": "x"}], [])


async def test_what_is_no_change_of_content_leaves_no_trace(store: Store, rows: Rows) -> None:
    early = store.next_order()
    await store.load("tasks", task(linked_reservation={"id": 5}, photos=[{"id": 1}]))
    start = rows(COUNT)
    await store.load("tasks", task(linked_reservation={"id": 5}, photos=[{"id": 1}]))
    await store.load("tasks", task(name="stale", photos=[{"id": 2}]), order=early)
    rows("UPDATE tasks SET mapping_version = 0, description = 'as an earlier mapping had it'")
    assert (await store.load("tasks", task(linked_reservation={"id": 5}, photos=[{"id": 1}]))).updated == 1
    assert rows(COUNT) == start
    await store.load("properties", {"id": 10})
    await store.load("reservations", {"id": 5, "property_id": 10})
    assert rows("SELECT count(property_pk) p, count(reservation_pk) r FROM tasks") == [{"p": 1, "r": 1}]
    assert told(rows) == [("created", None, None, None)]


async def test_deleted_and_come_back(store: Store, rows: Rows) -> None:
    gone: dict[str, Any] = {"type_task_status": {"code": "deleted"}}
    await store.load("tasks", task())
    await store.load("tasks", task(**gone))
    await store.load("tasks", task(**gone))
    await store.load("tasks", task(name="Back"))
    assert told(rows) == [
        ("created", None, None, None),
        ("changed", "task_status_code", None, "deleted"),
        ("deleted", None, None, None),
        ("undeleted", None, None, None),
        ("changed", "task_name", "Clean", "Back"),
        ("changed", "task_status_code", "deleted", None),
    ]


async def test_children_of_calls_of_their_own(store: Store, rows: Rows) -> None:
    await store.load("tasks", task())
    await store.load_children("task_comments", 1, [])
    await store.load_children("task_comments", 1, [{"id": 4, "comment": "a"}])
    await store.load_children("task_comments", 1, [{"id": 4, "comment": "a"}])
    await store.load_children("task_comments", 1, [{"id": 4, "comment": "b"}])
    life = told(rows)[1:]
    assert [
        (field, [one["comment"] for one in old], [one["comment"] for one in new]) for _, field, old, new in life
    ] == [
        ("task_comments", [], ["a"]),
        ("task_comments", ["a"], ["b"]),
    ]


async def test_what_completes_a_new_record_is_no_change_of_it(store: Store, rows: Rows) -> None:
    """Comments and contacts of its own call, the name of a tag, what its links point to: all of that comes later."""
    await store.load("tasks", task(task_tags=[{"id": 3, "name": "x"}], linked_reservation={"id": 5}))
    await store.load_children("task_comments", 1, [{"id": 4, "comment": "a"}])
    await store.load_children("task_requirements", 1, [{"action": "Sweep"}])
    await store.load("tags", {"id": 3, "name": "Express", "description": "soon"}, tag_type="task")
    await store.load("properties", {"id": 10})
    await store.load("reservations", {"id": 5, "property_id": 10})
    assert rows("SELECT DISTINCT what FROM record_history") == [{"what": "created"}]
    assert rows("SELECT entity_type FROM record_history ORDER BY 1") == [
        {"entity_type": name} for name in ("properties", "reservations", "tags", "tasks")
    ]
    await store.load_children("task_comments", 1, [{"id": 4, "comment": "b"}])
    await store.load_children("task_requirements", 1, [])
    await store.load("tags", {"id": 3, "name": "Fast", "description": "soon"}, tag_type="task")
    changed = rows("SELECT field FROM record_history WHERE what = 'changed' ORDER BY id")
    assert [one["field"] for one in changed] == ["task_comments", "task_requirements", "tag_name"]


async def test_a_record_that_changes_before_its_children_are_read_is_completed_all_the_same(
    store: Store, rows: Rows
) -> None:
    early = store.next_order()
    await store.load("tasks", task())
    await store.load("tasks", task(name="Other"))
    await store.load_children("task_comments", 1, [{"id": 4, "comment": "a"}], order=early)  # still owed after that
    assert [one[:2] for one in told(rows)] == [("created", None), ("changed", "task_name")]
    await store.load_children("task_comments", 1, [{"id": 4, "comment": "b"}])
    assert [one[:2] for one in told(rows)][2:] == [("changed", "task_comments")]


async def test_every_entity_can_have_a_history_and_regions_stay_apart(store: Store, rows: Rows) -> None:
    for name, entity in BY_NAME.items():
        kind = "task" if entity.discriminator else None
        for region in ("nashville", "austin"):
            await store.load(name, {"id": 1}, region=region, tag_type=kind)
        await store.load(name, {"id": 1, "made_up": 1}, tag_type=kind)
    found = rows(
        "SELECT entity_type, record_type, string_agg(what, ' ' ORDER BY id) AS what FROM record_history "
        "WHERE region_code = 'nashville' AND record_id = 1 GROUP BY 1, 2"
    )
    assert {one["entity_type"] for one in found} == set(BY_NAME)
    assert {one["what"] for one in found} == {"created changed"}
    assert {one["record_type"] for one in found if one["entity_type"] == "tags"} == {"task"}
    assert rows(COUNT + " WHERE region_code = 'austin' AND what <> 'created'") == [{"n": 0}]


async def test_without_history_nothing_is_kept(store: Store, rows: Rows) -> None:
    proofs = StoredProofs(store.proofs.holder, SystemClock(), Guard())
    loader = Loader(proofs, SystemClock(), pending_sources=frozenset(), emit=ignore)
    await loader.load("nashville", BY_NAME["tasks"], [Incoming(task(), store.next_order())])
    assert rows(COUNT) == [{"n": 0}]


async def test_old_history_goes_in_bounded_batches(store: Store, rows: Rows, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("breezeway_sync.store.retention.BATCH_ROWS", 10)
    monkeypatch.setattr("breezeway_sync.store.retention.BATCHES", 2)
    await store.load("tasks", *(task(number) for number in range(1, 31)))
    rows("UPDATE record_history SET seen_at = now() - interval '2 days' WHERE record_id <= 25")
    assert await prune(store.database, 90, 0) == 0
    assert [await prune(store.database, 90, 1) for _ in range(3)] == [20, 5, 0]
    assert rows("SELECT min(record_id) AS first, count(*) AS n FROM record_history") == [{"first": 26, "n": 5}]
