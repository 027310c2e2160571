"""Rejected records that are brought again: what is newer stays, what fits is stored, the rest says why."""

from __future__ import annotations

from typing import Any

import pytest

from breezeway_sync.core.errors import LeaseLost
from breezeway_sync.core.report import LEFT, PENDING_READS, REJECTED, STORED, SUPERSEDED, UNCHANGED, UPDATED, Retried
from breezeway_sync.entities.decode import Unreadable, read_item
from breezeway_sync.entities.validate import reject, stored_item
from breezeway_sync.store.retry import PAGE_RECORDS, Retrier, StoredVersion, spared
from tests.conftest import Rows
from tests.store.conftest import Store
from tests.store.test_load import task

OWED_SOURCES = frozenset({"task_comments"})
BAD = "ALTER TABLE tasks ADD CONSTRAINT made_up CHECK (task_name <> 'bad')"
GOOD = "ALTER TABLE tasks DROP CONSTRAINT made_up"
OPEN = "SELECT record_id FROM rejected_records WHERE resolved_at IS NULL ORDER BY id"


async def retried(store: Store, name: str | None = None) -> list[Retried]:
    retrier = Retrier(store.database, store.loader, OWED_SOURCES, store.next_order)
    return [one async for one in retrier.retry("nashville", name)]


async def came(store: Store, name: str | None = None) -> dict[str, str]:
    return {one.record_id: one.came for one in await retried(store, name)}


@pytest.mark.parametrize(
    ("order", "known_state", "expected"),
    [
        (7, None, None),
        (0, None, None),
        (7, StoredVersion(6, is_deleted=False), None),
        (7, StoredVersion(7, is_deleted=False), None),
        (7, StoredVersion(8, is_deleted=False), SUPERSEDED),
        (0, StoredVersion(8, is_deleted=False), LEFT),
        (7, StoredVersion(6, is_deleted=True), LEFT),
        (7, StoredVersion(8, is_deleted=True), LEFT),
    ],
)
def test_what_may_be_newer_is_spared(order: int, known_state: StoredVersion | None, expected: str | None) -> None:
    found = spared(order, known_state)
    assert (found and found[0]) == expected


async def test_what_fits_now_is_stored_as_if_it_had_just_come(store: Store, rows: Rows) -> None:
    rows(BAD)
    order = store.next_order()
    await store.load("tasks", task(1, name="bad", photos=[{"id": 4}]), task(2, name="bad"), order=order)
    seen = rows("SELECT record_id, last_seen_at, reason FROM rejected_records ORDER BY id")
    assert await came(store) == {"1": REJECTED, "2": REJECTED}
    assert rows("SELECT record_id, last_seen_at, reason FROM rejected_records ORDER BY id") == seen
    rows(GOOD)
    assert await came(store, "people") == {}
    assert await came(store, "tasks") == {"1": STORED, "2": STORED}
    assert rows("SELECT task_id, task_name, read_order FROM tasks ORDER BY 1") == [
        {"task_id": one, "task_name": "bad", "read_order": order} for one in (1, 2)
    ]
    assert rows("SELECT photo_id FROM task_photos") == [{"photo_id": 4}]
    assert rows("SELECT DISTINCT pending_order FROM pending_child_reads") == [{"pending_order": order}]
    assert rows(OPEN) == []
    assert await came(store) == {}
    again = await store.load("tasks", task(1, name="bad", photos=[{"id": 4}]))
    assert (again.unchanged, again.updated) == (1, 0)


async def test_a_newer_answer_is_not_overwritten(store: Store, rows: Rows) -> None:
    """The newer one was stored by a process that ended before it could close the rejection."""
    rows(BAD)
    await store.load("tasks", task(1, name="bad"))
    (kept,) = rows("SELECT payload::text AS payload FROM rejected_records")
    rows(GOOD)
    await store.load("tasks", task(1, name="new"))
    rows(f"UPDATE rejected_records SET resolved_at = NULL, payload = '{kept['payload']}'")
    versions = rows("SELECT xmin::text, * FROM tasks")
    assert await came(store) == {"1": SUPERSEDED}
    assert rows("SELECT xmin::text, * FROM tasks") == versions
    assert rows(OPEN) == []


