"""State in a real PostgreSQL: nothing is repeated after a restart, nor told by two processes."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from breezeway_sync.ops.alerts.model import AlertState
from breezeway_sync.store.alerts import StoredAlerts
from breezeway_sync.store.database import Database
from tests.alerts.support import START, Mailbox, SetClock, desk, ended, went_well
from tests.conftest import Rows

pytestmark = pytest.mark.store

FULL = AlertState(START, 3, "it broke", START + timedelta(hours=1), "thread", START + timedelta(hours=2))


def columns(state: AlertState) -> dict[str, Any]:
    names = ("failing_since", "failures", "error", "notified_at", "thread", "claimed_until")
    return {name: getattr(state, name) for name in names}


async def test_a_state_comes_back_as_it_was_saved(database: Database) -> None:
    store = StoredAlerts(database)
    assert await store.load("nashville", ["entity:tasks"]) == {}
    assert await store.save("nashville", "entity:tasks", 0, **columns(FULL))
    assert await store.save("", "summary", 0, **columns(AlertState()))
    (row,) = (await store.load("nashville", ["entity:tasks", "summary"])).values()
    assert (columns(AlertState(**columns(replace(FULL)))), row.version) == (
        {n: getattr(row, n) for n in columns(FULL)},
        1,
    )


async def test_who_has_read_an_old_version_writes_nothing(database: Database) -> None:
    store = StoredAlerts(database)
    assert await store.save("nashville", "credentials", 0, **columns(FULL))
    assert not await store.save("nashville", "credentials", 0, **columns(AlertState()))
    assert await store.save("nashville", "credentials", 1, **columns(AlertState()))
    assert not await store.save("nashville", "credentials", 1, **columns(FULL))
    assert (await store.load("nashville", ["credentials"]))["credentials"].version == 2


async def test_of_many_that_write_at_once_one_wins(database: Database) -> None:
    store = StoredAlerts(database)
    wins = await asyncio.gather(*(store.save("nashville", "credentials", 0, **columns(FULL)) for _ in range(8)))
    assert sum(wins) == 1
    wins = await asyncio.gather(*(store.save_budget(0, [START], number) for number in range(8)))
    assert sum(wins) == 1


async def test_the_budget(database: Database) -> None:
    store = StoredAlerts(database)
    empty = await store.load_budget()
    assert (list(empty.sent_at), empty.suppressed, empty.version) == ([], 0, 0)
    assert await store.save_budget(0, [START, START], 3)
    kept = await store.load_budget()
    assert (list(kept.sent_at), kept.suppressed, kept.version) == ([START, START], 3, 1)
    assert not await store.save_budget(0, [], 0)
    assert await store.save_budget(1, [], 0)


async def test_a_restart_repeats_nothing(dsn: str, rows: Rows) -> None:
    clock = SetClock()
    async with Database(dsn, "breezeway") as database:
        assert await desk(StoredAlerts(database), clock=clock).after(ended()) == ["nashville tasks failed"]
    async with Database(dsn, "breezeway") as database:
        again = desk(StoredAlerts(database), clock=clock)
        assert await again.after(ended()) == []
        assert await again.after(ended(), hours=24) == ["nashville tasks still failing"]
        assert await again.after(went_well()) == ["nashville tasks recovered"]
        assert await again.after(went_well()) == []
    (row,) = rows("SELECT * FROM alert_states")
    assert (row["failing_since"], row["notified_at"], row["claimed_until"]) == (None, None, None)
    (row,) = rows("SELECT suppressed, cardinality(sent_at) AS recent FROM alert_budget")
    assert (row["suppressed"], row["recent"]) == (0, 2)


async def test_two_alerters_on_one_database_send_once(database: Database) -> None:
    clock = SetClock()
    many = [desk(StoredAlerts(database), clock=clock) for _ in range(4)]
    for failing in (ended(), went_well()):
        for one in many:
            one.alerter.observe(failing)
        clock.move(minutes=10)
        await asyncio.gather(*(one.alerter.turn() for one in many))
    assert sorted(title for one in many for title in one.mailbox.titles) == [
        "nashville tasks failed",
        "nashville tasks recovered",
    ]


async def test_the_limit_holds_for_all_processes_together(database: Database) -> None:
    clock = SetClock()
    both = [desk(StoredAlerts(database), clock=clock, max_per_hour=3) for _ in range(2)]
    for number, one in enumerate(both):
        await one.after(*(ended(region=f"{code}{number}") for code in "abc"))
    assert [len(one.mailbox.messages) for one in both] == [3, 0]
    clock.move(hours=1)
    assert await both[0].after(ended(region="d")) == ["d tasks failed"]
    assert "3 more messages were suppressed" in both[0].mailbox.messages[-1].body


async def test_a_process_that_dies_while_sending_is_succeeded(database: Database) -> None:
    clock = SetClock()
    dying = desk(StoredAlerts(database), clock=clock, mailbox=Mailbox(hangs=True, seconds=20))
    dying.alerter.observe(ended())
    clock.move(minutes=2)
    turn = asyncio.ensure_future(dying.alerter.turn())
    await dying.mailbox.tried.wait()
    turn.cancel()
    with pytest.raises(asyncio.CancelledError):
        await turn
    heir = desk(StoredAlerts(database), clock=clock)
    assert await heir.after(ended(), minutes=1) == []
    assert await heir.after(ended(), minutes=3) == ["nashville tasks failed"]


async def test_a_database_that_goes_away_holds_nothing_up(dsn: str) -> None:
    opened = Database(dsn, "breezeway")
    at = desk(StoredAlerts(opened))
    assert await at.after(ended()) == []
    async with opened:
        assert await at.after() == ["nashville tasks failed"]


async def test_what_was_in_trouble_and_when_it_last_succeeded(database: Database, rows: Rows) -> None:
    rows("INSERT INTO regions (region_code) VALUES ('nashville'), ('austin')")
    for entity, status, hours, error, code in (
        ("tasks", "failed", 1, "it broke last", "server_failed"),
        ("tasks", "failed", 2, "it broke", "server_failed"),
        ("tasks", "success", 3, None, None),
        ("tasks", "failed", 30, "long ago", "server_failed"),
        ("people", "success", 1, None, None),
        ("tags", "failed", 1, "interrupted; and more", "interrupted"),
        ("supplies", "failed", 1, "page 3: stopped before it was asked for (the API)", "shutting_down"),
        ("properties", "partial", 1, "12 calls are still owed", "server_failed"),
        ("templates", "running", 1, None, None),
    ):
        rows(
            "INSERT INTO etl_sync_log (region_code, entity_type, sync_status, sync_started_at, "
            "last_successful_sync_at, error_message, error_code) VALUES ('nashville', %s, %s, %s, %s, %s, %s)",
            entity, status, START - timedelta(hours=hours), START if status == "success" else None, error, code,
        )  # fmt: skip
    store = StoredAlerts(database)
    first, second = await store.troubles_since(START - timedelta(hours=24))
    assert (first.entity, first.runs, first.failed, first.partial) == ("properties", 1, 0, 1)
    assert (second.region, second.entity, second.runs, second.failed, second.partial, second.error) == (
        ("nashville", "tasks", 3, 2, 0, "it broke last")
    )
    assert second.last_success == START
    assert await store.last_successes("nashville") == {"people": START, "tasks": START}
    assert await store.last_successes("austin") == {}
