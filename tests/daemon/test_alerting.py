"""The alerter of the daemon is replaced and ended: nothing is lost meanwhile, and nobody waits for ever."""

from __future__ import annotations

import asyncio

import pytest

from breezeway_sync.cli.world import settings_for
from breezeway_sync.core.events import CycleStarted, Event, ignore
from breezeway_sync.ops.alerts import Alerter
from breezeway_sync.service import alerting
from breezeway_sync.store.database import Database
from tests.api.virtual_time import run
from tests.helpers import Later, tiny

DSN = "postgresql://nobody@localhost/nothing"
LAST_WORDS_SECONDS = 10.0


class Talkative(Alerter):
    """Takes its time to tell what is left."""

    heard: list[Event]

    def observe(self, event: Event) -> None:
        self.heard = [*getattr(self, "heard", []), event]

    async def run(self) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(LAST_WORDS_SECONDS)


def test_an_end_in_the_middle_of_a_reload_is_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else the service waits for its own reload until it is killed."""
    made: list[Talkative] = []

    def make(*arguments: object, **named: object) -> Talkative:
        made.append(Talkative(*arguments, **named))  # type: ignore[arg-type]
        return made[-1]

    monkeypatch.setattr(alerting, "Alerter", make)
    settings = settings_for({one.code: one for one in tiny()}, "http://127.0.0.1:1", DSN)
    event = CycleStarted("account", "run", ("austin",))

    async def main() -> float:
        loop = asyncio.get_running_loop()
        mine, database = alerting.Alerting(Later(), ignore), Database(DSN, "none")
        await mine.start(settings, database)
        await asyncio.sleep(1)

        async def reload() -> None:
            await mine.start(settings, database)
            await asyncio.Event().wait()

        reloading = asyncio.create_task(reload())
        await asyncio.sleep(2)
        mine.observe(event)
        began = loop.time()
        reloading.cancel()
        await asyncio.wait([reloading], timeout=1000)
        assert reloading.cancelled()
        await mine.stop()
        return loop.time() - began

    assert run(main()) <= LAST_WORDS_SECONDS
    assert made[1].heard == [event]
