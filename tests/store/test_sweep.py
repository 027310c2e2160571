"""What a rolling sweep goes by: live tasks as they were counted a day ago at most."""

from __future__ import annotations

from tests.conftest import Rows
from tests.store.conftest import Store


async def test_tasks_are_counted_once_a_day(store: Store, rows: Rows) -> None:
    async def parents(*keys: int) -> int:
        if keys:
            await store.load("tasks", *({"id": key, "home_id": 1} for key in keys))
        return (await store.ledger.sweep_standing("nashville", "task_comments"))[1]

    assert await parents() == 0  # the sweep begins
    assert await parents() == 0
    assert await parents(1, 2, 3) == 3  # as long as there are none, it looks again
    assert await parents(4, 5) == 3
    rows("UPDATE sweeps SET counted_at = counted_at - interval '23 hours 59 minutes'")
    assert await parents() == 3
    rows("UPDATE tasks SET deleted_at = now() WHERE task_id = 1")
    rows("UPDATE sweeps SET counted_at = counted_at - interval '1 minute'")
    assert await parents() == 4
    await parents(6)
    # A time of the future was written by a clock that has been set back.
    rows("UPDATE sweeps SET counted_at = clock_timestamp() + interval '1 minute'")
    assert await parents() == 5
    rows("UPDATE sweeps SET paced_at = clock_timestamp() + interval '3 days'")
    elapsed_seconds, _ = await store.ledger.sweep_standing("nashville", "task_comments")
    assert 0 <= 3 * 86_400 - elapsed_seconds < 60
    assert (await store.ledger.sweep_standing("austin", "task_comments"))[1] == 0


async def test_an_address_is_asked_again_also_after_the_clock_ran_ahead(store: Store, rows: Rows) -> None:
    assert await store.ledger.mark_unavailable("nashville", "property_contacts", "not permitted", 86_400)
    assert await store.ledger.unavailable("nashville") == {"property_contacts": "not permitted"}
    rows("UPDATE unavailable_sources SET try_again_at = try_again_at + interval '40 days'")
    assert await store.ledger.unavailable("nashville") == {"property_contacts": None}
