"""A promoted column holds what a reading with the new mapping would put there, whatever the values are."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from breezeway_sync.entities.batch import Incoming
from breezeway_sync.entities.catalog.tasks import TASKS
from breezeway_sync.entities.model import ColumnKind, Field
from breezeway_sync.entities.promote import Promotion, parse
from breezeway_sync.store import migrate
from breezeway_sync.store.database import Database
from breezeway_sync.store.files import Migration, internal, read_migrations
from breezeway_sync.store.unmapped_fields import migration_text
from tests.conftest import Rows
from tests.store.conftest import Store

ODD: list[Any] = [
    1, 0, -7, 2**63 - 1, 2**63, 2**70, 10**50, Decimal("1.5"), Decimal("42.0"), "42", "42.0", "007", "1e3", "1e400",
    True, False, None, "",
    "x", "2026-01-31", "2026-02-30", "0000-01-01", "9999-12-31", "2026-01-31T10:00:00", "2026-01-31T10:00:00.1234567",
    "2026-01-31 10:00:00.123456Z", "2026-01-31T10:00:00+02:00", "2026-01-31T10:00:00 -0530", "2026-01-31T24:00:00",
    "2026-01-31T10:00:60Z", "10:00", "24:00", "10:00:30.5", [], [1, "a"], {}, {"x": None}, {"x": {"y": None}}, "null",
    "infinity", "now", "{}", "ä\n'\"\\$promoted$",
]  # fmt: skip


async def apply(dsn: str, schema: str, promotion: Promotion) -> None:
    known = read_migrations()
    text = migration_text(promotion)
    new = Migration(len(known) + 1, "promoted", text, hashlib.sha256(text.encode()).hexdigest())
    async with Database(dsn, schema) as database:
        assert await migrate.apply(database, [*known, new]) == (new,)
        async with database.transaction("again") as connection:
            await connection.execute(f'SET LOCAL search_path TO "{schema}"')
            await connection.execute(text)


def content(rows: Rows) -> list[dict[str, Any]]:
    hidden = {"read_order", "mapping_version", "synced_at"}
    return [
        {name: value for name, value in row.items() if name not in hidden}
        for row in rows("SELECT * FROM tasks ORDER BY task_id")
    ]


@pytest.mark.parametrize(
    ("path", "strings"), [("order", "on"), ("order", "off"), ("details.color", "on"), ("notes.color", "off")]
)
@pytest.mark.parametrize(
    "kind", [kind for kind in ColumnKind if kind is not ColumnKind.MONEY], ids=lambda one: one.name
)
async def test_filled_as_by_a_reading_without_any_call(
    store: Store, dsn: str, rows: Rows, kind: ColumnKind, path: str, strings: str
) -> None:
    """Also where the database takes a backslash in a literal for an escape."""
    field = Field(path, kind, "order")
    outer, _, inner = path.partition(".")
    bodies = [{outer: {inner: value, "more": more} if inner else value} for value in ODD for more in (None, "m")]
    bodies += [{}, {outer: {inner: 1}}, {outer: {inner: "x", "z": None, "deep": {"n": None}}}] if inner else [{}]
    tasks = [{"id": number, "other": None if number % 2 else 1, **body} for number, body in enumerate(bodies, 1)]
    await store.load("tasks", *tasks)
    async with store.database.transaction("all calls made") as connection:
        await connection.execute(f"DELETE FROM {internal(store.database.schema)}.pending_child_reads")
    rows(f"ALTER DATABASE {rows('SELECT current_database() n')[0]['n']} SET standard_conforming_strings = {strings}")
    await apply(dsn, store.database.schema, Promotion(parse(f"tasks.{path}"), "order", kind))
    promoted = content(rows)
    extended = replace(TASKS, fields=(*TASKS.fields, field))
    loaded = await store.loader.load("nashville", extended, [Incoming(task, store.next_order()) for task in tasks])
    assert loaded.updated == len(tasks)
    for migrated, read in zip(promoted, content(rows), strict=True):
        assert migrated == read, tasks[read["task_id"] - 1]
    assert any(row["order"] is not None for row in promoted)
    assert rows("SELECT count(*) AS n FROM pending_child_reads") == [{"n": 0}]
