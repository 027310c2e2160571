"""What concerns no single region: the database, long runs, the summary, and the loop that does it all."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest

from breezeway_sync.core.error_codes import ErrorCode
from breezeway_sync.core.events import DatabaseBack, DatabaseLost, DatabaseReplaced
from breezeway_sync.ops.alerts import Message, NotDelivered
from breezeway_sync.ops.alerts import alerter as module
from breezeway_sync.ops.alerts.model import AlertState
from breezeway_sync.store.alerts import TroubleRow
from tests.alerts.support import (
    START,
    Mailbox,
    MemoryStore,
    SetClock,
    begun,
    desk,
    ended,
    notices,
    over,
    went_well,
)

STAYS = NotDelivered("it stays", again=False)


# --- the database ---------------------------------------------------------------------------------


async def test_lost_and_back_are_told_once_and_failures_meanwhile_not_at_all() -> None:
    store = MemoryStore()
    at = desk(store)
    store.is_away = True
    assert await at.after(ended(code=ErrorCode.DATABASE_UNREACHABLE), DatabaseLost("it is gone")) == ["database lost"]
    assert "it is gone" in at.mailbox.messages[0].body
    assert await at.after(ended(), DatabaseLost("it is gone"), hours=1) == []
    assert await at.after(hours=23) == ["database lost"]
    store.is_away = False
    assert await at.after(DatabaseBack(90_000.0)) == ["database back"]
    assert "25.0 h" in at.mailbox.messages[2].body
    assert at.mailbox.messages[2].answers == (at.mailbox.messages[0].ident,)
    assert await at.after(went_well(), ended("people")) == ["nashville people failed"]


async def test_a_short_outage_is_not_told() -> None:
    at = desk()
    assert await at.after(DatabaseLost("it is gone"), seconds=30) == []
    assert await at.after(DatabaseBack(30.0)) == []


async def test_the_limit_holds_for_an_unsteady_database_too() -> None:
    at = desk(max_per_hour=3)
    for _ in range(6):
        await at.after(DatabaseLost("it is gone"))
        await at.after(DatabaseBack(120.0))
    assert len(at.mailbox.messages) == 3


@pytest.mark.parametrize("how", ["is_away", "hangs"])
async def test_failures_wait_for_a_store_that_does_not_answer(how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("breezeway_sync.ops.alerts.states.STORE_SECONDS", 0.01)
    store = MemoryStore()
    at = desk(store)
    setattr(store, how, True)
    assert await at.after(ended()) == []
    assert len(notices(at.events)) == 1
    setattr(store, how, False)
    assert await at.after(seconds=59) == []
    assert await at.after(seconds=1) == ["nashville tasks failed"]


async def test_while_the_store_is_away_each_process_tells_once_and_afterwards_nobody_does_again() -> None:
    """As in a read-only database behind open connections: nothing can be claimed there."""
    store = MemoryStore(is_away=True)
    one, other = desk(store), desk(store)
    for at in (one, other):
        assert await at.after(ended()) == []
        assert await at.after(seconds=61) == ["nashville tasks failed"]
        assert await at.after(ended(), minutes=10) == []
    store.is_away = False
    for at in (one, other):
        assert await at.after(ended(), minutes=10) == []
    assert store.states["nashville", "entity:tasks"].notified_at is not None
    assert await other.after(went_well(), minutes=10) == ["nashville tasks recovered"]
    assert await one.after(went_well(), minutes=10) == []


async def test_a_recovery_that_was_told_without_the_store_is_not_told_again() -> None:
    store = MemoryStore()
    at = desk(store)
    assert await at.after(ended()) == ["nashville tasks failed"]
    store.is_away = True
    assert await at.after(went_well()) == []
    assert await at.after(seconds=61) == ["nashville tasks recovered"]
    store.is_away = False
    assert await at.after(went_well(), minutes=10) == []
    assert store.states["nashville", "entity:tasks"].notified_at is None


async def test_what_failed_by_something_else_before_the_database_was_lost_is_told_meanwhile() -> None:
    store = MemoryStore(is_away=True)
    at = desk(store)
    assert await at.after(ended(), DatabaseLost("read-only")) == ["database lost", "nashville tasks failed"]
    store.is_away = False
    assert await at.after(DatabaseBack(120.0)) == ["database back"]
    assert await at.after(ended(), minutes=10) == []


async def test_an_older_copy_of_the_database_is_told_once_by_all_accounts_and_processes() -> None:
    store = MemoryStore()
    one, other = desk(store), desk(store)
    first, second = (
        DatabaseReplaced("a", "the database replaced by an older copy"),
        DatabaseReplaced("b", "the database replaced by an older copy"),
    )
    assert await one.after(first, second) == ["database replaced by an older copy"]
    assert "The next runs" in one.mailbox.messages[0].body
    assert await one.after(second, hours=1) == []
    assert await other.after(first) == []
    assert await one.after(first, hours=10) == ["database replaced by an older copy"]


async def test_what_was_told_is_remembered_until_the_store_is_back() -> None:
    store = MemoryStore()

    class Cutting(Mailbox):
        async def send(self, message: Message) -> str | None:
            store.is_away = True
            return await super().send(message)

    at = desk(store, mailbox=Cutting())
    assert await at.after(ended()) == ["nashville tasks failed"]
    assert store.states["nashville", "entity:tasks"].notified_at is None
    store.is_away = False
    assert await at.after(ended()) == []
    assert store.states["nashville", "entity:tasks"].notified_at is not None


class Racing(MemoryStore):
    """Another process always writes the budget first, `races` times."""

    races = 0

    async def save_budget(self, version: int, sent_at: Sequence[datetime], suppressed: int) -> bool:
        if self.races:
            self.races -= 1
            return False
        return await super().save_budget(version, sent_at, suppressed)


async def test_a_budget_that_others_write_too() -> None:
    store = Racing()
    store.races = 4
    assert await desk(store).after(ended()) == ["nashville tasks failed"]
    at = desk(store)
    store.races = 5
    assert await at.after(ended("people")) == []
    assert "lost races" in notices(at.events)[0]
    assert store.states["nashville", "entity:people"].claimed_until is None
    assert await at.after() == ["nashville people failed"]


async def test_a_store_that_goes_away_with_the_failure_of_the_channel() -> None:
    store = MemoryStore()

    class Cutting(Mailbox):
        async def send(self, message: Message) -> str | None:
            if self.tries:
                return await super().send(message)
            self.tries, store.is_away = 1, True
            raise STAYS

    at = desk(store, mailbox=Cutting(), max_per_hour=1)
    assert await at.after(ended()) == []
    store.is_away = False
    assert await at.after(ended(), minutes=10) == []  # it may have gone out: it counts for the hour
    assert await at.after(ended(), hours=1) == ["nashville tasks failed"]


async def test_an_outage_that_nobody_heard_of_is_told_later_and_its_end_too() -> None:
    at = desk()
    at.mailbox.is_down = True
    assert await at.after(DatabaseLost("it is gone")) == []
    at.mailbox.is_down = False
    assert await at.after() == []
    assert await at.after(minutes=3) == ["database lost"]
    at.mailbox.is_down = True
    assert await at.after(DatabaseBack(420.0)) == []
    at.mailbox.is_down = False
    assert await at.after(minutes=5) == ["database back"]


async def test_lost_back_and_lost_again_is_one_outage_for_people_who_heard_of_no_end() -> None:
    at = desk()
    assert await at.after(DatabaseLost("it is gone")) == ["database lost"]
    assert await at.after(DatabaseBack(60.0), DatabaseLost("again")) == []
    assert await at.after(DatabaseBack(60.0)) == ["database back"]


# --- long runs and the summary --------------------------------------------------------------------


async def test_a_long_run_is_told_of_while_it_goes_on_and_once_in_an_interval() -> None:
    at = desk()
    assert await at.after(begun("made-up", "nashville", "austin"), minutes=4) == []
    assert await at.after(minutes=1) == ["nashville, austin run longer than 5 min"]
    assert await at.after(minutes=5) == []
    assert await at.after(over("made-up", "nashville", "austin", seconds=900.0)) == []
    assert await at.after(begun("made-up"), minutes=6) == []
    assert await at.after(hours=24) == ["nashville run longer than 5 min"]


async def test_a_long_run_that_ended_between_two_looks_is_told_of() -> None:
    at = desk()
    assert await at.after(begun(), over(seconds=301.0), seconds=1) == ["nashville run longer than 5 min"]
    assert "took 5 min" in at.mailbox.messages[0].body


async def test_a_long_run_that_nobody_heard_of_is_told_later() -> None:
    at = desk()
    at.mailbox.is_down = True
    assert await at.after(begun(), over(seconds=301.0), seconds=1) == []
    at.mailbox.is_down = False
    assert await at.after(minutes=4) == []
    assert await at.after(minutes=1) == ["nashville run longer than 5 min"]


async def test_no_limit_no_long_runs() -> None:
    assert await desk(warn_after=None).after(begun(), hours=40) == []


TROUBLES = [
    TroubleRow("nashville", "tasks", 24, 3, 1, "it broke", START),
    TroubleRow("austin", "people", 2, 0, 2, "calls are still owed", None),
]


async def test_a_daily_summary_if_anything_failed() -> None:
    store, clock = MemoryStore(troubles=TROUBLES), SetClock()
    at = desk(store, clock=clock, summary_at=(START + timedelta(hours=1)).time())
    assert await at.after(minutes=1) == ["daily summary: 1 failed, 1 partial"]  # of the day before: none was sent yet
    assert await at.after(minutes=58) == []
    assert await at.after(minutes=1) == ["daily summary: 1 failed, 1 partial"]
    assert "nashville tasks: 3 failed and 1 partial of 24 runs" in at.mailbox.messages[0].body
    assert await at.after(hours=23) == []
    again = desk(store, clock=clock, summary_at=(START + timedelta(hours=1)).time())
    assert await again.after(minutes=1) == []
    store.troubles = TROUBLES[1:]
    assert await again.after(hours=1) == []
    store.troubles = TROUBLES
    assert await again.after(hours=1) == []


async def test_a_summary_that_another_process_sends_is_left_to_it() -> None:
    store, clock = MemoryStore(troubles=TROUBLES), SetClock()
    both = [desk(store, clock=clock, summary_at=START.time()) for _ in range(2)]
    clock.move(minutes=1)
    await asyncio.gather(*(one.alerter.turn() for one in both))
    clock.move(minutes=10)
    await asyncio.gather(*(one.alerter.turn() for one in both))
    assert sum(len(one.mailbox.messages) for one in both) == 1


async def test_a_summary_that_nobody_received_is_tried_again() -> None:
    at = desk(MemoryStore(troubles=TROUBLES), summary_at=START.time())
    at.mailbox.is_down = True
    assert await at.after(minutes=1) == []
    at.mailbox.is_down = False
    assert await at.after(minutes=4) == []
    assert await at.after(minutes=1) == ["daily summary: 1 failed, 1 partial"]


async def test_what_a_clock_that_ran_ahead_has_written_silences_nobody() -> None:
    store, clock = MemoryStore(troubles=TROUBLES), SetClock(START + timedelta(days=400))
    ahead = desk(store, clock=clock, summary_at=START.time())
    summary = "daily summary: 1 failed, 1 partial"
    assert len(await ahead.after(ended(), minutes=2)) == 2
    clock.time = START  # set right, and the service started again
    right = desk(store, clock=clock, summary_at=START.time())
    first = await right.after(ended(), minutes=2)
    assert [one for one in first if one != summary] == ["nashville tasks still failing"]
    assert summary in first
    assert await right.after(ended(), hours=23) == []
    assert sorted(await right.after(ended(), hours=1)) == sorted(first)


# --- the loop -------------------------------------------------------------------------------------


async def test_the_end_tells_what_is_left() -> None:
    at = desk()
    running = asyncio.ensure_future(at.alerter.run())
    await asyncio.sleep(0)
    at.alerter.observe(ended())
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert at.mailbox.titles == ["nashville tasks failed"]


async def test_the_end_has_a_deadline() -> None:
    at = desk(mailbox=Mailbox(hangs=True, seconds=60.0))
    running = asyncio.ensure_future(at.alerter.run())
    await asyncio.sleep(0)
    at.alerter.observe(ended())
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert "some alerts were not sent in time" in notices(at.events)[0]


async def test_the_end_without_a_database_says_what_is_lost() -> None:
    at = desk(MemoryStore(is_away=True))
    running = asyncio.ensure_future(at.alerter.run())
    await asyncio.sleep(0)
    at.alerter.observe(ended())
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert "1 results could not be evaluated" in notices(at.events)[-1]


async def test_a_bug_does_not_end_the_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "TICK_SECONDS", 0.001)
    at = desk()
    asked = asyncio.Event()

    async def load(region: str, subjects: object) -> dict[str, AlertState]:
        asked.set()
        raise KeyError(region)

    monkeypatch.setattr(at.store, "load", load)
    running = asyncio.ensure_future(at.alerter.run())
    at.alerter.observe(ended())
    at.clock.move(minutes=2)
    await asked.wait()
    monkeypatch.undo()
    at.alerter.observe(ended())
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert any("KeyError" in what for what in notices(at.events))
    assert at.mailbox.titles == ["nashville tasks failed"]


async def test_the_queue_is_bounded_and_drops_the_oldest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "QUEUE_EVENTS", 2)
    at = desk()
    assert await at.after(ended("tags"), ended("people"), ended("tasks")) == ["nashville people, tasks failed"]
    assert at.alerter.counts.dropped_events == 1
    assert notices(at.events) == ["alerts: 1 events were dropped: the queue was full"]
