"""`regions`: which there are, and a person's word on what they are copies of."""

from __future__ import annotations

import json
from typing import Any

import pytest

from breezeway_sync.core.clock import SystemClock
from breezeway_sync.core.sources import account_key
from breezeway_sync.store import leases
from breezeway_sync.store.database import Database
from tests.cli.support import Finished, Stage, Starter, staged
from tests.conftest import Rows
from tests.helpers import tiny

pytestmark = pytest.mark.process


async def done(stage: Stage, *arguments: str) -> Finished:
    return await stage.start.done(*arguments, "--config", stage.config)


def edit(stage: Stage, old: str, new: str) -> None:
    text = stage.config.read_text(encoding="utf-8")
    assert old in text
    stage.config.write_text(text.replace(old, new), encoding="utf-8")


async def listed(stage: Stage) -> dict[str, dict[str, Any]]:
    found = await done(stage, "regions", "list", "--json")
    assert (found.code, found.err) == (0, "")
    return {one["code"]: one for one in json.loads(found.out)}


async def test_regions_are_listed_renamed_retired_and_adopted(start: Starter, dsn: str, rows: Rows) -> None:
    async with staged(start, dsn, tiny(2)) as stage:
        empty = await done(stage, "regions", "list")
        assert empty.code in (0, 78)
        assert (await stage.ran()).code == 0
        found = await listed(stage)
        assert {code: one["state"] for code, one in found.items()} == {"austin": "attended", "nashville": "attended"}
        assert found["austin"]["company_ids"] == [8561]
        assert found["austin"]["rows"] > 20
        assert tiny(2)[1].client_id not in json.dumps(found)
        plain = await done(stage, "regions", "list")
        assert "8561" in plain.out

        renamed = await done(stage, "regions", "rename", "austin", "lone_star")
        assert renamed.code == 0, renamed.err
        assert "[regions.lone_star]" in renamed.out
        taken = await stage.ran("austin", "people")
        assert taken.code == 1
        assert "regions rename lone_star austin" in taken.out + taken.err
        edit(stage, "[regions.austin]", "[regions.lone_star]")
        assert (await stage.ran("lone_star")).code == 0
        assert (await done(stage, "regions", "rename", "austin", "texas")).code == 0  # what the refused run has left
        assert (await done(stage, "regions", "rename", "lone_star", "nashville")).code == 2
        assert (await done(stage, "regions", "rename", "nobody", "texas2")).code == 2
        assert (await done(stage, "regions", "rename", "lone_star", "All")).code == 78

        retired = await done(stage, "regions", "retire", "lone_star")
        assert (retired.code, "retired now" in retired.out) == (0, True)
        refused = await stage.ran("lone_star", "people")
        assert refused.code == 1
        assert "regions adopt lone_star" in refused.out + refused.err
        assert (await listed(stage))["lone_star"]["state"] == "retired"
        everything = await done(stage, "regions", "adopt", "all")
        assert everything.code == 0
        assert "lone_star: adopted" not in everything.out
        adopted = await done(stage, "regions", "adopt", "lone_star")
        assert (adopted.code, "adopted" in adopted.out) == (0, True), adopted.err
        assert (await stage.ran("lone_star")).code == 0

        edit(stage, "company_id = 8558", "company_id = 77")
        blocked = await stage.ran("nashville", "people")
        assert blocked.code == 1
        found = await listed(stage)
        assert found["nashville"]["state"] == "source_changed"
        assert "regions adopt nashville" in found["nashville"]["blocked_why"]
        edit(stage, "company_id = 77", "company_id = 8558")
        assert (await stage.ran("nashville")).code == 0
    assert rows("SELECT count(*) n FROM deletions") == [{"n": 0}]


async def test_a_region_that_is_being_read_is_not_renamed(
    start: Starter, dsn: str, rows: Rows, database: Database
) -> None:
    async with staged(start, dsn, tiny()) as stage:
        assert (await stage.ran()).code == 0
        key = account_key(stage.setup.url, tiny()[0].client_id)
        async with leases.hold(
            database, key, clock=SystemClock(), wait_seconds=0, drain_seconds=0, emit=lambda _event: None
        ):
            assert (await done(stage, "regions", "rename", "nashville", "music_city")).code == 75
    assert rows("SELECT region_code FROM regions") == [{"region_code": "nashville"}]


async def test_config_check_names_two_regions_that_would_be_the_same(start: Starter, dsn: str) -> None:
    async with staged(start, dsn, tiny(2)) as stage:
        assert (await done(stage, "config", "check")).code == 0
        edit(stage, tiny(2)[1].client_id, tiny(2)[0].client_id)
        secrets = await done(stage, "config", "check")
        assert secrets.code == 78
        assert "different secrets" in secrets.err
        edit(stage, tiny(2)[1].client_secret, tiny(2)[0].client_secret)
        assert (await done(stage, "config", "check")).code == 0  # each has a company of its own
        for company in ("company_id = 8558", 'company_id = "all"', "company_id = [8558, 8561]", ""):
            text = stage.config.read_text(encoding="utf-8")
            edit(stage, "company_id = 8561", company)
            same = await done(stage, "config", "check")
            assert same.code == 78
            assert "regions.nashville and regions.austin cannot both be read" in same.err
            stage.config.write_text(text, encoding="utf-8")
        examined = await done(stage, "doctor")
        assert "cannot both be read" not in examined.out
