"""From a field that the API begins to send to a column of its own, over real runs; and what is said of fields."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from breezeway_sync.core.errors import NotPromotable, UnknownName
from breezeway_sync.core.events import FieldChanged
from breezeway_sync.core.outcome import SUCCESS
from breezeway_sync.entities import streams
from breezeway_sync.entities.catalog.tasks import TASKS
from breezeway_sync.entities.model import ColumnKind, Field
from breezeway_sync.sandbox.spec import resized
from breezeway_sync.service import gaps, runner
from breezeway_sync.store import migrate
from breezeway_sync.store.files import Migration, read_migrations
from tests.cli.support import starter, write_config
from tests.conftest import Rows
from tests.helpers import Setup, outcome, sandboxed, tiny

HIDDEN = ("read_order", "mapping_version", "synced_at")


def told(setup: Setup) -> list[tuple[str, str, str]]:
    found = [(one.entity, one.path, one.what) for one in setup.events if isinstance(one, FieldChanged)]
    setup.events.clear()
    return found


def patch_all(setup: Setup, **changes: Any) -> int:
    account = setup.world.account("nashville")
    for number in account.ids("tasks"):
        account.patch("tasks", number, **changes)
    return account.count("tasks")


def names_in(folder: Path) -> list[str]:
    return sorted(one.name for one in folder.iterdir())


def tasks(rows: Rows) -> list[dict[str, Any]]:
    found = rows("SELECT * FROM tasks ORDER BY region_code, task_id")
    return [{name: value for name, value in row.items() if name not in HIDDEN} for row in found]


async def test_a_new_field_is_told_kept_shown_and_promoted_without_a_call(
    dsn: str, rows: Rows, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with sandboxed(dsn, tiny(2)) as setup:
        await setup.run()
        assert told(setup) == []
        count = patch_all(setup, new_field={"color": "red"})
        report = await setup.run(entity="tasks")
        assert {one.status for one in report.outcomes} == {SUCCESS}
        assert told(setup) == [("tasks", "new_field", "appeared")]
        await setup.run(entity="tasks")
        assert told(setup) == []

        setup.stats.reset()
        found = await gaps.look(setup.settings, "nashville", "tasks")
        assert [(one.table, one.field, one.types, one.rows) for one in found.gaps if "new" in one.field] == [
            ("tasks", "new_field.color", ("string",), count)
        ]
        assert [(one.path, one.what) for one in found.changes] == [("new_field", "appeared")]
        assert not (await gaps.look(setup.settings, "austin", "all")).changes
        made = await gaps.promote(
            setup.settings, "tasks.new_field.color", type_name=None, column="color", directory=tmp_path
        )
        known = read_migrations()
        assert made.path == tmp_path / f"{len(known) + 1:04d}_tasks_color.sql"
        assert made.promotion.literal == 'Field("new_field.color", Kind.TEXT, "color")'
        text = made.path.read_text()
        new = Migration(len(known) + 1, "tasks_color", text, hashlib.sha256(text.encode()).hexdigest())
        monkeypatch.setattr(migrate, "read_migrations", lambda: (*known, new))
        async with runner.open_database(setup.settings) as database:
            assert await migrate.apply(database) == (new,)
        assert setup.stats.total == 0
        assert rows("SELECT count(*) n FROM tasks WHERE color = 'red'") == [{"n": count}]
        assert not [one for one in (await gaps.look(setup.settings, "all", "all")).gaps if "new" in one.field]

        promoted = tasks(rows)
        extended = replace(TASKS, fields=(*TASKS.fields, Field("new_field.color", ColumnKind.TEXT, "color")))
        monkeypatch.setitem(streams.STREAMS, "tasks", replace(streams.STREAMS["tasks"], entity=extended))
        report = await setup.run(entity="tasks")
        assert outcome(report, "tasks", "nashville").updated == count
        assert setup.stats.of(None, "/task/{id}/comments") == setup.stats.of(None, "/task/{id}/requirements") == 0
        assert tasks(rows) == promoted


# What was seen too rarely to tell anything is added up, reading by reading.
RADAR = "SELECT *, xmin::text FROM field_profiles WHERE seen_count >= 10"


async def test_what_vanishes_empties_or_changes_its_type_is_told_once_and_failed_reads_tell_nothing(
    dsn: str, rows: Rows
) -> None:
    async with sandboxed(dsn, [resized(one, tasks_per_property=12) for one in tiny(1)]) as setup:
        patch_all(setup, old_field=1, steady_field="x", odd_field="x")
        await setup.run()
        account = setup.world.account("nashville")
        for number in account.ids("tasks"):
            record = account.patch("tasks", number, steady_field="", odd_field=7)
            account.put("tasks", {name: value for name, value in record.items() if name != "old_field"})
        home = next(iter(account.records("tasks")))["home_id"]
        setup.faults.add("422", path=rf"/task/\?.*home_id={home}\b")
        await setup.run(entity="tasks", full=True)
        assert told(setup) == [("tasks", "odd_field", "type_changed")]
        setup.faults.clear()
        await setup.run(entity="tasks", full=True)
        assert sorted(told(setup)) == [("tasks", "old_field", "vanished"), ("tasks", "steady_field", "emptied")]
        before = rows(f"{RADAR} ORDER BY entity_type, path")
        await setup.run(full=True)
        assert told(setup) == []
        assert rows(f"{RADAR} ORDER BY entity_type, path") == before
    assert {one["entity_type"] for one in rows("SELECT DISTINCT entity_type FROM field_profiles")} >= {
        "tasks",
        "task_comments",
        "task_requirements",
        "property_contacts",
    }


async def test_what_cannot_be_done_is_said_before_anything_is_written(dsn: str, tmp_path: Path) -> None:
    async with sandboxed(dsn) as setup:
        patch_all(setup, order=5)
        await setup.run()
        for field, options, said in (
            ("tasks.nowhere", {}, "no value of nowhere"),
            ("tasks.order", {}, "reserved word"),
            ("tasks.order", {"column": "task_name"}, "a column task_name already"),
            ("tasks.order", {"type_name": "money"}, "unknown type"),
        ):
            given = {"type_name": None, "column": None, **options}
            with pytest.raises(NotPromotable, match=said):
                await gaps.promote(setup.settings, field, directory=tmp_path, **given)
        for region, entity in (("nowhere", "all"), ("all", "nothing")):
            with pytest.raises(UnknownName):
                await gaps.look(setup.settings, region, entity)
        assert names_in(tmp_path) == []


async def test_the_command(dsn: str, tmp_path: Path) -> None:
    async with sandboxed(dsn, tiny(1)) as setup:
        patch_all(setup, new_field=5)
        await setup.run()
        config = write_config(tmp_path, setup.url, dsn, tiny(1))
        with starter(tmp_path) as start:
            shown = await start.done("gaps", "nashville", "tasks", "--json", "--config", config)
            plain = await start.done("gaps", "--config", config)
            made = await start.done("gaps", "promote", "tasks.new_field", "--write", tmp_path, "--config", config)
            wrong = await start.done("gaps", "nowhere", "--config", config)
            refused = await start.done("gaps", "promote", "tasks.task_name.x.y", "--config", config)
    assert (shown.code, plain.code, made.code, wrong.code, refused.code) == (0, 0, 0, 2, 2), made.err
    assert "new_field" in {one["field"] for one in json.loads(shown.out)["gaps"]}
    assert "new_field" in plain.out
    assert 'Field("new_field", Kind.BIGINT),' in made.out
    (name,) = (one for one in names_in(tmp_path) if one.endswith("_tasks_new_field.sql"))
    assert str(tmp_path / name) in made.out
