"""The heartbeat of the daemon: a blocked loop starves the watchdog, a clock that is set makes the timetable anew."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest

from breezeway_sync.core.events import Event, OperatorNotice
from breezeway_sync.ops.health import judge
from breezeway_sync.service import observatory as module
from breezeway_sync.service.notify import Notifier
from breezeway_sync.service.observatory import Observatory
from breezeway_sync.service.settings import Settings

SETTINGS = Settings.model_validate({"database": {"dsn": "postgresql://u@h/d"}, "regions": {"nashville": {}}})


class SetClock:
    """A wall clock that can be set; the monotonic one may be pushed."""

    def __init__(self) -> None:
        self.offset = timedelta()
        self.pushed_seconds = 0.0

    def now(self) -> datetime:
        return datetime.now(UTC) + self.offset

    def monotonic(self) -> float:
        return time.monotonic() + self.pushed_seconds


@asynccontextmanager
async def beating(clock: SetClock, on_jump: Callable[[], None]) -> AsyncIterator[tuple[Observatory, list[Event]]]:
    events: list[Event] = []
    observatory = Observatory(SETTINGS, clock, is_busy=lambda: False)
    observatory.listen(events.append)
    task = asyncio.create_task(observatory.beat(Notifier.from_environ({}), on_jump))
    yield observatory, events
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def until(what: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not what():  # noqa: ASYNC110 - what is waited for sets no event
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("hours", [-1, 1])
async def test_a_clock_that_is_set_makes_the_timetable_anew(hours: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BEAT_SECONDS", 0.01)
    clock, jumps = SetClock(), asyncio.Event()
    async with beating(clock, jumps.set) as (observatory, events):
        await until(lambda: b"loop_lag_seconds_count 0.0" not in observatory.metrics.render())
        clock.offset = timedelta(hours=hours)
        await asyncio.wait_for(jumps.wait(), 10)
    told = [event.what for event in events if isinstance(event, OperatorNotice)]
    assert len(told) == 1
    assert f"{hours * 3600:+d} s" in told[0]


async def test_a_blocked_loop_is_measured_and_not_alive(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BEAT_SECONDS", 0.01)
    clock = SetClock()
    async with beating(clock, lambda: None) as (observatory, _):
        await until(lambda: b"loop_lag_seconds_count 0.0" not in observatory.metrics.render())
        assert judge(observatory.facts()).live
        clock.pushed_seconds += 60  # as if the loop had not turned for a minute
        assert not judge(observatory.facts()).live
        await until(lambda: judge(observatory.facts()).live)  # it turns again
