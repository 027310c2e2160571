"""The bench's load: it measures what it says, and its limit holds the same rows."""

from __future__ import annotations

import asyncio

import psycopg
import pytest

from bench.measured import COPY, OURS, Figure, Sample
from bench.scenarios import load, raw_copy
from bench.scenarios.store import copied
from bench.scenarios.task_rows import account_of

ROWS = 200


def contents(dsn: str) -> dict[str, list[tuple[object, ...]]]:
    """Every row of every table that tasks fill, by an own path."""
    with psycopg.connect(dsn) as connection:
        connection.execute("SET search_path TO breezeway, breezeway_internal")
        return {
            table: connection.execute(f"SELECT t::text FROM {table} t ORDER BY 1".encode()).fetchall()
            for table in raw_copy.TABLES
        }


def test_the_accounts_have_as_many_tasks_as_were_wanted() -> None:
    for rows in (ROWS, *load.SIZES.values()):
        assert account_of(rows).count("tasks") == rows
    with pytest.raises(ValueError, match="multiple of 10"):
        account_of(201)


def test_a_round_loads_what_it_says(empty_dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bench.scenarios.task_rows.BATCH_ROWS", 80)
    monkeypatch.setattr(load, "BATCH_ROWS", 80)
    account = account_of(ROWS)
    asyncio.run(load.prepare(empty_dsn, account))
    with copied(empty_dsn) as ours, copied(empty_dsn) as limit:
        new = load.load_tasks(ours, account, load.NEW)
        copy = load.copy_tasks(ours, limit, ROWS)
        assert contents(ours) == contents(limit)
        unchanged, changed = (
            load.load_tasks(ours, account, load.UNCHANGED),
            load.load_tasks(ours, account, load.CHANGED),
        )
    told = [[one.numbers[name] for name in ("new", "updated", "unchanged")] for one in (new, unchanged, changed)]
    assert told == [[200, 0, 0], [0, 0, 200], [0, 2, 198]]
    assert new.rows == copy.rows
    assert new.rows["tasks"] == ROWS
    assert all(new.rows.values())
    assert copy.numbers["rows_written"] == sum(copy.rows.values())
    # A changed task owes its two calls anew; each transaction under a lease counts itself.
    assert (unchanged.numbers["rows_written"], changed.numbers["rows_written"]) == (1, 2 + 2 * 2 + 2)


def test_the_table_of_one_size() -> None:
    def figure(case: str, who: str, **numbers: float) -> Figure:
        always = {"cpu_seconds": 0.01, "wal_bytes": 1e6, "rows_written": 5.0, "json_bytes": 10_240.0}
        return Figure(
            "load", case, "tiny", who, (Sample({**always, **numbers}, {"tasks": 100, "pending_child_reads": 200}),)
        )

    figures = [
        figure(load.NEW, OURS, wall_seconds=2.0),
        figure(load.NEW, COPY, wall_seconds=1.0, records_seconds=0.5),
    ]
    _, ours, copy = load.table(figures, 100).splitlines()
    assert ours.split() == ["new", OURS, "50", "50", "50", "150", "0.50", "0.25", "1.00", "5", "100.0", "1000.0"]
    assert copy.split()[2:8] == ["100", "100", "100", "300", "1.00", "0.50"]
