"""Credentials and tokens: what is said of them, and a new one on demand."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import SecretStr

from breezeway_sync.core.clock import SystemClock
from breezeway_sync.core.errors import SchemaRefused
from breezeway_sync.core.events import ignore
from breezeway_sync.core.sources import account_key
from breezeway_sync.sandbox.spec import resized
from breezeway_sync.service import tokens
from breezeway_sync.service.tokens import TokenReport
from breezeway_sync.store import leases
from breezeway_sync.store.database import Database
from tests.conftest import Rows
from tests.helpers import Setup, sandboxed, tiny


async def checked(setup: Setup, **more: Any) -> dict[str, TokenReport]:
    given = {"emit": ignore, "tell": lambda _text: None, **more}
    return {one.region: one for one in await tokens.check(setup.settings, tuple(setup.settings.regions), **given)}


async def refreshed(setup: Setup, *regions: str, **more: Any) -> dict[str, TokenReport]:
    given = {"emit": ignore, "tell": lambda _text: None, **more}
    codes = regions or tuple(setup.settings.regions)
    return {one.region: one for one in await tokens.refresh(setup.settings, codes, **given)}


def replace(setup: Setup, code: str, **values: object) -> None:
    regions = {**setup.settings.regions, code: setup.settings.regions[code].model_copy(update=values)}
    setup.settings = setup.settings.model_copy(update={"regions": regions})


def stored(rows: Rows, code: str = "nashville") -> dict[str, Any]:
    return rows("SELECT * FROM api_tokens WHERE region_code = %s", code)[0]


async def test_checking_calls_nobody_and_changes_nothing(dsn: str, rows: Rows) -> None:
    async with sandboxed(dsn, tiny(2)) as setup:
        before = await checked(setup)
        assert setup.stats.total == 0
        assert rows("SELECT * FROM regions") == []
        await setup.run("nashville", "people")
        setup.stats.reset()
        after = await checked(setup)
        assert setup.stats.total == 0
    assert {(one.credentials, one.is_stored, one.problem) for one in before.values()} == {
        ("configuration", False, None)
    }
    nashville = after["nashville"]
    assert nashville.is_stored
    assert nashville.expires_in_seconds is not None
    assert 86_000 < nashville.expires_in_seconds <= 86_400
    assert (nashville.generation, nashville.problem, after["austin"].is_stored) == (1, None, False)


async def test_a_schema_that_is_not_there_is_left_alone(empty_dsn: str) -> None:
    async with sandboxed(empty_dsn) as setup:
        with pytest.raises(SchemaRefused, match="breezeway-sync migrate"):
            await checked(setup)


async def test_a_token_that_an_operator_took_away(dsn: str, rows: Rows) -> None:
    async with sandboxed(dsn) as setup:
        await setup.run(entity="people")
        rows("UPDATE api_tokens SET access_token = NULL, refresh_token = NULL")
        report = (await checked(setup))["nashville"]
    assert (report.is_stored, report.expires_at) == (False, None)


async def test_where_credentials_come_from(dsn: str, rows: Rows) -> None:
    async with sandboxed(dsn, tiny(2)) as setup:
        await setup.run(entity="people")
        replace(setup, "austin", client_id=None, client_secret=None)
        missing = (await checked(setup))["austin"]
        assert (missing.credentials, missing.account) == ("none", None)
        assert missing.problem
        assert missing.problem.startswith("no credentials")
        rows("UPDATE api_tokens SET client_id = 'an-id', client_secret = 'a-secret' WHERE region_code = 'austin'")
        from_table = (await checked(setup))["austin"]
        assert (from_table.credentials, from_table.problem) == ("api_tokens", None)
        assert "a-secret" not in repr(from_table)


async def test_what_went_wrong_last_is_told(dsn: str) -> None:
    async with sandboxed(dsn) as setup:
        replace(setup, "nashville", client_secret=SecretStr("mistyped-1"))
        await setup.run(entity="people")
        report = (await checked(setup))["nashville"]
    assert report.problem
    assert "credentials are wrong" in report.problem
    assert report.error_code is None
    assert "mistyped-1" not in repr(report)


async def test_with_a_call_the_token_is_tried(dsn: str, rows: Rows) -> None:
    async with sandboxed(dsn, tiny(2)) as setup:
        first = await checked(setup, call=True)
        assert (setup.stats.total, setup.stats.token_calls) == (4, 2)
        await checked(setup, call=True)
        assert (setup.stats.total, setup.stats.token_calls) == (6, 2)
        setup.faults.add("403_json", path="/property", account="nashville")
        refused = await checked(setup, call=True)
    assert {one.problem for one in first.values()} == {None}
    assert [one.region for one in refused.values() if one.problem] == ["nashville"]
    assert refused["nashville"].error_code == "forbidden"


async def test_a_new_token_on_demand_by_refresh_and_without_one_by_credentials(dsn: str, rows: Rows) -> None:
    async with sandboxed(dsn) as setup:
        assert (await refreshed(setup))["nashville"].generation == 1
        old = stored(rows)
        report = (await refreshed(setup))["nashville"]
        assert setup.stats.of(None, "/auth/v1/refresh") == 1
    new = stored(rows)
    assert (report.generation, report.problem) == (2, None)
    assert new["access_token"] != old["access_token"]
    assert new["refresh_token"] != old["refresh_token"]


async def test_regions_that_share_an_account_get_one_token(dsn: str, rows: Rows) -> None:
    pair = tiny()[0]
    async with sandboxed(dsn, tiny(2)) as setup:
        replace(setup, "austin", client_id=SecretStr(pair.client_id), client_secret=SecretStr(pair.client_secret))
        report = await refreshed(setup, "austin")
        assert setup.stats.token_calls == 1
    assert list(report) == ["austin"]
    assert stored(rows, "austin")["access_token"] == stored(rows, "nashville")["access_token"]


async def test_the_turn_is_waited_for_and_said(dsn: str) -> None:
    said: list[str] = []
    async with sandboxed(dsn, auth_interval_seconds=2.0) as setup:
        setup.options.auth_interval_seconds = 1.5
        await refreshed(setup, tell=said.append)
        assert said == []
        report = await refreshed(setup, tell=said.append)
        assert setup.stats.token_calls == 2
    assert report["nashville"].problem is None
    assert len(said) == 1
    assert said[0].startswith("nashville: waiting 2 s")


async def test_one_that_fails_costs_only_itself(dsn: str) -> None:
    async with sandboxed(dsn, [resized(one) for one in tiny(2)]) as setup:
        replace(setup, "austin", client_secret=SecretStr("mistyped-1"))
        report = await refreshed(setup)
    assert (report["nashville"].problem, report["austin"].error_code) == (None, "credentials_rejected")


async def test_an_account_that_another_process_works(
    database: Database, dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leases, "RENEW_SECONDS", 0.2)
    other = leases.Owner("elsewhere, process 1", "elsewhere|boot|namespace|1|1")
    async with (
        sandboxed(dsn, tiny(2)) as setup,
        leases.hold(
            database,
            account_key(setup.url, tiny()[0].client_id),
            clock=SystemClock(),
            wait_seconds=0,
            drain_seconds=0,
            emit=ignore,
            owner=other,
        ),
    ):
        report = await refreshed(setup, wait_seconds=0)
    assert report["nashville"].error_code == "account_locked"
    assert report["austin"].problem is None
