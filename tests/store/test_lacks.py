"""A lack of memory or descriptors in a connection or a renewal has its own code, and passes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from urllib.parse import urlsplit

import pytest

from breezeway_sync.core.clock import SystemClock
from breezeway_sync.core.errors import DatabaseUnreachable
from breezeway_sync.core.events import Crashed, Event, OperatorNotice
from breezeway_sync.core.lacks import LACKING, is_lack
from breezeway_sync.store import leases
from breezeway_sync.store.database import Database
from breezeway_sync.store.leases import hold
from tests.conftest import Rows
from tests.lacks import KINDS, once

pytestmark = pytest.mark.store


@pytest.mark.parametrize("kind", KINDS)
async def test_what_a_connection_lacks_is_told_as_such(kind: str, dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the name of a host is looked up, a connection takes a thread."""
    loop = asyncio.get_running_loop()
    connect = "create_connection" if urlsplit(dsn).hostname else "create_unix_connection"
    left = once(monkeypatch, loop, connect, kind)
    with pytest.raises(DatabaseUnreachable, match=LACKING):
        async with Database(dsn, "breezeway"):
            pytest.fail("it lacks what it needs")
    assert not left
    async with Database(dsn, "breezeway") as database:
        assert await database.fetch_row("writability")
        await database.connect_anew()
        left = once(monkeypatch, loop, connect, kind)
        with pytest.raises(DatabaseUnreachable, match=LACKING):
            await database.fetch("writability")
        assert not left
        assert await database.fetch_row("writability")


async def test_an_error_of_the_work_within_stays_what_it_is(database: Database) -> None:
    for error in (MemoryError(), RuntimeError("a fault of ours")):
        with pytest.raises(type(error)):
            async with database.transaction("testing"):
                raise error
    assert await database.fetch_row("writability")


def holding(database: Database, emit: Callable[[Event], None]):  # type: ignore[no-untyped-def]  # as `hold` itself
    return hold(database, "a", clock=SystemClock(), wait_seconds=0, drain_seconds=1.5, emit=emit)


async def test_a_renewal_that_lacks_memory_is_told_and_made_again(
    database: Database, rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leases, "RENEW_SECONDS", 0.02)
    monkeypatch.setattr(leases, "PAUSE_SECONDS", 0.02)
    events: list[Event] = []
    real, renewed = leases._renew, asyncio.Event()

    async def renew(*arguments: object) -> None:
        await real(*arguments)  # type: ignore[arg-type]
        renewed.set()

    monkeypatch.setattr(leases, "_renew", renew)
    left = once(monkeypatch, leases, "_renew")
    async with holding(database, events.append), asyncio.timeout(30):
        await renewed.wait()
    assert not left
    assert [(one.entity, one.error) for one in events if isinstance(one, Crashed)] == [("lease", "MemoryError")]
    assert rows("SELECT account FROM account_leases WHERE owner IS NOT NULL") == []


async def test_a_lease_that_cannot_be_renewed_by_a_task_is_given_back(
    database: Database, rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as lacking:

        def refuse(work, name=None):  # type: ignore[no-untyped-def]
            work.close()
            raise MemoryError

        lacking.setattr(leases, "begin", refuse)
        with pytest.raises(MemoryError):
            async with holding(database, lambda _: None):
                pytest.fail("nobody renews it")
    assert rows("SELECT account FROM account_leases WHERE owner IS NOT NULL") == []
    async with holding(database, lambda _: None):
        pass


async def test_a_pause_that_cannot_be_written_down_is_told(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    events: list[Event] = []
    async with holding(database, events.append) as lease:
        once(monkeypatch, leases, "_renew")
        await leases.note_pause(database, lease, events.append)
    assert [one.what for one in events if isinstance(one, OperatorNotice)] == [
        f"a pause of the account could not be written down: {LACKING}"
    ]


def test_what_is_a_lack() -> None:
    caused = RuntimeError("other")
    caused.__cause__ = MemoryError()
    lacks = [MemoryError(), RuntimeError("can't start new thread"), OSError(24, "files"), OSError(12, "x"), caused]
    assert all(is_lack(one) for one in lacks)
    assert not any(is_lack(one) for one in (RuntimeError("x"), OSError(111, "refused"), ValueError(), RecursionError()))
