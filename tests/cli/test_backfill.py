"""`backfill` and `plan` as commands: what they say, what they refuse, and that a kill costs little."""

from __future__ import annotations

import json

import pytest

from breezeway_sync.sandbox.spec import resized
from tests.cli.support import Starter, killed, staged, until
from tests.conftest import Rows
from tests.helpers import tiny

pytestmark = pytest.mark.process

PROPERTIES = 40
ALL_DAYS = ("--from", "1990-01-01", "--to", "2090-12-31")


async def test_killed_it_goes_on_where_it_stopped(start: Starter, dsn: str, rows: Rows) -> None:
    spec = resized(tiny()[0], properties=PROPERTIES, tasks_per_property=2, reservations_per_property=2)
    async with staged(start, dsn, [spec], more="[sync]\nbatch_rows = 10\nflush_seconds = 0.05") as stage:
        setup = stage.setup
        assert (await stage.ran()).code == 0
        tasks = rows("SELECT count(*) AS n FROM tasks WHERE scheduled_date IS NOT NULL")[0]["n"]
        rows("UPDATE tasks SET payload_hash = ''::bytea, task_name = 'spoiled'")
        rows("INSERT INTO unfinished_runs VALUES ('nashville', now() - interval '5 hours', now() - interval '5 hours')")
        command = ("backfill", "--config", stage.config, *ALL_DAYS, "nashville", "tasks")
        setup.options.latency_seconds = 0.05
        lists = setup.stats.of("nashville", "/task")
        running = start(*command)
        await until(lambda: setup.stats.of("nashville", "/task") - lists >= PROPERTIES // 2, 30, "it stands still")
        await until(lambda: bool(rows("SELECT 1 FROM backfills LIMIT 1")), 30, "no list is stored")
        await killed(running, setup, rows)
        assert running.popen.returncode == -9
        assert f"about {PROPERTIES + 2 * tasks:,} calls ({PROPERTIES} for lists, {2 * tasks:,} for" in running.err
        # An ordinary run that was cut off long ago must not look alive by what was written here.
        assert rows("SELECT * FROM unfinished_runs") == []
        over = rows("SELECT count(*) AS n FROM backfills")[0]["n"]
        assert 0 < over < PROPERTIES
        setup.options.latency_seconds = 0.0
        lists = setup.stats.of("nashville", "/task")
        finished = await start.done(*command, "--json")
        assert finished.code == 0, finished.err
        assert setup.stats.of("nashville", "/task") - lists == PROPERTIES - over
        (told,) = json.loads(finished.out)["outcomes"]
        assert told["details"]["lists that were read before the interruption"] == over
        assert rows("SELECT count(*) AS n FROM tasks WHERE task_name = 'spoiled' AND scheduled_date IS NOT NULL") == [
            {"n": 0}
        ]
        assert rows("SELECT * FROM pending_child_reads") == []
        assert rows("SELECT owner FROM account_leases") == [{"owner": None}]


async def test_what_is_refused_and_what_is_planned(start: Starter, dsn: str) -> None:
    async with staged(start, dsn, tiny()) as stage:
        assert (await stage.ran()).code == 0

        async def tried(*arguments: str) -> tuple[int, str]:
            finished = await start.done("backfill", "--config", stage.config, *arguments)
            return finished.code, finished.err

        for arguments, words in [
            (("--from", "2026-01-01"), "--to"),
            (("--from", "2026-01-02", "--to", "2026-01-01"), "not before 2026-01-02"),
            (("--from", "2026-13-01", "--to", "2026-01-01"), "--from"),
            ((*ALL_DAYS, "nashville", "people"), "known are: reservations, tasks, or all"),
            ((*ALL_DAYS, "nowhere"), 'unknown region "nowhere"'),
        ]:
            code, told = await tried(*arguments)
            assert (code, words in " ".join(told.replace("│", " ").split()) or words.capitalize() in told) == (2, True)
        made = stage.setup.stats.total
        finished = await start.done("plan", "--config", stage.config, "nashville", "--json")
        assert finished.code == 0
        (account,) = json.loads(finished.out)["accounts"]
        assert account["calls_per_hour"] > 0
        assert stage.setup.stats.total == made
