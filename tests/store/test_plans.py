"""What an hour costs does not depend on what years have left behind: no statement of it reads a table whole."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from breezeway_sync.core.outcome import SUCCESS
from breezeway_sync.entities.catalog import ENTITIES
from breezeway_sync.entities.model import Entity
from breezeway_sync.service import runner
from breezeway_sync.store import files
from breezeway_sync.store.absence_sql import absence_sql, list_column
from breezeway_sync.store.asking_sql import asking_sql
from breezeway_sync.store.database import Database
from breezeway_sync.store.retention import RULES
from breezeway_sync.store.sql import sql_for
from breezeway_sync.store.status import Status
from tests.conftest import as_url, made_database
from tests.helpers import Setup, sandboxed
from tests.store.growth import REGION, grow, grow_lists, grow_log, settle
from tests.store.reading import KEPT, RECORDS, Costs, counters, plan, spent, tables_of, whole_reads

SCHEMA = "breezeway"
TASKS = next(entity for entity in ENTITIES if entity.name == "tasks")
HOURLY = ("properties", "reservations", "tasks")
SIZES = (500, 20_000)
# Statements that may read much, since they are sent once a day at most, or by a person.
RARE = {
    "refresh_state": "counts once a day; what an hour really reads is tested by counters",
    "property_ids": "is about all properties, of which a walk each is made",
    "close_vanished_rejects": "is about all properties' lists, and only while a rejection is older than a day",
    "request_all_reads": "run --full",
    **{name: "retention" for rule in RULES.values() for name in rule.queries},
    "mirror_counts": "the demo",
    "linkage": "the demo",
    "gap_counts": "the demo",
    "list_rejects": "a person",
    "reject_payloads": "a person",
}


GROWN = frozenset(
    table for entity in ENTITIES if entity.name in ("reservations", "tasks") for table in tables_of(entity)
)


@dataclass(frozen=True, slots=True)
class Grown:
    """A database with old records, and what it cost to read it at each size, by what was done."""

    dsn: str
    costs: dict[tuple[str, int], Costs]


async def hour(setup: Setup) -> None:
    """The hourly entities, as the daemon reads them."""
    report = await runner.run(setup.settings, runner.RunRequest((REGION,), HOURLY), emit=setup.events.append)
    assert {one.status for one in report.outcomes} == {SUCCESS}


def change(setup: Setup, turn: int) -> None:
    """The same work in every turn: some changed, a new task in place of the new one of the turn before."""
    account = setup.world.account(REGION)
    *tasks, newest = sorted(account.ids("tasks"))
    today = datetime.now(UTC).date().isoformat()
    for key in tasks[:5]:
        account.patch("tasks", key, name=f"changed {turn}", scheduled_date=today)
    for key in sorted(account.ids("reservations"))[:3]:
        account.patch("reservations", key, note=f"changed {turn}")
    account.patch("properties", min(account.ids("properties")), name=f"changed {turn}")
    # What goes is planned today: the days around today will not show it, and two hours ask for it by its address.
    account.put("tasks", {**account.get("tasks", tasks[0]), "id": account.new_id("tasks")})
    account.delete("tasks", newest)


async def watch(dsn: str, admin: psycopg.Connection[Any]) -> dict[tuple[str, int], Costs]:
    costs: dict[tuple[str, int], Costs] = {}
    async with sandboxed(dsn) as setup:
        await setup.run()
        change(setup, 0)
        await hour(setup)
        for turn, (first, last) in enumerate(zip((0, *SIZES), SIZES, strict=False), 1):
            grow(admin, first + 1, last)
            for what in ("unchanged", "around today", "changed"):
                if what == "around today":
                    admin.execute("UPDATE checkpoints SET last_window_scan_at = last_window_scan_at - interval '1 day'")
                if what == "changed":
                    change(setup, turn)
                before = counters(admin)
                await hour(setup)
                costs[what, last] = spent(before, counters(admin))
    return costs


@pytest.fixture(scope="module")
def grown(postgres: str, migrated: str) -> Iterator[Grown]:
    with made_database(postgres, migrated) as conninfo, psycopg.connect(conninfo, autocommit=True) as admin:
        admin.execute("SET search_path TO breezeway, breezeway_internal")
        dsn = as_url(conninfo)
        yield Grown(dsn, asyncio.run(watch(dsn, admin)))


@pytest.mark.parametrize("what", ["unchanged", "around today", "changed"])
def test_an_hour_reads_no_table_of_records_whole(grown: Grown, what: str) -> None:
    for size in SIZES[1:]:
        read = {name: cost for name, cost in grown.costs[what, size].items() if name in GROWN}
        assert {name: cost.scans for name, cost in read.items() if cost.scans} == {}
        assert read["tasks"].blocks > 0


@pytest.mark.parametrize("what", ["unchanged", "around today", "changed"])
def test_an_hour_costs_the_same_however_many_old_tasks_there_are(grown: Grown, what: str) -> None:
    """By blocks touched of every table and index. With 100 times as many tasks each index is a level deeper, which is
    the rest: 1.15 times as many blocks on PostgreSQL 18, 1.21 on 15; it was 20 times as many with a count of all."""
    least, *more = (sum(cost.blocks for cost in grown.costs[what, size].values()) for size in SIZES)
    assert max(more) <= 1.3 * least


@pytest.fixture(scope="module")
def everything_grown(grown: Grown) -> Iterator[psycopg.Connection[Any]]:
    """All lists, the log, certificates and rejections as well."""
    with psycopg.connect(grown.dsn, autocommit=True) as admin:
        admin.execute("SET search_path TO breezeway, breezeway_internal")
        grow_lists(admin, 5_000)
        grow_log(admin, 5_000)
        settle(admin)
        yield admin


async def test_what_the_daemon_asks_every_minute_reads_nothing_whole(
    grown: Grown, everything_grown: psycopg.Connection[Any]
) -> None:
    before = counters(everything_grown)
    async with Database(grown.dsn, SCHEMA) as database:
        status = Status(database)
        assert await status.freshness()
        assert await status.recent_runs()
        assert await status.leases()
        assert await status.tokens()
        assert [one.rejected_open for one in await status.regions()] == [0]
        assert await status.verifications(datetime.now(UTC))
        assert await status.last_successes()
    read = spent(before, counters(everything_grown))
    assert {name for name, cost in read.items() if cost.scans} & {*RECORDS, *KEPT} == set()
    assert sum(read[name].blocks for name in KEPT) < 500


def derived(entity: Entity) -> dict[str, str]:
    """The statements of an entity that an hour may send."""
    sql, absence = sql_for(entity, SCHEMA), absence_sql(entity, SCHEMA)
    found = {name: getattr(sql, name) for name in ("lookup", "known_state", "merge", "parents", "save_leftover")}
    found |= {f"late link {place}": text for place, text in enumerate(sql.late_links)}
    parts: list[tuple[str, Any]] = [(child.child.table, one) for child, one in (*sql.children, *sql.called)]
    parts += [(link.table, one) for link, one in sql.tags]
    for table, part in parts:
        found |= {f"{table} {name}": getattr(part, name) for name in ("existing", "delete", "merge")}
    found |= {f"{child.child.table} differing": one.differing for child, one in sql.called}
    found |= {f"{link.table} tags": one.create_tags for link, one in sql.tags}
    found |= {"restore": absence.restore, "listed": absence.listed}
    # Whether a tag is on a live record is asked when it is about to be deleted.
    found |= {} if entity.name == "tags" else {"delete": absence.delete}
    asking = asking_sql(entity, SCHEMA)
    found |= {"candidates": asking.candidates, "forget gone": asking.forget_gone, "doubt": asking.doubt}
    found |= {"homes": asking.homes} if asking.homes else {}
    # A list of a whole region is compared with all that is stored of it, when all of it has been read.
    found |= {"absent": absence.absent} if list_column(entity) else {}
    return found


@pytest.mark.parametrize("entity", ENTITIES, ids=lambda one: one.name)
def test_the_loader_finds_its_rows_by_index(everything_grown: psycopg.Connection[Any], entity: Entity) -> None:
    sql = sql_for(entity, SCHEMA)
    found = {}
    with everything_grown.transaction(force_rollback=True):
        everything_grown.execute("SET LOCAL plan_cache_mode = force_generic_plan")
        parts = [part.staging for _, part in (*sql.children, *sql.called)] + [part.staging for _, part in sql.tags]
        for staging in (sql.staging, *parts):
            everything_grown.execute(staging.create.encode())
        for name, statement in derived(entity).items():
            found[name] = [*whole_reads(plan(everything_grown, statement))]
    assert {name: reads for name, reads in found.items() if reads} == {}


def test_the_days_around_today_are_compared_without_those_long_past(everything_grown: psycopg.Connection[Any]) -> None:
    """Nor with what other properties have on these days: the blocks that one property's list costs."""
    today = datetime.now(UTC).date()
    with everything_grown.transaction(force_rollback=True):
        everything_grown.execute(
            "UPDATE tasks SET scheduled_date = %s WHERE task_id < 6000 AND task_id %% 3 < 2", (today,)
        )
        everything_grown.execute("ANALYZE tasks")
        home = everything_grown.execute("SELECT home_id FROM tasks WHERE task_id = 2").fetchone()
        everything_grown.execute(f"PREPARE it AS {absence_sql(TASKS, SCHEMA).absent}".encode())
        everything_grown.execute("SET LOCAL plan_cache_mode = force_custom_plan")
        values = (
            f"'{REGION}', 9e18, '{{}}', '', {(home or (0,))[0]}, '{today - timedelta(15)}', '{today + timedelta(15)}'"
        )
        row = everything_grown.execute(
            f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) EXECUTE it ({values})".encode()
        ).fetchone()
        everything_grown.execute("DEALLOCATE it")
    found = row[0][0]["Plan"] if row else {}
    assert found["Shared Hit Blocks"] + found["Shared Read Blocks"] < 40


def named() -> dict[str, str]:
    """Every statement that is kept as text and that an hour or the daemon may send."""
    texts = [
        (files.sql_directory() / "queries" / f"{name}.sql").read_text(encoding="utf-8")
        for name in ("backlog", "mirror", "proof", "radar", "rejects", "sync_log", "status", "verification_results")
    ]
    names = [name for text in texts for name in re.findall(r"(?m)^-- name: (\w+)$", text)]
    return {name: files.query(name, SCHEMA, TASKS) for name in names if name not in RARE}


def test_named_statements_find_their_rows_by_index(everything_grown: psycopg.Connection[Any]) -> None:
    everything_grown.execute("SET plan_cache_mode = force_generic_plan")
    found = {name: [*whole_reads(plan(everything_grown, statement))] for name, statement in named().items()}
    assert len(found) > 50
    assert {name: reads for name, reads in found.items() if reads} == {}
