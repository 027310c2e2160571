"""A batch is staged while the one before is being merged: what becomes of it when something comes in between."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from typing import Any

import pytest

from breezeway_sync.core.errors import LeaseLost
from breezeway_sync.entities.batch import Incoming
from breezeway_sync.entities.streams import BY_NAME
from breezeway_sync.store.database import Database
from tests.conftest import Rows
from tests.store.conftest import Store

TASKS = BY_NAME["tasks"]
WAITING = (
    "SELECT pid FROM pg_stat_activity WHERE datname = current_database() "
    "AND application_name = 'breezeway-sync' AND state = 'idle in transaction'"
)


def tasks(store: Store, *numbers: int, **fields: Any) -> list[Incoming]:
    order = store.next_order()
    return [
        Incoming({"id": one, "home_id": 10, "name": "Clean", "photos": [{"id": one}], **fields}, order)
        for one in numbers
    ]


def task_ids(rows: Rows) -> list[int]:
    return [row["task_id"] for row in rows("SELECT task_id FROM tasks ORDER BY task_id")]


async def test_it_lies_staged_and_locks_nothing(store: Store, rows: Rows) -> None:
    async with store.loader.prepared("nashville", TASKS, tasks(store, 1)) as stored:
        assert len(rows(WAITING)) == 1
        locked = rows(
            "SELECT c.relname FROM pg_locks l JOIN pg_class c ON c.oid = l.relation JOIN pg_namespace n "
            "ON n.oid = c.relnamespace WHERE n.nspname = 'breezeway' AND l.pid IN "
            f"({WAITING})"
        )
        assert locked == []
        assert (await stored()).new == 1
        assert rows(WAITING) == []
    assert task_ids(rows) == [1]


async def test_one_whose_transaction_the_server_has_ended_is_staged_again(store: Store, rows: Rows) -> None:
    async with store.loader.prepared("nashville", TASKS, tasks(store, 1, 2)) as stored:
        assert len(rows(f"SELECT pg_terminate_backend(pid, 10000) FROM ({WAITING}) w")) == 1
        loaded = await stored()
    assert (loaded.new, loaded.rejected, task_ids(rows)) == (2, 0, [1, 2])
    assert len(rows("SELECT * FROM task_photos")) == 2


async def test_one_that_is_not_stored_leaves_nothing_behind(store: Store, rows: Rows) -> None:
    run_budget = store.database.run_budget._value
    async with store.loader.prepared("nashville", TASKS, tasks(store, 1)):
        assert store.database.run_budget._value == run_budget - 1
    with pytest.raises(RuntimeError, match="made up"):
        async with store.loader.prepared("nashville", TASKS, tasks(store, 2)):
            raise RuntimeError("made up")
    assert (store.database.run_budget._value, rows(WAITING), task_ids(rows)) == (run_budget, [], [])


async def test_one_that_is_ended_while_it_waits_does_no_harm_if_nobody_needs_it(store: Store, rows: Rows) -> None:
    async with store.loader.prepared("nashville", TASKS, tasks(store, 1)):
        rows(f"SELECT pg_terminate_backend(pid, 10000) FROM ({WAITING}) w")
    await store.load("tasks", {"id": 3, "name": "Clean"})
    assert task_ids(rows) == [3]


async def test_one_of_a_process_that_was_frozen_is_refused_and_delayed_nobody(store: Store, rows: Rows) -> None:
    order = store.next_order()
    async with store.loader.prepared("nashville", TASKS, [Incoming({"id": 1, "name": "old"}, order)]) as stored:
        async with asyncio.timeout(10):
            await store.load("tasks", {"id": 1, "name": "new"})
        rows("UPDATE account_leases SET fence = fence + 1")
        with pytest.raises(LeaseLost):
            await stored()
    assert [row["task_name"] for row in rows("SELECT task_name FROM tasks")] == ["new"]


async def test_a_record_that_cannot_be_stored_costs_only_itself(store: Store, rows: Rows) -> None:
    rows("ALTER TABLE tasks ADD CONSTRAINT made_up CHECK (task_name <> 'bad')")
    incoming = [*tasks(store, 1, 2), *tasks(store, 3, name="bad"), *tasks(store, 4)]
    async with store.loader.prepared("nashville", TASKS, incoming) as stored:
        loaded = await stored()
    assert (loaded.new, loaded.rejected, task_ids(rows)) == (3, 1, [1, 2, 4])


@pytest.mark.parametrize("pool_size", [1, 2, 3])
async def test_those_who_wait_never_take_the_last_connection(
    store: Store, dsn: str, rows: Rows, pool_size: int
) -> None:
    """As many batches lie ready as there are lists; each waits for a merge that needs a connection too."""
    async with Database(dsn, "breezeway", pool_size=pool_size) as narrow, AsyncExitStack() as stack:
        store.database = narrow
        store.begin_run(2)
        ready = [
            await stack.enter_async_context(store.loader.prepared("nashville", TASKS, tasks(store, number)))
            for number in range(1, 9)
        ]
        async with asyncio.timeout(30):
            for stored in reversed(ready):
                await stored()
    assert task_ids(rows) == list(range(1, 9))
