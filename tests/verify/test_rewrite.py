"""`run --rewrite` puts right what was changed in the mirror behind its back, and writes nothing else."""

from __future__ import annotations

from typing import Any

from tests.conftest import Rows
from tests.helpers import Setup, sandboxed
from tests.verify.damage import DAMAGE, task
from tests.verify.test_verify import compared, told

TABLES = ("properties", "tasks", "task_costs", "task_comments", "task_tags", "reservations", "people", "tags")


def written(rows: Rows) -> dict[str, Any]:
    """Which version of which row is stored."""
    return {name: rows(f"SELECT id, xmin::text, ctid::text FROM {name} ORDER BY id") for name in TABLES}


def pending_reads(rows: Rows) -> int:
    return int(rows("SELECT count(*) AS n FROM pending_child_reads")[0]["n"])


async def test_a_rewrite_heals_every_damage_that_a_full_run_leaves(dsn: str, rows: Rows) -> None:
    async with sandboxed(dsn) as setup:
        await setup.run()
        for damage in DAMAGE.values():
            rows(damage)
        await setup.run(full=True)
        full = await compared(setup, whole=True)
        await setup.run(rewrite=True)
        rewritten = await compared(setup, whole=True)
    assert {("tasks", "total_cost", "wrong"), ("people", "person_name", "wrong")} <= told(full)
    # What the API does not have any more goes by proof: a row is never deleted because a list leaves it out.
    assert {kind for _, _, kind in told(rewritten)} <= {"late", "surplus"}
    assert {path for _, path, _ in told(rewritten)} <= {""}


async def test_a_rewrite_of_what_is_right_writes_nothing(dsn: str, rows: Rows) -> None:
    async with sandboxed(dsn) as setup:
        await setup.run()
        before = written(rows)
        report = await setup.run(rewrite=True)
    assert written(rows) == before
    assert sum(one.new + one.updated + one.deleted for one in report.outcomes) == 0
    tasks = next(one for one in report.outcomes if one.entity == "tasks")
    assert tasks.unchanged == tasks.read > 0
    assert pending_reads(rows) == 0


async def test_an_update_by_hand_of_all_rows_is_undone_and_is_no_change_of_the_api(dsn: str, rows: Rows) -> None:
    own_times = "SELECT task_id, system_updated_at, updated_at, rate_paid FROM tasks ORDER BY task_id"
    async with sandboxed(dsn) as setup:
        history = setup.settings.history.model_copy(update={"entities": ["tasks"]})
        setup.settings = setup.settings.model_copy(update={"history": history})
        await setup.run()
        before = rows(own_times)
        rows("UPDATE tasks SET rate_paid = 999")
        report = await setup.run(entity="tasks", rewrite=True)
    assert rows(own_times) == before
    assert next(one for one in report.outcomes if one.entity == "tasks").updated == len(before)
    life = rows("SELECT DISTINCT what, field FROM record_history WHERE what = 'repaired'")
    assert life == [{"what": "repaired", "field": "rate_paid"}]


async def test_children_alone_that_were_damaged_count_as_updated(dsn: str, rows: Rows) -> None:
    async with sandboxed(dsn) as setup:
        await setup.run()
        rows("DELETE FROM task_costs WHERE id = (SELECT min(id) FROM task_costs)")
        report = await setup.run(entity="tasks", rewrite=True)
    assert next(one for one in report.outcomes if one.entity == "tasks").updated == 1


async def test_a_row_that_claims_an_order_of_the_future_is_written_again(dsn: str, rows: Rows) -> None:
    highest = "SELECT max(read_order) AS highest FROM tasks"
    async with sandboxed(dsn) as setup:
        await setup.run()
        before = rows(highest)[0]["highest"]
        rows(f"UPDATE tasks SET read_order = 9223372036854775807, task_name = 'x' WHERE id = {task(0)}")
        await setup.run(full=True)
        left = rows(f"SELECT task_name FROM tasks WHERE id = {task(0)}")
        await setup.run(rewrite=True)
        report = await compared(setup, "tasks", whole=True)
    assert left == [{"task_name": "x"}]
    assert told(report) == set()
    assert before < rows(highest)[0]["highest"] < 2**62


async def test_a_rewrite_also_heals_what_lists_leave_out(dsn: str, rows: Rows) -> None:
    async with sandboxed(dsn) as setup:
        await setup.run()
        hidden = await _hide(setup)
        rows(f"UPDATE tasks SET total_cost = 1234 WHERE task_id = {hidden}")
        await setup.run(full=True)
        before = rows(f"SELECT total_cost FROM tasks WHERE task_id = {hidden}")[0]["total_cost"]
        await setup.run(rewrite=True)
        report = await compared(setup, "tasks", whole=True)
    assert before == 1234
    assert told(report) == set()


async def _hide(setup: Setup) -> int:
    account = setup.world.account("nashville")
    hidden = int(next(iter(account.ids("tasks"))))
    account.hide("tasks", hidden)
    await setup.run(full=True)
    return hidden


async def test_a_rewrite_does_not_go_on_with_a_run_that_was_cut_off(dsn: str, rows: Rows) -> None:
    async with sandboxed(dsn) as setup:
        await setup.run()
        rows("UPDATE tasks SET task_name = 'x'")
        rows("INSERT INTO unfinished_runs (region_code, began_at, seen_at) "
             "SELECT region_code, now() - interval '1 hour', now() FROM regions")  # fmt: skip
        await setup.run(rewrite=True)
        report = await compared(setup, "tasks", whole=True)
    assert told(report) == set()
