"""Two processes, one account, the service's real limits, in real time."""

from __future__ import annotations

import asyncio
import time

import pytest

from breezeway_sync.sandbox.spec import resized
from tests.cli.support import Starter, staged
from tests.conftest import Rows
from tests.helpers import tiny

pytestmark = pytest.mark.process

CALLS_PER_MINUTE = 180


@pytest.mark.timeout(400)
async def test_invocations_together_keep_the_limits_and_use_them(start: Starter, dsn: str, rows: Rows) -> None:
    """Defaults on both sides: 200 calls and one token call a minute are enforced, 180 and one are used."""
    account = resized(tiny()[0], properties=10, tasks_per_property=11)
    async with staged(start, dsn, [account], limits=True) as stage:
        stats = stage.setup.stats
        began = time.monotonic()
        both = [stage.run("--wait", "300") for _ in range(2)]
        ends = [asyncio.create_task(one.end(360)) for one in both]
        await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        seconds, calls = time.monotonic() - began, stats.total - stats.token_calls
        finished = [await end for end in ends]
        finished.append(await stage.ran("--wait", "300", within=120))

        assert [one.code for one in finished] == [0, 0, 0], [one.err[-500:] for one in finished]
        assert calls > 230
        assert stats.statuses[429] == 0
        assert stats.token_calls == 1
        assert seconds <= 1.10 * calls / CALLS_PER_MINUTE * 60, f"{calls} calls in {seconds:.1f} s"
        tasks = stage.setup.world.account(account.code).count("tasks")
        assert rows("SELECT count(*) n FROM tasks") == [{"n": tasks}]
        assert stats.of(None, "/task/{id}/comments") == stats.of(None, "/task/{id}/requirements") == tasks
