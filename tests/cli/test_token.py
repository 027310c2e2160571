"""`token check` and `token refresh` as processes: results, exit codes, no value of a secret."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from breezeway_sync.core.clock import SystemClock
from breezeway_sync.core.events import ignore
from breezeway_sync.core.sources import account_key
from breezeway_sync.store import leases
from breezeway_sync.store.database import Database
from tests.cli.support import Finished, Stage, Starter, without_a_listener, write_config
from tests.cli.test_status import ran
from tests.conftest import Rows
from tests.helpers import tiny

pytestmark = pytest.mark.process

SECRETS = (tiny()[0].client_secret, tiny()[0].client_id, "sandbox.access.", "sandbox.refresh.", "mistyped-1")


async def token(stage: Stage, *arguments: str) -> Finished:
    finished = await ran(stage.start, stage.config, "token", *arguments)
    for secret in SECRETS:
        assert secret not in finished.out + finished.err
    return finished


async def test_check_and_refresh(stage: Stage, rows: Rows) -> None:
    before = await token(stage, "check")
    assert before.code == 0
    assert "none yet" in before.out
    assert (await token(stage, "refresh", "nashville")).code == 0
    first = rows("SELECT access_token FROM api_tokens")
    again = await token(stage, "refresh", "all", "--json")
    assert again.code == 0
    assert json.loads(again.out)["regions"][0]["generation"] == 2
    assert rows("SELECT access_token FROM api_tokens") != first
    tried = await token(stage, "check", "nashville", "--call")
    assert (tried.code, stage.setup.stats.token_calls) == (0, 2)
    assert "24 h left" in tried.out


async def test_the_wait_for_a_turn_is_said_on_stderr(stage: Stage) -> None:
    text = stage.config.read_text(encoding="utf-8")
    stage.config.write_text(text.replace("auth_interval_seconds = 0", "auth_interval_seconds = 8"), encoding="utf-8")
    assert (await token(stage, "refresh")).code == 0
    second = await token(stage, "refresh")
    assert second.code == 0
    assert "breezeway-sync: nashville: waiting" in second.err
    assert "waiting" not in second.out


async def test_refused_credentials_are_1(stage: Stage) -> None:
    text = stage.config.read_text(encoding="utf-8")
    stage.config.write_text(text.replace(tiny()[0].client_secret, "mistyped-1"), encoding="utf-8")
    for arguments in (("refresh",), ("check",)):
        finished = await token(stage, *arguments)
        assert finished.code == 1
        assert "nashville: the credentials are wrong" in finished.out


async def test_an_account_that_another_process_works_is_75(
    stage: Stage, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leases, "RENEW_SECONDS", 0.2)
    other = leases.Owner("elsewhere, process 1", "elsewhere|boot|namespace|1|1")
    key = account_key(stage.setup.url, tiny()[0].client_id)
    async with leases.hold(
        database, key, clock=SystemClock(), wait_seconds=0, drain_seconds=0, emit=ignore, owner=other
    ):
        finished = await token(stage, "refresh", "--wait", "0")
    assert finished.code == 75
    assert "elsewhere, process 1" in finished.out


async def test_an_api_or_a_database_that_is_away_is_3(stage: Stage, tmp_path: Path, start: Starter, dsn: str) -> None:
    nowhere = f"http://127.0.0.1:{without_a_listener()}"
    api_away = write_config(tmp_path, nowhere, dsn, tiny())
    assert (await ran(start, api_away, "token", "refresh")).code == 3
    away = f"postgresql://sync:pw@127.0.0.1:{without_a_listener()}/breezeway"
    finished = await ran(start, write_config(tmp_path, nowhere, away, tiny()), "token", "check")
    assert (finished.code, finished.out) == (3, "")


async def test_names_and_configuration(stage: Stage, start: Starter, tmp_path: Path) -> None:
    unknown = await token(stage, "check", "nashvile")
    assert unknown.code == 2
    assert '"nashville"?' in unknown.err
    assert (await ran(start, tmp_path / "none.toml", "token", "refresh")).code == 78
