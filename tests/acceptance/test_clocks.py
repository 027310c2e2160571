"""What is newer is not decided by a clock."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from breezeway_sync.core.clock import SystemClock
from breezeway_sync.core.outcome import SUCCESS
from breezeway_sync.entities.streams import NAMES
from breezeway_sync.service import runner
from breezeway_sync.service.runner import RunRequest
from tests.conftest import Rows
from tests.helpers import outcome, sandboxed


class WrongClock(SystemClock):
    """A machine whose wall clock is so many hours off."""

    def __init__(self, hours: float) -> None:
        self._off = timedelta(hours=hours)

    def now(self) -> datetime:
        return super().now() + self._off


@pytest.mark.parametrize(("first", "second"), [(0, -1), (1, 0)], ids=["from right to wrong", "from wrong to right"])
async def test_a_clock_that_is_set_back_an_hour_between_runs_loses_nothing(
    dsn: str, rows: Rows, first: float, second: float
) -> None:
    async with sandboxed(dsn) as setup:
        account = setup.world.account("nashville")
        changed, gone_back, stay = *list(account.ids("tasks"))[:2], next(iter(account.ids("reservations")))
        before = account.get("tasks", gone_back)["name"]
        account.patch("tasks", gone_back, name="for a while")
        request = RunRequest(("nashville",), NAMES)
        await runner.run(setup.settings, request, emit=setup.events.append, clock=WrongClock(first))
        account.patch("tasks", changed, name="changed after the clock was set")
        account.patch("tasks", gone_back, name=before)
        account.patch("reservations", stay, note="changed as well")
        report = await runner.run(setup.settings, request, emit=setup.events.append, clock=WrongClock(second))
        assert {one.status for one in report.outcomes} == {SUCCESS}
        assert outcome(report, "tasks").updated == 2
        again = await runner.run(setup.settings, request, emit=setup.events.append, clock=WrongClock(second))
    assert sum(one.new + one.updated + one.deleted for one in again.outcomes) == 0
    found = rows("SELECT task_id, task_name FROM tasks WHERE task_id = ANY (%s)", [changed, gone_back])
    assert {one["task_id"]: one["task_name"] for one in found} == {
        changed: "changed after the clock was set",
        gone_back: before,
    }
    assert rows("SELECT note FROM reservations WHERE reservation_id = %s", stay) == [{"note": "changed as well"}]
