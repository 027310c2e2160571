"""`run` from outside: what it prints where, its exit codes, what is in the database afterwards."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from breezeway_sync.entities.streams import NAMES
from tests.cli.support import UNPACED, Stage, Starter, staged, without_a_listener, write_config
from tests.conftest import Rows
from tests.helpers import tiny

pytestmark = pytest.mark.process

COUNTS = ("new", "updated", "unchanged", "deleted", "rejected", "calls")
ROW = re.compile(r"(?P<region>\w*) +(?P<entity>\w+) +(?P<counts>(success|partial|failed)( +[\d,]+){6} +[\d.]+) *")
LOGGED = """
    SELECT entity_type AS entity, sync_status AS status, records_new AS new, records_updated AS updated,
           records_unchanged AS unchanged, records_deleted AS deleted, records_rejected AS rejected,
           api_calls_made AS calls
    FROM etl_sync_log WHERE run_id::text = %s ORDER BY id
"""


def table_of(out: str) -> dict[tuple[str, str], list[str]]:
    """The printed table: (region, entity) to status, counts and seconds."""
    lines = out.splitlines()
    assert lines[0].split() == ["region", "entity", "status", *COUNTS, "seconds"]
    found: dict[tuple[str, str], list[str]] = {}
    region = ""
    for line in lines[1:]:
        match = ROW.fullmatch(line)
        if match:
            region = match["region"] or region
            found[region, match["entity"]] = match["counts"].split()
    return found


async def test_two_runs_mirror_everything_and_then_change_nothing(start: Starter, dsn: str, rows: Rows) -> None:
    accounts = tiny(2)
    async with staged(start, dsn, accounts) as stage:
        first = await stage.ran()
        second = await stage.ran("all", "all")
        truth = {one.code: stage.setup.world.account(one.code) for one in accounts}
    assert (first.code, second.code) == (0, 0)
    tables = table_of(first.out), table_of(second.out)
    assert set(tables[0]) == set(tables[1]) == {(one.code, name) for one in accounts for name in NAMES}
    for code, account in truth.items():
        for name in ("properties", "reservations", "tasks", "people", "supplies", "templates"):
            status, new, *_ = tables[0][code, name]
            assert (status, int(new)) == ("success", account.count(name))
            kept = rows(f"SELECT count(*) n FROM {name} WHERE region_code = %s AND deleted_at IS NULL", code)
            assert kept == [{"n": account.count(name)}]
    assert {tuple(counts[:3]) for counts in tables[1].values()} == {("success", "0", "0")}
    assert "\x1b" not in first.out + first.err
    for line in first.err.splitlines():
        assert "event" in json.loads(line)


async def test_json_agrees_with_the_log_in_the_database(stage: Stage, rows: Rows) -> None:
    finished = await stage.ran("--json")
    assert finished.code == 0
    report: dict[str, Any] = json.loads(finished.out)
    assert report["locked"] == {}
    logged = {one["entity"]: one for one in rows(LOGGED, report["run_id"])}
    assert set(logged) == set(NAMES)
    for outcome in report["outcomes"]:
        assert outcome["region"] == "nashville"
        assert {name: outcome[name] for name in ("entity", "status", *COUNTS)} == logged[outcome["entity"]]


async def test_one_region_and_one_entity(start: Starter, dsn: str, rows: Rows) -> None:
    async with staged(start, dsn, tiny(2)) as stage:
        finished = await stage.ran("austin", "people")
    assert finished.code == 0
    # Its properties are read first: they show that this is the right source.
    assert list(table_of(finished.out)) == [("austin", "properties"), ("austin", "people")]
    assert rows("SELECT DISTINCT region_code FROM people") == [{"region_code": "austin"}]
    assert rows("SELECT count(*) n FROM tasks") == [{"n": 0}]


async def test_full_asks_for_all_comments_again(stage: Stage) -> None:
    assert (await stage.ran()).code == 0
    stage.setup.stats.reset()
    assert (await stage.ran("nashville", "tasks", "--full")).code == 0
    asked = stage.setup.stats.of(None, "/task/{id}/comments")
    assert asked == stage.setup.world.account("nashville").count("tasks")


async def test_partial_is_1_and_says_what_is_missing(stage: Stage) -> None:
    stage.setup.faults.add("422", path="/requirements")
    finished = await stage.ran()
    assert finished.code == 1
    table = table_of(finished.out)
    assert {status for (_, name), (status, *_) in table.items() if name != "tasks"} == {"success"}
    assert table["nashville", "tasks"][0] == "partial"
    assert "nashville tasks: " in finished.out
    assert "child reads (comments and requirements) are pending" in finished.out


async def test_a_failing_region_is_1_and_the_other_succeeds(start: Starter, dsn: str) -> None:
    async with staged(start, dsn, tiny(2)) as stage:
        stage.setup.faults.add("401", account="austin")
        finished = await stage.ran()
    assert finished.code == 1
    statuses = {(code, counts[0]) for (code, _), counts in table_of(finished.out).items()}
    assert statuses == {("nashville", "success"), ("austin", "failed")}


async def test_regions_without_credentials_fail_by_name(stage: Stage) -> None:
    text = stage.config.read_text(encoding="utf-8")
    stage.config.write_text(text + "[regions.keyless]\ncompany_id = 1\n", encoding="utf-8")
    finished = await stage.ran("all", "people")
    assert finished.code == 1
    assert {code: counts[0] for (code, _), counts in table_of(finished.out).items()} == {
        "nashville": "success",
        "keyless": "failed",
    }
    assert "keyless people: no credentials" in finished.out


async def test_an_unreachable_api_is_3(start: Starter, dsn: str, rows: Rows) -> None:
    config = write_config(start.folder, f"http://127.0.0.1:{without_a_listener()}", dsn, tiny())
    finished = await start.done("run", "all", "people", "-c", config, within=90)
    assert finished.code == 3
    assert "the connection was refused" in finished.out
    assert rows("SELECT entity_type, sync_status FROM etl_sync_log ORDER BY 1") == [
        {"entity_type": "people", "sync_status": "failed"}, {"entity_type": "properties", "sync_status": "failed"}
    ]  # fmt: skip
    assert rows("SELECT owner FROM account_leases") == [{"owner": None}]


async def test_an_unreachable_api_is_told_after_one_more_try(start: Starter, dsn: str) -> None:
    """With the default pause between token calls, of which none was received."""
    url = f"http://127.0.0.1:{without_a_listener()}"
    config = write_config(start.folder, url, dsn, tiny(), api=UNPACED.splitlines()[0])
    finished = await start.done("run", "-c", config, within=90)
    assert finished.code == 3
