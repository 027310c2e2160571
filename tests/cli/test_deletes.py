"""`deletes`: what a person sees of missing and deleted records, and what comes of each decision."""

from __future__ import annotations

import json
import os
from typing import Any

import pytest

from breezeway_sync.core.events import DeletionsNeedReview, EntityFinished
from breezeway_sync.core.outcome import PARTIAL, SUCCESS
from breezeway_sync.core.record_events import RecordsLeft
from breezeway_sync.sandbox.spec import resized
from breezeway_sync.store.database import Database
from breezeway_sync.store.status import Status
from tests.cli.support import Finished, Stage, Starter, staged
from tests.conftest import Rows
from tests.helpers import outcome, tiny

pytestmark = pytest.mark.process


async def deletes(stage: Stage, *arguments: str) -> Finished:
    return await stage.start.done("deletes", *arguments, "--config", stage.config)


async def listed(stage: Stage, *arguments: str) -> Any:
    done = await deletes(stage, "list", *arguments, "--json")
    assert (done.code, done.err) == (0, "")
    return json.loads(done.out)


def live(rows: Rows) -> set[int]:
    return {row["task_id"] for row in rows("SELECT task_id FROM tasks WHERE deleted_at IS NULL")}


async def whole(stage: Stage, entity: str = "tasks") -> str:
    return outcome(await stage.setup.run(entity=entity, full=True), entity).status


async def test_what_was_held_is_approved_or_rejected(start: Starter, dsn: str, rows: Rows) -> None:
    accounts = [resized(tiny()[0], properties=1, tasks_per_property=45)]
    async with staged(start, dsn, accounts) as stage:
        await stage.setup.run()
        account = stage.setup.world.account("nashville")
        everything = live(rows)
        gone = sorted(everything)[:30]
        for key in gone:
            account.delete("tasks", key)
        assert await whole(stage) == SUCCESS  # each was asked for once
        assert RecordsLeft("nashville", "tasks", 30) in stage.setup.events
        assert await whole(stage) == PARTIAL
        # Alerts count on being told before the end.
        told = [one for one in stage.setup.events if isinstance(one, DeletionsNeedReview | EntityFinished)]
        assert told[-2] == DeletionsNeedReview("nashville", "tasks", 30)

        (group,) = (await listed(stage, "--ids"))["missing"]
        assert (group["state"], group["records"], group["ids"]) == ("needs_review", 30, [str(key) for key in gone])
        plain = await deletes(stage, "list", "nashville", "tasks")
        assert plain.out.splitlines()[0].split() == ["region", "entity", "state", "records", "since", "(UTC)", "why"]
        assert "30 of 45 records were gone at once" in plain.out
        assert "30 records need review" in plain.out
        assert await held_by_report(dsn) == {"tasks": 30}

        kept, approved = gone[:3], gone[3:]
        said = await deletes(stage, "reject", "nashville", "tasks", *map(str, kept))
        assert (said.code, said.err) == (0, "")
        assert "3 records are pinned now" in said.out
        said = await deletes(stage, "approve", "nashville", "tasks")
        assert "27 records are to be deleted now; nothing is deleted yet" in said.out
        assert live(rows) == everything
        (decided,) = rows("SELECT DISTINCT decided_by FROM missing_records WHERE decided_at IS NOT NULL")
        assert decided["decided_by"].endswith(f"@{os.uname().nodename}")
        assert await held_by_report(dsn) == {}

        for _ in range(2):
            assert await whole(stage) == SUCCESS
            assert live(rows) == everything - set(approved)
        found = await listed(stage, "all", "tasks", "--deleted", "5")
        assert [(one["state"], one["records"]) for one in found["missing"]] == [("pinned", 3)]
        assert len(found["deleted"]) == 5
        assert "answered 404 in two runs" in found["deleted"][0]["why"]
        again = await deletes(stage, "approve", "nashville", "tasks")
        assert (again.code, again.out) == (0, "nashville tasks: nothing needs review\n")