async def test_an_older_row_is_updated_and_an_equal_one_is_not_written(store: Store, rows: Rows) -> None:
    await store.load("tasks", task(1, name="old"), task(2, name="same"))
    rows(BAD)
    await store.load("tasks", task(1, name="bad"))
    rows(GOOD)
    rows(
        "INSERT INTO rejected_records (region_code, entity_type, record_id, reason, payload, read_order) "
        'SELECT region_code, entity_type, \'2\', reason, payload || \'{"id": 2, "name": "same"}\', read_order '
        "FROM rejected_records"
    )
    assert await came(store) == {"1": UPDATED, "2": UNCHANGED}
    assert rows("SELECT task_name FROM tasks ORDER BY task_id") == [{"task_name": "bad"}, {"task_name": "same"}]


async def test_what_has_no_order_or_is_deleted_is_left_alone(store: Store, rows: Rows) -> None:
    """Rejections of an earlier version have no order: these are stored where nothing can be overwritten."""
    await store.load("tasks", task(1, name="old"), task(2, name="old"))
    rows(BAD)
    await store.load("tasks", *(task(number, name="bad") for number in (1, 2, 3)))
    rows(GOOD)
    rows("UPDATE rejected_records SET read_order = 0 WHERE record_id <> '2'")
    rows("UPDATE tasks SET deleted_at = now() WHERE task_id = 2")
    assert await came(store) == {"1": LEFT, "2": LEFT, "3": STORED}
    assert rows("SELECT task_id, task_name, deleted_at IS NULL AS live FROM tasks ORDER BY 1") == [
        {"task_id": 1, "task_name": "old", "live": True},
        {"task_id": 2, "task_name": "old", "live": False},
        {"task_id": 3, "task_name": "bad", "live": True},
    ]
    assert [one["record_id"] for one in rows(OPEN)] == ["1", "2"]


async def test_an_answer_to_an_earlier_request_does_not_replace_what_is_kept(store: Store, rows: Rows) -> None:
    rows(BAD)
    early, late = store.next_order(), store.next_order()
    await store.load("tasks", task(1, name="bad", description="late"), order=late)
    await store.load("tasks", task(1, name="bad", description="early"), order=early)
    assert rows("SELECT payload->>'description' AS d, read_order FROM rejected_records") == [
        {"d": "late", "read_order": late}
    ]


async def test_tags_of_two_lists_are_two_records(store: Store, rows: Rows) -> None:
    rows("ALTER TABLE tags ADD CONSTRAINT made_up CHECK (tag_name <> 'bad')")
    for kind in ("task", "property"):
        await store.load("tags", {"id": 5, "name": "bad", "description": kind}, tag_type=kind)
    await store.load("tags", {"id": 5, "name": "good"}, tag_type="property")
    assert rows("SELECT kind, resolved_at IS NULL AS open FROM rejected_records ORDER BY 1") == [
        {"kind": "property", "open": False},
        {"kind": "task", "open": True},
    ]
    rows("ALTER TABLE tags DROP CONSTRAINT made_up")
    rows(
        "INSERT INTO rejected_records (region_code, entity_type, record_id, reason, payload) "
        """VALUES ('nashville', 'tags', '9', 'x', '{"id": 9}')"""
    )
    assert await came(store) == {"5": STORED, "9": LEFT}
    assert rows("SELECT tag_type, tag_name FROM tags ORDER BY 1") == [
        {"tag_type": "property", "tag_name": "good"},
        {"tag_type": "task", "tag_name": "bad"},
    ]


async def test_records_without_id_and_unreadable_ones_stay_as_one_row_each(store: Store, rows: Rows) -> None:
    deep = read_item(b'{"id":7,"x":' + b"[" * 3000 + b"]" * 3000 + b"}")
    broken = read_item(b'{"id":8,"x":tru}')
    assert isinstance(broken, Unreadable)
    await store.load("tasks", {"name": "nobody", "n": 1}, "text", '{"id": 9}', deep, broken)
    before = rows("SELECT id, record_id, payload::text, last_seen_at FROM rejected_records ORDER BY id")
    found = await retried(store)
    assert {one.came for one in found} == {REJECTED}
    assert rows("SELECT id, record_id, payload::text, last_seen_at FROM rejected_records ORDER BY id") == before
    reasons = [one.why for one in found]
    assert reasons[:3] == ["no id that is a whole number within 64 bits", "not an object", "not an object"]
    assert rows("SELECT count(*) n FROM tasks") == [{"n": 0}]


