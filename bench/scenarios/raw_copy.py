"""The limit: the same rows, made by nobody, by COPY in binary into tables with the same keys, indexes and links."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import LiteralString

import psycopg
from psycopg import sql

from bench.scenarios.store import SCHEMA
from breezeway_sync.entities.catalog import ENTITIES
from breezeway_sync.store.files import internal_name

_TASKS = next(one for one in ENTITIES if one.name == "tasks")
CHILDREN = (*(one.table for one in _TASKS.children), *(one.table for one in _TASKS.tags))
#: What the loader writes beside them: the calls that are still to be made for each task.
CALLS = "pending_child_reads"
TABLES = ("tasks", *CHILDREN, CALLS)


@dataclass(slots=True)
class Copied:
    """Seconds of wall and CPU time, `calls_seconds` of them in the table of calls."""

    seconds: float = 0.0
    cpu_seconds: float = 0.0
    calls_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Taken:
    """What COPY … TO gave of one table, as it is fed to COPY … FROM."""

    table: str
    data: bytes


def task_ids(dsn: str, batch_rows: int) -> list[tuple[int, int]]:
    """The first and last id of each batch of tasks, as they lie in the table."""
    with psycopg.connect(dsn) as connection:
        found = connection.execute(
            _said(
                "SELECT min(id), max(id) FROM (SELECT id, (row_number() OVER (ORDER BY id) - 1) / %s AS batch "
                "FROM {schema}.tasks) t GROUP BY batch ORDER BY 1"
            ),
            [batch_rows],
        )
        return [(int(low), int(high)) for low, high in found]


def take(connection: psycopg.Connection, first: int, last: int) -> list[Taken]:
    """The rows of these tasks, of all tables."""
    return [Taken(table, _copy_out(connection, _selected(table), first, last, table)) for table in TABLES]


def bring_tags(ours: str, limit: str) -> None:
    """Tags that only the tasks themselves have told of: rows that the tasks' links need, not measured."""
    with psycopg.connect(ours, autocommit=True) as source, psycopg.connect(limit) as target:
        known = target.execute(_said("SELECT coalesce(max(id), 0) FROM {schema}.tags")).fetchone()
        selected = "SELECT * FROM {schema}.tags WHERE id >= {first}"
        _copy_in(target, Taken("tags", _copy_out(source, selected, (known[0] if known else 0) + 1, 0)))


def put(connection: psycopg.Connection, batch: list[Taken], copied: Copied) -> None:
    """Bring one batch in, in one transaction."""
    began, cpu_began, calls_seconds = time.perf_counter(), time.process_time(), 0.0
    for one in batch:
        table_began = time.perf_counter()
        _copy_in(connection, one)
        if one.table == CALLS:
            calls_seconds = time.perf_counter() - table_began
    connection.commit()
    copied.seconds += time.perf_counter() - began
    copied.calls_seconds += calls_seconds
    copied.cpu_seconds += time.process_time() - cpu_began


def counts(dsn: str) -> dict[str, int]:
    """Rows of each table."""
    with psycopg.connect(dsn) as connection:
        found = {}
        for table in TABLES:
            row = connection.execute(_said("SELECT count(*) FROM " + _named(table), table=table)).fetchone()
            found[table] = int(row[0]) if row else 0
        return found


def _named(table: str) -> LiteralString:
    return "{internal}.{table}" if table == CALLS else "{schema}.{table}"


def _selected(table: str) -> LiteralString:
    if table == "tasks":
        return "SELECT * FROM {schema}.tasks WHERE region_code = {region} AND id BETWEEN {first} AND {last} ORDER BY id"
    if table == CALLS:
        return (
            "SELECT c.* FROM {schema}.tasks t JOIN {internal}.pending_child_reads c USING (region_code) "
            "WHERE region_code = {region} AND t.id BETWEEN {first} AND {last} AND c.parent_id = t.task_id "
            "ORDER BY c.source, c.parent_id"
        )
    return (
        "SELECT * FROM {schema}.{table} WHERE region_code = {region} AND task_pk BETWEEN {first} AND {last} "
        "ORDER BY task_pk, id"
    )


def _copy_in(connection: psycopg.Connection, taken: Taken) -> None:
    statement = _said("COPY " + _named(taken.table) + " FROM STDIN (FORMAT binary)", table=taken.table)
    with connection.cursor().copy(statement) as copy:
        copy.write(taken.data)


def _copy_out(connection: psycopg.Connection, selected: LiteralString, first: int, last: int, table: str = "") -> bytes:
    found = connection.execute(_said("SELECT region_code FROM {schema}.regions")).fetchone()
    region = sql.Literal(found[0] if found else "")
    whole: LiteralString = "COPY (" + selected + ") TO STDOUT (FORMAT binary)"
    statement = _said(whole, table=table, region=region, first=sql.Literal(first), last=sql.Literal(last))
    with connection.cursor().copy(statement) as copy:
        return b"".join(copy)


def _said(statement: LiteralString, *, table: str = "", **values: sql.Literal) -> sql.Composed:
    internal = internal_name(SCHEMA)
    names = {
        "schema": sql.Identifier(SCHEMA),
        "internal": sql.Identifier(internal),
        "table": sql.Identifier(table or "-"),
    }
    return sql.SQL(statement).format(**names, **values)
