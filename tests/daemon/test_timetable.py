"""The timetable of the daemon, made anew where the machine's clock was set."""

from __future__ import annotations

from datetime import datetime

import pytest

from breezeway_sync.cli.world import settings_for
from breezeway_sync.service.daemon import Daemon
from breezeway_sync.service.notify import Notifier
from breezeway_sync.service.observatory import Observatory
from tests.helpers import Later, tiny


class NothingRead:
    """Stands for the reports of an empty mirror."""

    async def last_successes(self) -> dict[tuple[str, str], datetime]:
        return {}


async def test_a_clock_that_ran_ahead_puts_off_no_housekeeping(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else nothing is compared, no token renewed ahead and nothing old deleted until the time that it showed."""

    async def nobody(_daemon: Daemon) -> None:
        """Employs nobody: no database."""

    monkeypatch.setattr(Daemon, "_assign", nobody)
    settings = settings_for({one.code: one for one in tiny()}, "http://127.0.0.1:1", "postgresql://x@/x")
    ahead, right = Later(300), Later()
    daemon = Daemon(settings, lambda: settings, Observatory(settings, ahead, is_busy=bool), Notifier(), ahead)
    daemon._status = NothingRead()  # type: ignore[assignment]
    daemon._scheduler.start(paused=True)
    try:
        await daemon._plan()
        daemon._clock = right
        daemon._plan_anew()
        await daemon._plan()
        late = {job.id: (job.next_run_time - right.now()).days for job in daemon._scheduler.get_jobs()}
    finally:
        daemon._scheduler.shutdown(wait=False)
    assert {"retention", "tokens", "verify"} < late.keys()
    assert max(late.values()) == 0
