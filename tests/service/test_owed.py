"""Calls for comments and requirements that are owed: at once when they are wanted, until they were answered."""

from __future__ import annotations

from breezeway_sync.core.outcome import PARTIAL, SUCCESS
from tests.conftest import Rows
from tests.helpers import outcome, sandboxed


async def test_what_is_switched_on_later_is_owed_at_once(dsn: str, rows: Rows) -> None:
    """Comments wanted after a first load without them, and again after a run without them in between."""
    async with sandboxed(dsn) as setup:
        both = setup.settings
        off = both.entities["task_comments"].model_copy(update={"enabled": False})
        without = both.model_copy(update={"entities": {**both.entities, "task_comments": off}})
        account = setup.world.account("nashville")
        comments = "SELECT count(DISTINCT task_pk) AS n FROM task_comments"
        setup.settings = without
        await setup.run()
        assert rows(comments) == [{"n": 0}]
        setup.settings = both
        second = outcome(await setup.run(entity="tasks"), "tasks")
        assert (second.status, second.pending_reads) == (SUCCESS, 0)
        assert setup.stats.of("nashville", "/task/{id}/comments") == account.count("tasks")
        key = min(account.ids("tasks"))
        account.set_comments(key, [{"id": 1, "comment": "missed", "created_at": "2026-11-01T10:00:00"}])
        account.patch("tasks", key, name="changed while comments were off")
        setup.settings = without
        await setup.run(entity="tasks")
        setup.settings = both
        await setup.run(entity="tasks")
        assert rows("SELECT count(*) AS n FROM task_comments WHERE comment = 'missed'") == [{"n": 1}]
        calls = setup.stats.of("nashville", "/task/{id}/comments")
        await setup.run(entity="tasks")
        assert setup.stats.of("nashville", "/task/{id}/comments") == calls


async def test_a_404_on_a_tasks_comments_stays_owed_and_is_told(dsn: str, rows: Rows) -> None:
    async with sandboxed(dsn) as setup:
        await setup.run()
        account = setup.world.account("nashville")
        key = min(account.ids("tasks"))
        account.patch("tasks", key, name="changed")
        setup.faults.add("404", path=rf"/task/{key}/comments")
        for _ in range(2):
            found = outcome(await setup.run(entity="tasks"), "tasks")
            assert (found.status, found.pending_reads, found.error_code) == (PARTIAL, 1, "not_found")
            assert f"task_comments of task {key}" in (found.error or "")
        assert rows("SELECT source, parent_id FROM pending_child_reads") == [
            {"source": "task_comments", "parent_id": key}
        ]
        setup.faults.clear()
        assert outcome(await setup.run(entity="tasks"), "tasks").status == SUCCESS


async def test_a_task_whose_comments_and_address_answer_404_is_deleted_in_two_runs(dsn: str, rows: Rows) -> None:
    """Also where its list still shows it at first, and however long until it is read whole."""
    async with sandboxed(dsn) as setup:
        await setup.run()
        account = setup.world.account("nashville")
        key = min(account.ids("tasks"))
        account.hide("tasks", key)
        rows("INSERT INTO pending_child_reads SELECT 'nashville', 'task_comments', %s, 1", key)
        account.delete("tasks", key)
        first = outcome(await setup.run(entity="tasks"), "tasks")
        assert (first.status, first.pending_reads) == (SUCCESS, 0)  # what is gone waits for its proof, as any deletion
        assert rows("SELECT source FROM pending_child_reads") == [{"source": "task_comments"}]
        assert rows("SELECT record_id FROM missing_records WHERE not_found_at IS NOT NULL") == [{"record_id": key}]
        await setup.run(entity="tasks")
        assert rows("SELECT task_id FROM tasks WHERE deleted_at IS NOT NULL") == [{"task_id": key}]
        assert rows("SELECT * FROM pending_child_reads") == []