def test_what_was_kept_as_text_is_read_again() -> None:
    """A later version may read what this one cannot."""
    kept = reject('{"id": 8, "x": 1}', "not JSON at character 14")
    assert stored_item(kept.payload, kept.reason) == {"id": 8, "x": 1}
    text = reject('{"id": 8, "x": 1}', "not an object")
    assert stored_item(text.payload, text.reason) == '{"id": 8, "x": 1}'


@pytest.mark.parametrize(
    "body",
    [b'{"id": 1\x000, "name": "bad"}', b'{"\\u0000id": 10, "name": "bad"}', b'{"id": "\\u000010", "name": "bad"}'],
    ids=["number", "name", "text"],
)
async def test_what_was_cleaned_is_not_brought_as_another_record(store: Store, rows: Rows, body: bytes) -> None:
    """Without the characters that PostgreSQL cannot hold, each of these would be record 10."""
    await store.load("tasks", task(10))
    assert (await store.load("tasks", read_item(body))).rejected == 1
    assert [one.came for one in await retried(store)] == [LEFT]
    assert rows("SELECT task_id, task_name FROM tasks") == [{"task_id": 10, "task_name": "Clean"}]


async def test_rejected_children_are_asked_for_again_and_close_when_they_come(store: Store, rows: Rows) -> None:
    await store.load("tasks", task(1), task(2))
    rows("ALTER TABLE task_comments ADD CONSTRAINT made_up CHECK (comment <> 'bad')")
    lists: list[tuple[int, list[Any]]] = [(1, [{"id": 5, "comment": "bad"}]), (2, [{"id": 6, "comment": "bad"}])]
    await store.load_many("task_comments", lists)
    rows("DELETE FROM pending_child_reads")
    rows("UPDATE tasks SET deleted_at = now() WHERE task_id = 2")
    rows(
        "INSERT INTO rejected_records (region_code, entity_type, record_id, reason) VALUES "
        "('nashville', 'task_requirements', '1', 'x'), ('nashville', 'property_contacts', '1', 'x'), "
        "('nashville', 'novelties', '1', 'x')"
    )
    found = {(one.entity, one.record_id): one for one in await retried(store)}
    assert {key: one.came for key, one in found.items()} == {
        ("task_comments", "1"): PENDING_READS,
        ("task_comments", "2"): LEFT,
        ("task_requirements", "1"): LEFT,
        ("property_contacts", "1"): LEFT,
        ("novelties", "1"): LEFT,
    }
    assert all(one.why and one.is_open for one in found.values())
    assert rows("SELECT source, parent_id FROM pending_child_reads") == [{"source": "task_comments", "parent_id": 1}]
    rows("ALTER TABLE task_comments DROP CONSTRAINT made_up")
    await store.load_many("task_comments", lists[:1])
    assert rows("SELECT * FROM pending_child_reads") == []
    assert rows(
        "SELECT record_id, resolved_at IS NULL AS open FROM rejected_records WHERE entity_type = 'task_comments' "
        "ORDER BY 1"
    ) == [{"record_id": "1", "open": False}, {"record_id": "2", "open": True}]


async def test_more_than_a_page_and_one_that_stays(store: Store, rows: Rows) -> None:
    rows(BAD)
    count = PAGE_RECORDS * 2 + 3
    await store.load("tasks", *(task(number, name="bad") for number in range(1, count + 1)))
    await store.load("tasks", task(1, name="bad"), region="austin")
    rows(GOOD)
    rows("ALTER TABLE tasks ADD CONSTRAINT made_up CHECK (task_id <> 7)")
    found = await came(store)
    assert len(found) == count
    assert {key for key, one in found.items() if one != STORED} == {"7"}
    assert rows("SELECT count(*) n FROM tasks") == [{"n": count - 1}]
    assert rows("SELECT region_code, record_id FROM rejected_records WHERE resolved_at IS NULL ORDER BY 1") == [
        {"region_code": "austin", "record_id": "1"},
        {"region_code": "nashville", "record_id": "7"},
    ]


async def test_who_lost_the_lease_writes_nothing(store: Store, rows: Rows) -> None:
    rows(BAD)
    await store.load("tasks", task(1, name="bad"))
    rows(GOOD)
    before = rows("SELECT * FROM rejected_records")
    store.behind = 1
    store.begin_run(2)
    retrier = Retrier(store.database, store.loader, OWED_SOURCES, store.next_order)
    with pytest.raises(LeaseLost):
        _ = [one async for one in retrier.retry("nashville", None)]
    assert rows("SELECT * FROM rejected_records") == before
    assert rows("SELECT * FROM tasks") == []
