"""From events to messages, with a store and a channel in memory and a clock that is set."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from breezeway_sync.core.error_codes import ErrorCode
from breezeway_sync.core.record_events import RecordsLeft, RowsLost
from breezeway_sync.ops.alerts import Message, NotDelivered
from breezeway_sync.ops.alerts.model import CREDENTIALS
from tests.alerts.support import (
    REJECTED,
    START,
    Mailbox,
    MemoryStore,
    SetClock,
    begun,
    desk,
    ended,
    held,
    notices,
    over,
    went_well,
)

PASSES = NotDelivered("it passes", again=True)
STAYS = NotDelivered("it stays", again=False)


# --- failures -------------------------------------------------------------------------------------


async def test_first_time_then_a_reminder_then_recovered() -> None:
    at = desk()
    assert await at.after(ended()) == ["nashville tasks failed"]
    assert await at.after(ended()) == []
    assert await at.after(ended(), hours=24) == ["nashville tasks still failing"]
    assert await at.after(went_well()) == ["nashville tasks recovered"]
    assert await at.after(went_well()) == []
    assert await at.after(ended()) == ["nashville tasks failed"]


async def test_the_message_says_what_since_when_how_often_why_and_what_to_do() -> None:
    at = desk(MemoryStore(successes={"tasks": START - timedelta(hours=3)}))
    await at.after(ended(error="it broke\nand more"), ended(error="it broke\nand more"))
    body = at.mailbox.messages[0].body
    for fragment in (
        "Region nashville, failed:",
        "tasks\n  error: it broke and more\n  since: 2026-07-30 21:00 UTC, 2 times\n",
        "last success: 2026-07-30 18:00 UTC",
        "What to do: ",
        "`breezeway-sync status`",
    ):
        assert fragment in body


async def test_entities_of_a_region_go_out_together_when_the_cycle_ends() -> None:
    at = desk()
    at.alerter.observe(begun())
    assert await at.after(ended("tags"), ended("people"), seconds=10) == []
    assert await at.after(ended("tasks"), over(), seconds=1) == ["nashville tags, people, tasks failed"]
    assert await at.after(went_well("tags"), ended("people"), over(), seconds=1) == ["nashville tags recovered"]


async def test_without_an_end_of_the_cycle_they_are_collected_for_a_minute() -> None:
    at = desk()
    assert await at.after(ended("tags"), ended("tags", region="austin"), seconds=59) == []
    assert await at.after(ended("people"), seconds=1) == ["nashville tags, people failed", "austin tags failed"]


async def test_rejected_credentials_are_one_message_and_bring_no_others() -> None:
    at = desk()
    blocked = ended("tasks", error="not read", calls=0, code=ErrorCode.NOT_READ, after="properties")
    titles = await at.after(
        ended("tags", error=REJECTED, calls=0), ended("properties", error=REJECTED, calls=0), blocked
    )
    assert titles == ["nashville credentials rejected"]
    assert "client_id" in at.mailbox.messages[0].body
    assert await at.after(blocked) == []
    assert await at.after(went_well("tags"), ended("tasks")) == [
        "nashville tasks failed",
        "nashville credentials accepted again",
    ]
    assert at.mailbox.messages[2].answers == (at.mailbox.messages[0].ident,)


async def test_later_messages_answer_the_first() -> None:
    at = desk()
    await at.after(ended("tags"))
    await at.after(ended("people"))
    await at.after(went_well("tags"), went_well("people"))
    first, second, last = at.mailbox.messages
    assert (first.answers, last.answers) == ((), (first.ident, second.ident))


@pytest.mark.parametrize("code", [ErrorCode.INTERRUPTED, ErrorCode.SHUTTING_DOWN])
async def test_what_was_ended_on_purpose_is_no_failure(code: ErrorCode) -> None:
    at = desk()
    blocked = ended("tasks", error="not read", calls=0, code=ErrorCode.NOT_READ, after="properties")
    assert await at.after(ended("properties", code=code), blocked) == []


@pytest.mark.parametrize("on_partial", [False, True])
async def test_partial_is_told_when_asked_for_and_else_ends_a_failure(on_partial: bool) -> None:
    at = desk(on_partial=on_partial)
    assert await at.after(ended(status="partial")) == (["nashville tasks failed"] if on_partial else [])
    assert await at.after(ended()) == ([] if on_partial else ["nashville tasks failed"])
    assert await at.after(ended(status="partial")) == ([] if on_partial else ["nashville tasks recovered"])


# --- limits and failing channels ------------------------------------------------------------------


async def test_deletions_that_wait_for_a_person_are_told_although_partial_is_not() -> None:
    at = desk(on_partial=False)
    assert await at.after(*held(24)) == ["nashville tasks: deletions need review"]
    for words in ("tasks: 24 records", "`breezeway-sync deletes list nashville`", "deletes approve", "deletes reject"):
        assert words in at.mailbox.messages[0].body
    assert await at.after(*held(24), hours=48) == []
    assert await at.after(*held(30)) == ["nashville tasks: deletions need review"]
    assert "tasks: 30 records" in at.mailbox.messages[1].body
    # A run that failed did not come to know.
    assert await at.after(ended(error="it broke")) == ["nashville tasks failed"]
    assert await at.after(*held(30)) == ["nashville tasks recovered"]
    assert await at.after(went_well()) == ["nashville tasks: no deletion needs review any more"]
    assert await at.after(went_well()) == []


async def test_records_that_left_the_lists_at_once_are_told_once_and_when_all_were_asked_for() -> None:
    at = desk(on_partial=False)
    left = (RecordsLeft("nashville", "tasks", 400), went_well())
    assert await at.after(*left) == ["nashville tasks: many records left the lists at once"]
    assert (
        "400 records disappeared from the lists at once; the service checks each, newest first"
        in at.mailbox.messages[0].body
    )
    assert await at.after(RecordsLeft("nashville", "tasks", 200), went_well()) == []
    assert await at.after(went_well()) == ["nashville tasks: all missing records were checked"]
    assert await at.after(went_well()) == []


async def test_rows_deleted_by_hand_are_told_and_that_they_are_read_again() -> None:
    at = desk(on_partial=False)
    lost = (RowsLost("nashville", "tasks", "task_costs", 7), RowsLost("nashville", "tasks", "tasks", None), went_well())
    assert await at.after(*lost) == ["nashville tasks: rows were deleted by hand"]
    assert "`require_fresh` refuses them" in at.mailbox.messages[0].body
    assert await at.after(went_well()) == ["nashville tasks: what was deleted by hand is read again"]
    assert await at.after(went_well()) == []


async def test_the_hourly_limit_holds_back_counts_and_lets_go() -> None:
    at = desk(max_per_hour=2)
    regions = ("a", "b", "c", "d")
    assert await at.after(*(ended(region=code) for code in regions)) == ["a tasks failed", "b tasks failed"]
    assert await at.after(*(ended(region=code) for code in regions), minutes=50) == []
    assert at.alerter.counts.suppressed == 4
    assert await at.after(*(ended(region=code) for code in regions), minutes=10) == ["c tasks failed", "d tasks failed"]
    assert "4 more messages were suppressed" in at.mailbox.messages[2].body
    assert "held back" not in at.mailbox.messages[3].body


async def test_a_channel_that_fails_once_is_tried_again() -> None:
    at = desk(mailbox=Mailbox([PASSES, PASSES]))
    assert await at.after(ended()) == ["nashville tasks failed"]
    assert at.mailbox.tries == 3


@pytest.mark.parametrize(("failures", "tries"), [([PASSES] * 3, 3), ([STAYS], 1)])
async def test_what_nobody_received_is_told_with_the_next_failure(failures: list[NotDelivered], tries: int) -> None:
    store = MemoryStore()
    at = desk(store, mailbox=Mailbox(list(failures)))
    assert await at.after(ended()) == []
    assert at.mailbox.tries == tries
    assert notices(at.events) == [f"{failures[0].message}"]
    assert store.budget.sent_at == ()
    assert await at.after(ended()) == ["nashville tasks failed"]
    assert "2 times" in at.mailbox.messages[0].body
    assert at.alerter.counts.failed == 1


async def test_a_recovery_that_nobody_received_is_told_later() -> None:
    at = desk()
    await at.after(ended())
    at.mailbox.is_down = True
    assert await at.after(went_well()) == []
    at.mailbox.is_down = False
    assert await at.after(went_well()) == ["nashville tasks recovered"]


async def test_one_channel_is_enough() -> None:
    broken = Mailbox(is_down=True, name="broken")
    at = desk(more=[broken])
    assert await at.after(ended()) == ["nashville tasks failed"]
    assert await at.after(ended()) == []
    assert notices(at.events) == ["it is down"]


async def test_a_channel_that_hangs_meets_its_deadline() -> None:
    at = desk(mailbox=Mailbox(hangs=True, seconds=0.01))
    assert await at.after(ended()) == []
    assert notices(at.events) == ["no answer in time: got nothing for 0.01 s"]


async def test_a_bug_in_a_channel_is_named_by_its_class_only() -> None:
    class Buggy(Mailbox):
        async def send(self, message: Message) -> str | None:
            raise KeyError("ops@example.com")

    at = desk(mailbox=Buggy())
    assert await at.after(ended()) == []
    assert "KeyError" in notices(at.events)[0]
    assert "example.com" not in notices(at.events)[0]


# --- several processes and restarts ---------------------------------------------------------------


async def test_a_restart_repeats_nothing() -> None:
    store, clock = MemoryStore(), SetClock()
    assert await desk(store, clock=clock).after(ended()) == ["nashville tasks failed"]
    again = desk(store, clock=clock)
    assert await again.after(ended()) == []
    assert await again.after(went_well()) == ["nashville tasks recovered"]


async def test_two_alerters_tell_once() -> None:
    store, clock = MemoryStore(), SetClock()
    both = [desk(store, clock=clock) for _ in range(2)]
    for one in both:
        one.alerter.observe(ended())
        one.alerter.observe(ended("people"))
    clock.move(minutes=2)
    await asyncio.gather(*(one.alerter.turn() for one in both))
    assert sorted(title for one in both for title in one.mailbox.titles) in (
        ["nashville tasks, people failed"],
        ["nashville people failed", "nashville tasks failed"],
    )
    assert len(store.budget.sent_at) == sum(len(one.mailbox.messages) for one in both)


async def test_a_test_message_goes_out_at_once_and_leaves_no_trace() -> None:
    store = MemoryStore()
    at = desk(store, more=[Mailbox(is_down=True, name="broken")])
    results = await at.alerter.test()
    assert [(one.channel, one.error) for one in results] == [("mailbox", None), ("broken", "it is down")]
    assert at.mailbox.titles == ["test"]
    assert (store.states, store.budget.sent_at) == ({}, ())


async def test_nothing_is_written_about_what_never_failed() -> None:
    store = MemoryStore()
    await desk(store).after(went_well("tags"), went_well("people"))
    assert store.states == {}
    assert ("nashville", CREDENTIALS) not in store.states
