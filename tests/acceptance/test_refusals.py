"""PostgreSQL refuses a statement in the middle of a merge: nothing is half-written, and the next run heals it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import psycopg
import pytest

from breezeway_sync.core.errors import DatabaseBusy, DatabaseUnreachable
from breezeway_sync.core.outcome import FAILED, SUCCESS
from breezeway_sync.store import database as database_module
from tests.cli.support import until
from tests.conftest import Rows
from tests.helpers import outcome, sandboxed
from tests.store.conftest import Store
from tests.store.test_load import task

pytestmark = pytest.mark.store

# Deadlock, serialization failure, lock timeout, disk full.
PASSING = ("40P01", "40001", "55P03", "53100")
# An internal error, a missing right: trying again at once would not help.
LASTING = ("XX000", "42501")


def refuse(rows: Rows, state: str, table: str, *, times: int | None = None) -> None:
    """Statements on `table` fail with that SQLSTATE, the first `times` or all; a sequence counts over rollbacks."""
    rows("CREATE SEQUENCE attempts")
    limit = "true" if times is None else f"nextval('breezeway.attempts') <= {times}"
    rows(
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        f"IF {limit} THEN RAISE EXCEPTION 'made up' USING ERRCODE = '{state}'; END IF; RETURN NULL; END $$; "
        f"CREATE TRIGGER refuse AFTER INSERT ON {table} FOR EACH STATEMENT EXECUTE FUNCTION refuse()"
    )


@pytest.mark.parametrize("state", PASSING)
async def test_what_passes_is_tried_again_and_counted_once(store: Store, rows: Rows, state: str) -> None:
    refuse(rows, state, "task_photos", times=2)
    loaded = await store.load("tasks", *(task(number, photos=[{"id": number}]) for number in (1, 2, 3)))
    assert (loaded.read, loaded.new, loaded.updated, loaded.rejected) == (3, 3, 0, 0)
    assert rows("SELECT count(*) n FROM task_photos") == rows("SELECT count(*) n FROM tasks") == [{"n": 3}]
    assert rows("SELECT last_value FROM attempts") == [{"last_value": 3}]


@pytest.mark.parametrize("state", [PASSING[0], *LASTING])
async def test_a_run_says_what_failed_and_the_next_one_heals(dsn: str, rows: Rows, state: str) -> None:
    whole = "SELECT count(*) n FROM tasks t WHERE EXISTS (SELECT FROM task_assignments a WHERE a.task_pk = t.id)"
    async with sandboxed(dsn) as setup:
        account = setup.world.account("nashville")
        refuse(rows, state, "task_assignments")
        first = await setup.run()
        tasks = outcome(first, "tasks")
        assert tasks.status == FAILED
        assert state in (tasks.error or "")
        assert "made up" not in (tasks.error or "")  # PostgreSQL's own text may quote data
        others = {one.status for one in first.outcomes if one.entity != "tasks"}
        assert others == {SUCCESS}
        assert rows("SELECT * FROM tasks") == rows("SELECT * FROM pending_child_reads") == []
        assert rows("SELECT * FROM rejected_records") == []
        rows("DROP TRIGGER refuse ON task_assignments")
        second = await setup.run()
        assert outcome(second, "tasks").status == SUCCESS
        assert outcome(second, "tasks").new == account.count("tasks")
        assert rows("SELECT count(*) n FROM tasks") == [{"n": account.count("tasks")}]
        with_people = [one for one in account.records("tasks") if one["assignments"]]
        assert with_people
        assert rows(whole) == [{"n": len(with_people)}]


async def test_children_of_a_call_that_is_refused_for_now_are_still_owed(dsn: str, rows: Rows) -> None:
    async with sandboxed(dsn) as setup:
        refuse(rows, "53100", "task_comments")
        first = await setup.run()
        assert outcome(first, "tasks").status == FAILED
        assert rows("SELECT count(*) > 0 AS pending_reads FROM pending_child_reads WHERE source = 'task_comments'") == [
            {"pending_reads": True}
        ]
        rows("DROP TRIGGER refuse ON task_comments")
        second = await setup.run()
        assert outcome(second, "tasks").status == SUCCESS
    assert rows("SELECT count(*) n FROM pending_child_reads") == [{"n": 0}]
    assert rows("SELECT count(*) > 0 AS some FROM task_comments") == [{"some": True}]


@pytest.fixture
async def other(dsn: str) -> AsyncIterator[psycopg.AsyncConnection[Any]]:
    """Somebody else's transaction on the same tables."""
    async with await psycopg.AsyncConnection.connect(dsn) as connection:
        await connection.execute("SET search_path TO breezeway, breezeway_internal")
        yield connection
        await connection.rollback()


