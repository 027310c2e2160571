"""What a rolling sweep goes by: live tasks as they were counted a day ago at most."""

from __future__ import annotations

from datetime import UTC, date, datetime
from uuid import UUID

from breezeway_sync.store.retry import as_key
from breezeway_sync.sync.calls import HIGHEST, LOWEST
from tests.conftest import Rows
from tests.store.conftest import Store


async def test_tasks_are_counted_once_a_day(store: Store, rows: Rows) -> None:
    async def parents(*keys: int) -> int:
        if keys:
            await store.load("tasks", *({"id": key, "home_id": 1} for key in keys))
        return (await store.sync_state.refresh_state("nashville", "task_comments"))[1]

    assert await parents() == 0  # the sweep begins
    assert await parents() == 0
    assert await parents(1, 2, 3) == 3  # as long as there are none, it looks again
    assert await parents(4, 5) == 3
    rows("UPDATE rolling_refreshes SET counted_at = counted_at - interval '23 hours 59 minutes'")
    assert await parents() == 3
    rows("UPDATE tasks SET deleted_at = now() WHERE task_id = 1")
    rows("UPDATE rolling_refreshes SET counted_at = counted_at - interval '1 minute'")
    assert await parents() == 4
    await parents(6)
    # A time of the future was written by a clock that has been set back.
    rows("UPDATE rolling_refreshes SET counted_at = clock_timestamp() + interval '1 minute'")
    assert await parents() == 5
    rows("UPDATE rolling_refreshes SET paced_at = clock_timestamp() + interval '3 days'")
    elapsed_seconds, _ = await store.sync_state.refresh_state("nashville", "task_comments")
    assert 0 <= 3 * 86_400 - elapsed_seconds < 60
    assert (await store.sync_state.refresh_state("austin", "task_comments"))[1] == 0


async def test_an_address_is_asked_again_also_after_the_clock_ran_ahead(store: Store, rows: Rows) -> None:
    assert await store.sync_state.mark_unavailable("nashville", "property_contacts", "not permitted", 86_400)
    assert await store.sync_state.unavailable("nashville") == {"property_contacts": "not permitted"}
    rows("UPDATE unavailable_sources SET try_again_at = try_again_at + interval '40 days'")
    assert await store.sync_state.unavailable("nashville") == {"property_contacts": None}


KEYS = (-(2**63), -5, 0, 1, 2**63 - 1)


async def test_a_sweep_reaches_every_id_once_each_round(store: Store, rows: Rows) -> None:
    await store.load("tasks", *({"id": key, "home_id": 1} for key in KEYS))
    for _ in range(2):
        rows("DELETE FROM pending_child_reads")
        await store.sync_state.refresh_state("nashville", "task_comments")
        swept = []
        for number in range(len(KEYS)):
            await store.sync_state.refresh("nashville", "task_comments", 1, 1)
            swept = [
                row["parent_id"] for row in rows("SELECT parent_id FROM pending_child_reads ORDER BY parent_id DESC")
            ]
            assert swept == sorted(KEYS, reverse=True)[: number + 1]


async def test_calls_are_owed_by_every_id_and_come_newest_first(store: Store, rows: Rows) -> None:
    day = date(2026, 11, 20)
    await store.load("tasks", *({"id": key, "home_id": 1, "scheduled_date": str(day)} for key in KEYS))
    for near in (None, day):
        found, highest = [], HIGHEST
        while page := await store.sync_state.pending_parents("nashville", "task_comments", highest, 2, near):
            found += page
            if page[-1] == LOWEST:
                break
            highest = page[-1] - 1
        assert found == sorted(KEYS, reverse=True)
    sample = await store.sync_state.pending_sample("nashville", "task_comments", 3)
    assert (len(set(sample)), set(sample) <= set(KEYS)) == (3, True)
    assert sample == await store.sync_state.pending_sample("nashville", "task_comments", 3)


async def test_children_of_every_id_are_asked_for_again_by_hand(store: Store, rows: Rows) -> None:
    await store.load("tasks", *({"id": key, "home_id": 1} for key in KEYS))
    rows("DELETE FROM pending_child_reads")
    assert [as_key(text) for text in ("-5", "0", "9223372036854775807", "payload 1", "x", "")] == [
        -5, 0, 2**63 - 1, None, None, None
    ]  # fmt: skip
    for key in KEYS:
        assert await store.loader.rejects.request_reads_again("nashville", "task_comments", key, 5)
    assert len(rows("SELECT * FROM pending_child_reads")) == len(KEYS)


async def test_a_property_with_the_id_0_that_comes_back_resets_only_its_own_lists(store: Store, rows: Rows) -> None:
    await store.load("properties", {"id": 0})
    rows("INSERT INTO checkpoints (region_code, source, parent_id) SELECT 'nashville', source, 0 "
         "FROM unnest(ARRAY['tasks', 'property_contacts', 'properties', 'people']) source")  # fmt: skip
    rows("UPDATE properties SET deleted_at = now()")
    rows("INSERT INTO deletions (region_code, entity_type, kind, record_id, deleted_at, reason, evidence) "
         "VALUES ('nashville', 'properties', '', 0, now(), 'not_found', '{}')")  # fmt: skip
    await store.load("properties", {"id": 0, "name": "back"})
    assert {row["source"] for row in rows("SELECT source FROM checkpoints")} == {"properties", "people"}


async def test_a_sample_is_refused_in_two_runs_only_with_no_answer_between(store: Store) -> None:
    runs = [UUID(int=number) for number in range(4)]
    sync_state, name = store.sync_state, "task_comments"
    assert [await sync_state.note_refused("nashville", name, run) for run in (runs[0], runs[0], runs[1])] == [
        False, False, True
    ]  # fmt: skip
    assert await sync_state.answered_sources("nashville") == frozenset()
    await sync_state.note_answered("nashville", name, datetime(2026, 1, 1, tzinfo=UTC))
    assert await sync_state.answered_sources("nashville") == {name}
    assert [await sync_state.note_refused("nashville", name, run) for run in runs[2:]] == [False, True]
