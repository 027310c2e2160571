"""Runs that are ended, by a signal or without a word, and accounts that somebody else holds."""

from __future__ import annotations

import asyncio
import json
import signal

import pytest

from breezeway_sync.core.error_codes import ExitCode
from breezeway_sync.core.sources import account_key
from tests.cli.support import Running, Stage, Starter, staged, until
from tests.conftest import Rows
from tests.helpers import tiny

pytestmark = pytest.mark.process

FREE = [{"owner": None, "owner_identity": None}]
LEASES = "SELECT owner, owner_identity FROM account_leases"


async def in_the_middle(stage: Stage, *arguments: str) -> Running:
    """A run that has begun tasks and waits for their lists."""
    stage.setup.faults.add("slow", path=r"/task/\?", delay=300)
    running = stage.run(*arguments)
    await until(lambda: stage.setup.stats.of(None, "/task"), 20, "no task list is asked for")
    return running


@pytest.mark.parametrize(
    ("number", "code"),
    [(signal.SIGINT, ExitCode.INTERRUPTED), (signal.SIGTERM, ExitCode.TERMINATED)],
    ids=["INT", "TERM"],
)
async def test_a_signal_closes_what_is_open(stage: Stage, rows: Rows, number: signal.Signals, code: int) -> None:
    running = await in_the_middle(stage)
    assert rows(LEASES)[0]["owner"] is not None
    running.send(number)
    finished = await running.end(10)
    assert finished.code == code
    assert "Traceback" not in finished.err
    ended = rows("SELECT sync_status, error_message FROM etl_sync_log WHERE entity_type = 'tasks'")
    assert ended == [{"sync_status": "failed", "error_message": "interrupted"}]
    assert rows("SELECT * FROM etl_sync_log WHERE sync_status = 'running'") == []
    assert rows(LEASES) == FREE
    assert rows("SELECT * FROM tasks") == []
    stage.setup.faults.clear()
    assert (await stage.ran("--wait", "0")).code == 0


async def test_a_signal_before_the_first_call(stage: Stage, rows: Rows) -> None:
    """While it waits for an account of another host."""
    rows(
        "INSERT INTO account_leases (account, owner, owner_identity, renewed_at, expires_at) "
        "VALUES (%s, 'elsewhere', 'elsewhere|||1|1', now(), now() + interval '1 h')",
        account_key(stage.setup.url, tiny()[0].client_id),
    )
    running = stage.run("--wait", "300")
    await until(lambda: "lease_awaited" in running.err, 20, "the account is not waited for")
    running.send(signal.SIGTERM)
    assert (await running.end(10)).code == ExitCode.TERMINATED
    assert rows("SELECT owner FROM account_leases") == [{"owner": "elsewhere"}]


async def test_an_account_that_somebody_works_is_75(start: Starter, dsn: str, rows: Rows) -> None:
    """Regions of other accounts are read all the same."""
    async with staged(start, dsn, tiny(2)) as stage:
        holder = await in_the_middle(stage, "nashville")
        try:
            one, all_regions = (
                stage.run("nashville", "people", "--wait", "1"),
                stage.run("all", "people", "--wait", "1", "--json"),
            )
            finished, both = await asyncio.gather(one.end(40), all_regions.end(40))
        finally:
            holder.send(signal.SIGINT)
        assert (await holder.end(10)).code == ExitCode.INTERRUPTED
    assert (finished.code, both.code) == (ExitCode.LOCKED, ExitCode.LOCKED)
    assert "nashville: the account is being worked by another process" in finished.out
    assert f"process {holder.pid}" in finished.out
    assert "lease_awaited" in finished.err
    report = json.loads(both.out)
    assert list(report["locked"]) == ["nashville"]
    # Properties first: they show that it is the right source.
    assert [(one["region"], one["status"]) for one in report["outcomes"]] == [("austin", "success")] * 2
    assert rows(LEASES) == FREE * 2


async def test_an_account_given_back_in_time_is_worked(stage: Stage) -> None:
    holder = await in_the_middle(stage)
    stage.setup.faults.clear()
    waiting = stage.run("nashville", "people", "--wait", "30")
    await until(lambda: "lease_awaited" in waiting.err, 20, "the account is not waited for")
    holder.send(signal.SIGINT)
    assert (await holder.end(10)).code == ExitCode.INTERRUPTED
    assert (await waiting.end(10)).code == 0


async def test_a_dead_owner_on_this_host_is_replaced_at_once(stage: Stage, rows: Rows) -> None:
    running = await in_the_middle(stage)
    running.kill()
    stage.setup.faults.clear()
    finished = await stage.ran("nashville", "people", "--wait", "0")
    assert finished.code == 0
    assert finished.seconds < 10
    assert "lease_awaited" not in finished.err
    ended = rows("SELECT sync_status, error_message FROM etl_sync_log WHERE entity_type = 'tasks'")
    assert ended == [{"sync_status": "failed", "error_message": "process ended"}]
    assert rows(LEASES) == FREE