WAITING = "wait_event_type = 'Lock' AND application_name = 'breezeway-sync' AND datname = current_database()"


async def waits_for_a_lock(rows: Rows) -> None:
    """Until one of our merges waits for somebody else's row."""
    await until(lambda: rows(f"SELECT pid FROM pg_stat_activity WHERE {WAITING}"), 10, "no merge waits for a lock")


async def test_a_real_deadlock_is_survived(store: Store, rows: Rows, other: psycopg.AsyncConnection[Any]) -> None:
    """Two transactions lock two rows in opposite order, and PostgreSQL ends ours."""
    await store.load("tasks", task(1), task(2))
    # Who has waited for this long looks for a deadlock, and ends itself: we are asked to be first.
    await other.execute("SET deadlock_timeout = '30s'")
    await other.execute("UPDATE tasks SET bill_to = 'theirs' WHERE task_id = 2")
    before = rows("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
    loading = asyncio.create_task(store.load("tasks", task(1, name="new"), task(2, name="new")))
    await waits_for_a_lock(rows)
    await other.execute("UPDATE tasks SET bill_to = 'theirs' WHERE task_id = 1")
    await other.commit()
    loaded = await loading
    assert loaded.updated == 2
    assert rows("SELECT task_name, bill_to FROM tasks") == [{"task_name": "new", "bill_to": None}] * 2
    rows("SELECT pg_stat_force_next_flush()")
    rows("SELECT pg_stat_clear_snapshot()")
    after = rows("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
    assert after[0]["deadlocks"] == before[0]["deadlocks"] + 1


async def test_a_lock_that_is_not_to_be_had_in_time(
    store: Store, rows: Rows, other: psycopg.AsyncConnection[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    await store.load("tasks", task(1, photos=[{"id": 1}]), task(2))
    limits = database_module._LIMITS.replace(
        f"lock_timeout = '{database_module.LOCK_SECONDS}s'", "lock_timeout = '50ms'"
    )
    assert "50ms" in limits
    monkeypatch.setattr(database_module, "_LIMITS", limits)
    await other.execute("SELECT FROM tasks WHERE task_id = 2 FOR UPDATE")
    before = rows("SELECT xmin::text, * FROM tasks ORDER BY task_id")
    changed = (task(1, photos=[], name="new"), task(2, name="new"), task(3))
    with pytest.raises(DatabaseBusy, match="55P03"):
        await store.load("tasks", *changed)
    assert rows("SELECT xmin::text, * FROM tasks ORDER BY task_id") == before
    assert rows("SELECT count(*) n FROM task_photos") == [{"n": 1}]
    await other.rollback()
    loaded = await store.load("tasks", *changed)
    assert (loaded.new, loaded.updated) == (1, 2)
    assert rows("SELECT count(*) n FROM task_photos") == [{"n": 0}]


async def test_a_connection_that_is_ended_in_the_middle_leaves_nothing_half_written(
    store: Store, rows: Rows, other: psycopg.AsyncConnection[Any]
) -> None:
    await store.load("tasks", task(1, photos=[{"id": 1}]), task(2))
    await other.execute("SELECT FROM tasks WHERE task_id = 2 FOR UPDATE")
    before = rows("SELECT xmin::text, * FROM tasks ORDER BY task_id")
    loading = asyncio.create_task(store.load("tasks", task(1, photos=[]), task(2, name="new")))
    await waits_for_a_lock(rows)
    rows(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {WAITING}")
    with pytest.raises(DatabaseUnreachable):
        await loading
    await other.rollback()
    assert rows("SELECT xmin::text, * FROM tasks ORDER BY task_id") == before
    assert (await store.load("tasks", task(1, photos=[]), task(2, name="new"))).updated == 2
