"""kill -9 at any moment: nothing half-written, and the next run converges."""

from __future__ import annotations

import random
from collections import Counter

import psycopg
import pytest

from breezeway_sync.sandbox.account import SandboxAccount
from breezeway_sync.sandbox.spec import resized
from tests.cli.support import Running, Stage, Starter, staged, until
from tests.conftest import Rows
from tests.helpers import tiny

pytestmark = pytest.mark.process

KILLS = 6
SEED = 20_261

# For each live task: what came with it in one answer, what came by its own calls, and what is still owed.
TASKS = """
    SELECT t.task_id,
           (SELECT count(*) FROM task_assignments c WHERE c.task_pk = t.id) AS assignments,
           (SELECT count(*) FROM task_photos c WHERE c.task_pk = t.id) AS photos,
           (SELECT count(*) FROM task_supplies c WHERE c.task_pk = t.id) AS supplies,
           (SELECT count(*) FROM task_costs c WHERE c.task_pk = t.id) AS costs,
           (SELECT count(*) FROM task_tags c WHERE c.task_pk = t.id) AS tags,
           (SELECT count(*) FROM task_comments c WHERE c.task_pk = t.id) AS comments,
           (SELECT count(*) FROM task_requirements c WHERE c.task_pk = t.id) AS requirements,
           (SELECT array_agg(source) FROM pending_child_reads o WHERE o.parent_id = t.task_id) AS pending_reads
    FROM tasks t WHERE t.deleted_at IS NULL
"""
INLINE = ("assignments", "photos", "supplies", "costs", "tags")
CALLED = {"comments": "task_comments", "requirements": "task_requirements"}


def nothing_is_half_written(rows: Rows, account: SandboxAccount, whole: dict[int, dict[str, int]]) -> None:
    """Each task is there with all that its answer held, and its own calls are done or owed."""
    for task in rows(TASKS):
        task_id, pending_reads = task["task_id"], task["pending_reads"] or []
        assert {name: task[name] for name in INLINE} == {name: whole[task_id][name] for name in INLINE}
        for name, source in CALLED.items():
            truth = len(account.comments(task_id) if name == "comments" else account.requirements(task_id))
            assert task[name] == truth or (task[name] == 0 and source in pending_reads), (task_id, name)


async def killed_after(stage: Stage, running: Running, calls: int) -> None:
    """Let it make so many more calls, then kill it; a run that ended before is fine as well."""
    goal = stage.setup.stats.total + calls
    is_due = lambda: stage.setup.stats.total >= goal or running.popen.poll() is not None  # noqa: E731
    await until(is_due, 30, "the run stands still")
    running.kill()


async def expected_calls(rows: Rows, account: SandboxAccount) -> int:
    """What the next run makes at least: owed calls, known or not, and some of the lists that were not read yet."""
    lists = 5 + account.count("properties")
    pending_reads = rows("SELECT count(*) n FROM pending_child_reads")[0]["n"]
    unknown = account.count("tasks") - rows("SELECT count(*) n FROM tasks")[0]["n"]
    return int(lists + pending_reads + 2 * unknown)


async def test_killed_runs_leave_nothing_half_written(
    start: Starter, dsn: str, rows: Rows, second_dsn: str, second_rows: Rows
) -> None:
    rng = random.Random(SEED)
    spec = resized(tiny()[0], properties=6, tasks_per_property=45, reservations_per_property=20)
    async with staged(start, second_dsn, [spec]) as stage:
        assert (await stage.ran()).code == 0
        whole = {task["task_id"]: task for task in second_rows(TASKS)}
        account = stage.setup.world.account(spec.code)
        assert set(whole) == set(account.ids("tasks"))
    async with staged(start, dsn, [spec], more="[sync]\nbatch_rows = 40\nflush_seconds = 0.05") as stage:
        account = stage.setup.world.account(spec.code)
        points, codes = [], []
        for _ in range(KILLS):
            points.append(rng.randint(1, await expected_calls(rows, account)))
            running = stage.run("--wait", "0")
            await killed_after(stage, running, points[-1])
            codes.append(running.popen.returncode)
            nothing_is_half_written(rows, account, whole)
        assert codes.count(-9) >= KILLS - 1, (points, codes)
        finished = await stage.ran("--wait", "0")
        assert finished.code == 0, finished.out
    nothing_is_half_written(rows, account, whole)
    assert {task["task_id"]: task for task in rows(TASKS)} == whole
    for kind in ("properties", "reservations", "people", "supplies", "templates", "subdepartments"):
        assert rows(f"SELECT count(*) n FROM {kind} WHERE deleted_at IS NULL") == [{"n": account.count(kind)}]
    assert rows("SELECT * FROM pending_child_reads") == []
    assert rows("SELECT owner FROM account_leases") == [{"owner": None}]
    ended = Counter((one["sync_status"], one["error_message"]) for one in rows("SELECT * FROM etl_sync_log"))
    assert {status for status, _ in ended} <= {"success", "failed"}
    assert {words for status, words in ended if status == "failed"} == {"process ended"}


async def test_killed_while_migrating(start: Starter, empty_dsn: str) -> None:
    """Before the first call: the schema is there in whole migrations or not at all."""
    started = (
        "SELECT count(*) FROM pg_stat_activity "
        "WHERE application_name = 'breezeway-sync' AND datname = current_database()"
    )
    async with staged(start, empty_dsn, tiny()) as stage:
        with psycopg.connect(empty_dsn, autocommit=True) as connection:

            def is_connected() -> bool:
                found = connection.execute(started).fetchone()
                return found is not None and found[0] > 0

            running = stage.run()
            await until(is_connected, 20, "the run does not connect")
            running.kill()
        finished = await stage.ran()
        assert finished.code == 0, finished.err[-2000:]
