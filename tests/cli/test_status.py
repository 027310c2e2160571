"""`status`: the mirror's freshness from its database, for people, programs and monitoring."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from breezeway_sync.cli.common import span
from tests.cli.support import Finished, Stage, Starter, without_a_listener, write_config
from tests.conftest import Rows
from tests.helpers import tiny

pytestmark = pytest.mark.process

APP = Path(__file__).with_name("extra_app.py")


async def ran(start: Starter, config: Path, *arguments: str, **variables: str) -> Finished:
    return await start.program(sys.executable, APP, *arguments, "-c", config, variables=variables).end()


async def test_a_fresh_mirror(stage: Stage) -> None:
    await stage.ran()
    calls = stage.setup.stats.total
    plain, as_json, check = [
        await ran(stage.start, stage.config, "status", *more) for more in ([], ["--json"], ["--check"])
    ]
    assert stage.setup.stats.total == calls
    assert [one.code for one in (plain, as_json, check)] == [0, 0, 0]
    assert [one.err for one in (plain, as_json, check)] == ["", "", ""]
    lines = plain.out.splitlines()
    assert lines[0].split() == [
        *("region", "entity", "status", "last", "success", "(UTC)", "age", "target", "late", "rows", "calls", "took")
    ]
    assert sum(" success " in line for line in lines[1:]) == 9
    assert "24 h left" in plain.out
    assert "\x1b" not in plain.out
    found = json.loads(as_json.out)
    assert found["late"] == 0
    assert {one["entity"] for one in found["entities"]} >= {"tasks", "property_contacts"}
    assert found["regions"][0]["pending_reads"] == {}


async def test_what_is_late_owed_rejected_and_wrong(stage: Stage, rows: Rows) -> None:
    await stage.ran()
    rows(
        "UPDATE etl_sync_log SET sync_status = 'failed', error_message = 'property 17 [b]bold[/b]', "
        "last_successful_sync_at = now() - interval '3 days' WHERE entity_type = 'tasks'"
    )
    rows("UPDATE etl_sync_log SET last_successful_sync_at = NULL WHERE entity_type = 'people'")
    rows("INSERT INTO pending_child_reads SELECT 'nashville', 'task_comments', n, 1 FROM generate_series(1, 2000) n")
    rows(
        "INSERT INTO rejected_records (region_code, entity_type, record_id, reason) "
        "VALUES ('nashville', 'tasks', '1', 'x')"
    )
    rows("UPDATE api_tokens SET last_error = 'refused', token_expires_at = now() - interval '1 hour'")
    text = stage.config.read_text(encoding="utf-8").replace(
        "requests_per_minute = 1000000", "requests_per_minute = 100"
    )
    stage.config.write_text(text, encoding="utf-8")
    plain, as_json, check = [
        await ran(stage.start, stage.config, "status", *more) for more in ([], ["--json"], ["--check"])
    ]
    assert [one.code for one in (plain, as_json, check)] == [0, 0, 4]
    for words in (
        *("3 d", "never", "2,000", "about 20 min", "expired", "2 of 9 are late"),
        *("nashville tasks: property 17 [b]bold[/b]", "nashville token: refused"),
    ):
        assert words in plain.out
    found = json.loads(as_json.out)
    assert found["late"] == 2
    assert found["regions"][0]["pending_child_reads"] == 2000
    assert found["regions"][0]["pending_read_seconds"] == 1200
    assert found["regions"][0]["rejected_open"] == 1


async def test_a_mirror_that_was_never_filled_is_late(start: Starter, tmp_path: Path, dsn: str) -> None:
    config = write_config(tmp_path, "http://127.0.0.1:1", dsn, tiny())
    plain, check = await ran(start, config, "status"), await ran(start, config, "status", "--check")
    assert (plain.code, check.code) == (0, 4)
    assert "no region is known yet" in plain.out


async def test_no_database_no_schema_no_configuration(start: Starter, tmp_path: Path, empty_dsn: str) -> None:
    config = write_config(tmp_path, "http://127.0.0.1:1", empty_dsn, tiny())
    unmigrated = await ran(start, config, "status")
    assert (unmigrated.code, unmigrated.out) == (78, "")
    assert "breezeway-sync migrate" in unmigrated.err
    away = f"postgresql://sync:pw@127.0.0.1:{without_a_listener()}/breezeway"
    unreachable = await ran(start, write_config(tmp_path, "http://127.0.0.1:1", away, tiny()), "status")
    assert (unreachable.code, unreachable.out) == (3, "")
    missing = await ran(start, tmp_path / "none.toml", "status")
    assert (missing.code, missing.out) == (78, "")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        *((None, ""), (0, "0 s"), (59.4, "59 s"), (60, "1 min"), (90, "1.5 min"), (720, "12 min"), (3600, "1 h")),
        *((90_000, "1 d"), (691_200, "8 d"), (-7200, "-2 h")),
    ],
)
def test_lengths_of_time(seconds: float | None, text: str) -> None:
    assert span(seconds) == text
