"""Secrets appear nowhere: not in results, logs, errors, `config show`, the process list or the database."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from breezeway_sync.sandbox.spec import AccountSpec, resized
from tests.cli.support import Finished, Running, Stage, Starter, staged, until, without_a_listener, write_config
from tests.conftest import Rows
from tests.helpers import tiny

pytestmark = pytest.mark.process

SECRET = "Planted-Secret-4711"
WRONG = "Mistyped-Secret-0815"
PASSWORD = "Planted-Password-42"
ACCOUNT = AccountSpec("nashville", "Nashville", 8558, "sandbox-nashville", SECRET, properties=2, tasks_per_property=3)
DEBUG = '[log]\nlevel = "debug"'


def planted(dsn: str) -> str:
    """The same address with a password, which a server that trusts everybody does not ask for."""
    return dsn.replace("postgres@", f"postgres:{PASSWORD}@", 1)


def is_clean(finished: Finished) -> None:
    for stream in (finished.out, finished.err):
        for secret in (SECRET, WRONG, PASSWORD, "sandbox.access.", "sandbox.refresh."):
            assert secret not in stream


def command_line(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text(encoding="utf-8")
    except OSError:  # it ends this moment
        return ""


async def watched(running: Running, within: float = 40.0) -> Finished:
    """To the end, reading the process list meanwhile."""
    while running.popen.poll() is None:
        line = command_line(running.pid)
        assert SECRET not in line
        assert PASSWORD not in line
        await asyncio.sleep(0.05)
    return await running.end(within)


async def test_in_a_run_and_its_debug_log(start: Starter, dsn: str, rows: Rows) -> None:
    async with staged(start, planted(dsn), [ACCOUNT], more=DEBUG) as stage:
        stage.setup.faults.add("status", path="/people", times=1)
        finished = await watched(stage.run("--json"))
    assert finished.code == 0, finished.err[-2000:]
    assert '"event": "call_finished", "level": "debug"' in finished.err
    assert '"event": "call_retried"' in finished.err
    is_clean(finished)


async def test_where_the_credentials_are_refused(start: Starter, dsn: str, rows: Rows) -> None:
    async with staged(start, planted(dsn), [ACCOUNT], more=DEBUG) as stage:
        text = stage.config.read_text(encoding="utf-8")
        stage.config.write_text(text.replace(SECRET, WRONG), encoding="utf-8")
        finished = await watched(stage.run())
    assert finished.code == 1
    assert "token_failed" in finished.err
    assert "credentials are wrong" in finished.out
    is_clean(finished)
    for table in ("etl_sync_log", "api_tokens", "account_leases", "regions"):
        kept = str(rows(f"SELECT t::text FROM {table} t"))
        assert WRONG not in kept
        assert PASSWORD not in kept


async def test_where_the_token_is_refused(start: Starter, dsn: str) -> None:
    async with staged(start, planted(dsn), [ACCOUNT], more=DEBUG) as stage:
        stage.setup.faults.add("401", path="/inventory/")
        finished = await stage.ran("all", "people")
    assert finished.code == 1
    is_clean(finished)


async def test_where_the_database_is_away_or_the_configuration_wrong(start: Starter, tmp_path: Path) -> None:
    away = f"postgresql://sync:{PASSWORD}@127.0.0.1:{without_a_listener()}/breezeway"
    config = write_config(tmp_path, "http://127.0.0.1:1", away, [ACCOUNT], more=DEBUG)
    is_clean(await start.done("run", "-c", config))
    shown = await start.done("config", "show", "-c", config)
    assert shown.code == 0
    is_clean(shown)
    misplaced = tmp_path / "misplaced.toml"
    text = config.read_text(encoding="utf-8")
    for wrong in (
        text.replace("client_id =", "client_idd ="),
        text.replace('client_secret = "', 'client_secret = " '),
        text.replace('client_secret = "', "client_secret = "),
        text.replace('dsn = "postgresql:', 'dsn = "mysql:'),
        text.replace("company_id = 8558", f'company_id = "{SECRET}"'),
    ):
        misplaced.write_text(wrong, encoding="utf-8")
        finished = await start.done("run", "-c", misplaced)
        assert finished.code == 78
        is_clean(finished)


async def test_from_the_environment(start: Starter, dsn: str) -> None:
    account = resized(tiny()[0])
    async with staged(start, dsn, [account]) as stage:
        text = stage.config.read_text(encoding="utf-8")
        stage.config.write_text(text.replace(f'client_secret = "{account.client_secret}"', ""), encoding="utf-8")
        secret = {"BREEZEWAY_SYNC_REGIONS__NASHVILLE__CLIENT_SECRET": account.client_secret}
        finished, shown = await ran_and_shown(stage, secret)
    assert (finished.code, shown.code) == (0, 0)
    for stream in (finished.out, finished.err, shown.out, shown.err):
        assert account.client_secret not in stream


async def ran_and_shown(stage: Stage, secret: dict[str, str]) -> tuple[Finished, Finished]:
    running = stage.run("all", "people", variables=secret)
    await until(lambda: stage.setup.stats.total or running.popen.poll() is not None, 20, "nothing is called")
    return await running.end(), await stage.start.done("config", "show", "-c", stage.config, variables=secret)
