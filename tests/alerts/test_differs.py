"""A mirror that differs from the API is told to people, once, and again when it is right."""

from __future__ import annotations

from datetime import datetime, timedelta

from breezeway_sync.core.events import ComparisonSeen
from tests.alerts.support import START, Mailbox, MemoryStore, desk, ended, went_well


def seen(
    entity: str = "tasks", found: str = "530 wrong", *, is_differing: bool = True, at: datetime = START
) -> ComparisonSeen:
    return ComparisonSeen("nashville", entity, at, is_differing, found)


def right(entity: str = "tasks") -> ComparisonSeen:
    return seen(entity, "no difference", is_differing=False)


async def test_it_is_told_once_with_what_to_do_and_its_end_answers_it() -> None:
    at = desk()
    assert await at.after(seen()) == ["nashville tasks: the mirror differs from the API"]
    (told,) = at.mailbox.messages
    assert "tasks: 530 wrong, since 2026-07-30 21:00 UTC" in told.body
    assert "verify nashville ENTITY --all --repair" in told.body
    assert await at.after(seen(), hours=1) == []
    assert await at.after(right()) == ["nashville tasks: the mirror matches the API again"]
    assert at.mailbox.messages[1].answers == (told.ident,)
    assert await at.after(right()) == []


async def test_entities_of_a_region_are_one_message_and_regions_have_their_own() -> None:
    at = desk()
    other = ComparisonSeen("austin", "tasks", START, True, "1 missing")
    found = await at.after(seen(), seen("people", "1 missing"), other)
    assert sorted(found) == [
        "austin tasks: the mirror differs from the API",
        "nashville tasks, people: the mirror differs from the API",
    ]


async def test_runs_that_succeed_are_no_recovery_of_it_and_those_that_fail_another_matter() -> None:
    at = desk()
    await at.after(seen())
    assert await at.after(went_well(), hours=1) == []
    assert await at.after(ended()) == ["nashville tasks failed"]
    assert await at.after(went_well()) == ["nashville tasks recovered"]
    assert await at.after(right()) == ["nashville tasks: the mirror matches the API again"]


async def test_it_is_reminded_of_once_a_day_and_what_nobody_received_is_told_with_the_next_look() -> None:
    mailbox = Mailbox(is_down=True)
    at = desk(mailbox=mailbox)
    assert await at.after(seen()) == []
    mailbox.is_down = False
    assert len(await at.after(seen(), hours=1)) == 1
    assert await at.after(seen(), hours=22) == []
    assert len(await at.after(seen(at=START + timedelta(days=1)), hours=3)) == 1


async def test_what_was_compared_while_the_store_was_away_is_told_afterwards() -> None:
    store = MemoryStore(is_away=True)
    at = desk(store)
    assert await at.after(seen()) == []
    store.is_away = False
    assert await at.after(minutes=5) == ["nashville tasks: the mirror differs from the API"]


async def test_a_mirror_that_was_always_right_is_no_news() -> None:
    assert await desk().after(right()) == []
