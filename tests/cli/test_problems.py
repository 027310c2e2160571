"""`problems list`, `accept` and `retry` as processes: what is shown, what a person's word changes, exit codes."""

from __future__ import annotations

import json
from typing import Any

import pytest

from breezeway_sync.core.clock import SystemClock
from breezeway_sync.core.events import ignore
from breezeway_sync.core.sources import account_key
from breezeway_sync.store import leases
from breezeway_sync.store.database import Database
from tests.cli.support import Finished, Stage
from tests.conftest import Rows
from tests.helpers import tiny

pytestmark = pytest.mark.process


async def told(stage: Stage, *arguments: str) -> Finished:
    return await stage.start.done("problems", *arguments, "--config", stage.config)


async def listed(stage: Stage, *arguments: str) -> list[dict[str, Any]]:
    finished = await told(stage, "list", "--json", *arguments)
    assert finished.code == 0
    found: list[dict[str, Any]] = json.loads(finished.out)["problems"]
    return found


async def checked(stage: Stage) -> int:
    return (await stage.start.done("status", "--check", "--config", stage.config)).code


async def test_one_property_that_is_refused_for_good_and_a_record_without_an_id_are_accepted(
    stage: Stage, rows: Rows
) -> None:
    empty = await told(stage, "list")
    assert (empty.code, empty.out) == (0, "no problem is open\n")
    account = stage.setup.world.account("nashville")
    home, number = min(account.ids("properties")), account.new_id("people")
    stage.setup.faults.add("422", rf"/task/\?.*home_id={home}\b")
    account.put_raw("people", number, b'{"first_name": "Nobody"}', home_id=0)
    assert (await stage.ran()).code == 1
    assert await checked(stage) == 4

    found = await listed(stage)
    ids = {one["entity"]: one["id"] for one in found}
    assert {one["code"] for one in found} == {"refused", "rejected"}
    assert ids["tasks"].startswith("p")
    assert ids["people"].startswith("r")
    shown = await told(stage, "list", "nashville")
    assert shown.code == 0
    assert all(number in shown.out for number in ids.values())
    assert "Nobody" not in shown.out

    for wrong in (("p4242", "--why", "x"), ("nonsense", "--why", "x")):
        refused = await told(stage, "accept", ids["tasks"], *wrong)
        assert refused.code == 2
        assert wrong[0] in refused.err
        assert all(number in refused.err for number in ids.values())
    for why in ((), ("--why", ""), ("--why", "  ")):
        assert (await told(stage, "accept", ids["tasks"], *why)).code == 2
    assert not [one for one in await listed(stage) if one["accepted_at"]]

    kept = await told(stage, "retry", ids["tasks"], ids["people"], "--json")
    assert kept.code == 1
    assert [one["is_open"] for one in json.loads(kept.out)["records"]] == [True, True]
    accepted = await told(stage, "accept", *ids.values(), "--why", "Breezeway knows of it, ticket 5")
    assert accepted.code == 0
    assert accepted.out.startswith("2 problems accepted")
    again = await stage.ran()
    assert again.code == 0, again.out
    assert again.out.count("but for 1 accepted problems") == 2
    assert await checked(stage) == 0
    assert {one["accepted_why"] for one in await listed(stage)} == {"Breezeway knows of it, ticket 5"}
    status = await stage.start.done("status", "--config", stage.config)
    assert "but for 1 accepted problems" in status.out
    as_json = await stage.start.done("status", "--json", "--config", stage.config)
    (region,) = json.loads(as_json.out)["regions"]
    assert region["accepted"] == {"tasks": 1, "people": 1}

    stage.setup.faults.clear()
    account.delete("people", number)
    assert (await told(stage, "retry", ids["tasks"])).code == 0
    assert (await stage.ran("nashville", "people")).code == 0
    assert await listed(stage) == []
    assert {one["id"] for one in await listed(stage, "--all")} == set(ids.values())


async def test_an_account_that_is_worked_elsewhere_and_names_that_are_not_there(
    stage: Stage, database: Database, rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leases, "RENEW_SECONDS", 0.2)
    assert (await stage.ran("nashville", "people")).code == 0
    rows(
        "INSERT INTO problems (region_code, entity_type, kind, source, record_id, code, message) "
        "VALUES ('nashville', 'people', 'list', 'people', 0, 'bad_answer', 'x')"
    )
    (one,) = await listed(stage)
    assert (await told(stage, "list", "nowhere")).code == 2
    assert (await told(stage, "retry", "p4242")).code == 2
    assert (await told(stage, "retry", one["id"], "--wait", "nan")).code == 2
    other = leases.Owner("elsewhere, process 1", "elsewhere|boot|namespace|1|1")
    key = account_key(stage.setup.url, tiny()[0].client_id)
    async with leases.hold(
        database, key, clock=SystemClock(), wait_seconds=0, drain_seconds=0, emit=ignore, owner=other
    ):
        assert (await told(stage, "retry", one["id"], "--wait", "0")).code == 75
