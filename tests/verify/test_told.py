"""A hand-made UPDATE is found by the comparison of the same night, and whoever asks learns of it."""

from __future__ import annotations

import json

import psycopg
import pytest

from breezeway_sync.cli.status import overview_json
from breezeway_sync.core.events import ComparisonSeen
from breezeway_sync.ops.health import judge
from breezeway_sync.service.idle_tasks import compare_next
from breezeway_sync.service.observatory import Observatory
from breezeway_sync.service.runner import open_database
from breezeway_sync.service.status import overview
from breezeway_sync.store.status import Status
from tests.conftest import Rows
from tests.daemon.test_spare_time import employed, idle
from tests.helpers import Later, Setup, sandboxed, tiny
from tests.verify.test_verify import compared


async def observed(setup: Setup, watch: Observatory) -> list[ComparisonSeen]:
    seen: list[ComparisonSeen] = []

    def note(event: object) -> None:
        if isinstance(event, ComparisonSeen):
            seen.append(event)

    watch.listen(note)
    async with open_database(setup.settings) as database:
        watch.is_migrated = True
        await watch.read(Status(database))
        await watch.read(Status(database))  # the same comparison is told once
    return seen


async def test_wrong_money_is_found_the_same_night_and_reaches_health_alerts_status_and_sql(
    dsn: str, rows: Rows
) -> None:
    asked = "SELECT require_fresh('nashville', 'tasks', '2 hours', verified_within => INTERVAL '2 days')"
    async with sandboxed(dsn, tiny(1)) as setup:
        watch = Observatory(setup.settings, Later(), is_busy=lambda: False)
        await setup.run()
        with pytest.raises(psycopg.Error, match="no comparison with the API"):
            rows(asked)
        rows("UPDATE tasks SET rate_paid = 999")
        async with employed(setup, [], Later()) as (worker_pool, use):
            await compare_next(worker_pool, use)
            await idle(worker_pool)
        seen = await observed(setup, watch)
        found = await overview(setup.settings)
        with pytest.raises(psycopg.Error, match="a comparison with the API that is failed"):
            rows(asked)
        judgement = judge(watch.facts())
        await compared(setup, whole=True, repair=True)
        rows(asked)
        healed = await observed(setup, Observatory(setup.settings, Later(), is_busy=lambda: False))
        at_last = await overview(setup.settings)
    (differing,) = [one for one in seen if one.is_differing]
    assert (differing.region, differing.entity) == ("nashville", "tasks")
    assert "wrong" in differing.found
    assert "1 differ from the API: nashville tasks" in judgement.reasons
    assert [one.entity for one in found.differing] == ["tasks"]
    assert json.loads(overview_json(found))["differing"] == 1
    assert not any(one.is_differing for one in healed)
    assert at_last.differing == ()


async def test_a_comparison_that_did_not_come_to_its_end_takes_no_proof_away(dsn: str, rows: Rows) -> None:
    asked = "SELECT require_fresh('nashville', 'tasks', '2 hours', verified_within => INTERVAL '2 days')"
    async with sandboxed(dsn, tiny(1)) as setup:
        await setup.run()
        await compared(setup, "tasks")
        setup.faults.add("403_json", path=r"/task/\d+/comments")
        report = await compared(setup, "tasks")
        rows(asked)
        rows("UPDATE verification_results SET started_at = started_at - interval '3 days' WHERE result = 'proved'")
        with pytest.raises(psycopg.Error, match="a comparison with the API"):
            rows(asked)
    assert [one.result for one in report.verifications] == ["incomplete"]