async def test_an_empty_list_of_tags_is_approved_and_believed(stage: Stage, rows: Rows) -> None:
    account = stage.setup.world.account("nashville")
    for key in (1, 2):
        account.put("task_tags", {"id": key, "name": "on no record"})
    await stage.setup.run()
    stage.setup.faults.add("blank", path="/task/tags")
    assert await whole(stage, "tags") == PARTIAL
    unused = "tag_type = 'task' AND tag_id IN (1, 2)"
    assert {"task:1", "task:2"} <= set((await listed(stage, "nashville", "tags", "--ids"))["missing"][0]["ids"])
    assert "1 record is to be deleted now" in (await deletes(stage, "approve", "nashville", "tags", "task:1")).out
    assert await whole(stage, "tags") == PARTIAL
    deleted = f"SELECT tag_id FROM tags WHERE {unused} AND deleted_at IS NOT NULL"
    assert rows(deleted) == [{"tag_id": 1}]
    assert "1 record is live now" in (await deletes(stage, "undo", "nashville", "tags", "task:1")).out
    assert "are pinned now" in (await deletes(stage, "reject", "nashville", "tags", "task:1", "task:2")).out
    for _ in range(2):
        await whole(stage, "tags")
        assert rows(deleted) == []
    query = "SELECT record_id, source, parent_id FROM missing_records WHERE state = 'pinned' ORDER BY 1"
    assert rows(query) == [{"record_id": key, "source": "task_tags", "parent_id": 0} for key in (1, 2)]
    stage.setup.faults.clear()
    assert await whole(stage, "tags") == SUCCESS
    assert rows("SELECT * FROM missing_records") == []


async def test_what_was_undone_stays(stage: Stage, rows: Rows) -> None:
    await stage.setup.run()
    account = stage.setup.world.account("nashville")
    gone, says_so, other, *_ = sorted(account.ids("tasks"))
    for key in (gone, other):
        account.delete("tasks", key)
    account.patch("tasks", says_so, type_task_status={"code": "deleted", "name": "Deleted", "stage": "deleted"})
    for _ in range(2):
        await whole(stage)
    assert not {gone, says_so, other} & live(rows)

    before = rows("SELECT * FROM deletions ORDER BY id")
    refused = await deletes(stage, "undo", "nashville", "tasks", str(gone), "4711")
    assert (refused.code, refused.out) == (2, "")
    assert "tasks of nashville" in refused.err
    assert "4711" in refused.err
    assert str(gone) not in refused.err
    assert rows("SELECT * FROM deletions ORDER BY id") == before
    assert not {gone, says_so} & live(rows)

    assert "2 records are live now" in (await deletes(stage, "undo", "nashville", "tasks", str(gone), str(says_so))).out
    assert {gone, says_so} <= live(rows)
    (home,) = rows("SELECT home_id FROM tasks WHERE task_id = %s", gone)
    assert rows("SELECT source, parent_id, state FROM missing_records WHERE record_id = %s", gone) == [
        {"source": "tasks", "parent_id": home["home_id"], "state": "pinned"}
    ]
    # A new version of the mapping writes the same content again.
    rows("UPDATE tasks SET mapping_version = 0")
    for _ in range(2):
        assert await whole(stage) == SUCCESS
        assert {gone, says_so, other} & live(rows) == {gone, says_so}
    plain = await deletes(stage, "list")
    assert sum(os.uname().nodename in line for line in plain.out.splitlines()) == 2

    account.patch("tasks", says_so, name="deleted, and renamed")
    await whole(stage)
    assert {gone, says_so} & live(rows) == {gone}


async def test_names_and_ids_that_are_none(stage: Stage) -> None:
    for arguments, words in (
        (("list", "nashvile"), 'Did you mean "nashville"? known are: nashville, or all'),
        (("approve", "all", "tasks"), 'unknown region "all". Known are: nashville'),
        (("reject", "nashville", "task"), 'Did you mean "tasks"?'),
        (("approve", "nashville", "property_contacts"), "unknown entity"),
        (("approve", "nashville", "tasks", "17"), "got 17, wanted only what waits for a decision"),
        (("reject", "nashville", "people", "17"), "got 17, wanted only what is missing"),
        (("undo", "nashville", "tags", "17"), 'no id of tags: got "17", wanted one like property:17'),
        (("undo", "nashville", "tasks", "task:17"), 'got "task:17", wanted one like 17'),
    ):
        done = await deletes(stage, *arguments)
        assert (done.code, done.out) == (2, ""), done.err
        assert words in done.err


async def held_by_report(dsn: str) -> dict[str, int]:
    """What the metrics are made of."""
    async with Database(dsn, "breezeway", pool_size=1) as database:
        (state,) = await Status(database).regions()
    return state.held
