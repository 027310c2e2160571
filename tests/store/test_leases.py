"""One holder per account: renewed, given back, taken over from the dead, refused to the frozen."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from uuid import uuid4

import pytest

from breezeway_sync.core.clock import SystemClock
from breezeway_sync.core.errors import AccountLocked, LeaseLost
from breezeway_sync.core.events import Event, LeaseAwaited, LeaseClaimed
from breezeway_sync.core.sources import account_key
from breezeway_sync.store import leases
from breezeway_sync.store.acknowledged import Claim
from breezeway_sync.store.database import Database
from breezeway_sync.store.leases import Lease, Owner, hold, is_dead_here, this_process
from tests.conftest import Rows

OTHER = Owner("other host, process 1", "otherhost|boot|ns|1|1")


def holding(
    database: Database, emit: Callable[[Event], None] = lambda _: None, owner: Owner | None = None, wait: float = 0.0
) -> AbstractAsyncContextManager[Lease]:
    return hold(database, "a", clock=SystemClock(), wait_seconds=wait, drain_seconds=1.5, emit=emit, owner=owner)


@pytest.fixture
def fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leases, "RENEW_SECONDS", 0.05)
    monkeypatch.setattr(leases, "POLL_SECONDS", 0.02)


async def test_a_second_holder_waits_and_gives_up_when_it_sees_a_renewal(database: Database, fast: None) -> None:
    events: list[Event] = []
    async with holding(database, owner=OTHER):
        with pytest.raises(AccountLocked, match="other host, process 1"):
            async with holding(database, events.append):
                pytest.fail("two holders")
    assert [type(one) for one in events] == [LeaseAwaited]


async def test_a_second_holder_gets_it_when_the_first_gives_it_back(database: Database, fast: None) -> None:
    order: list[str] = []

    async def work(owner: Owner) -> None:
        async with holding(database, owner=owner, wait=60):
            order.append(f"+{owner.label}")
            await asyncio.sleep(0)
            order.append(f"-{owner.label}")

    await asyncio.gather(work(OTHER), work(Owner("b", "otherhost|boot|ns|2|1")))
    assert [one[0] for one in order] == ["+", "-", "+", "-"]


async def test_fences_rise_over_all_accounts(database: Database) -> None:
    fences = []
    for account in ("a", "b", "a", "c"):
        async with hold(
            database, account, clock=SystemClock(), wait_seconds=0, drain_seconds=0, emit=lambda _: None
        ) as lease:
            fences.append(lease.fence)
    assert fences == sorted(set(fences))


async def test_a_holder_that_runs_out_is_overtaken_and_told(database: Database, rows: Rows, fast: None) -> None:
    async def work() -> None:
        async with holding(database, owner=OTHER):
            rows("UPDATE account_leases SET expires_at = now() - interval '1 s'")
            async with holding(database):
                await asyncio.Event().wait()

    with pytest.raises(LeaseLost):
        await work()


@pytest.fixture
def dead() -> str:
    """The identity of a process of this host that was killed."""
    program = (
        "from breezeway_sync.store.leases import this_process; print(this_process().identity, flush=True); "
        "import sys; sys.stdin.read()"
    )
    child = subprocess.Popen([sys.executable, "-c", program], stdin=-1, stdout=-1, text=True)
    assert child.stdout
    identity = child.stdout.readline().strip()
    assert not is_dead_here(identity)
    child.kill()
    child.communicate()
    assert is_dead_here(identity)
    return identity


async def test_a_dead_owner_on_this_host_is_replaced_at_once(database: Database, rows: Rows, dead: str) -> None:
    rows(
        "INSERT INTO account_leases (account, owner, owner_identity, renewed_at, expires_at) "
        "VALUES ('a', 'dead', %s, now(), now() + interval '1 hour')",
        dead,
    )
    events: list[Event] = []
    async with holding(database, events.append) as lease:
        # Nobody knows when it called last: the successor waits until a full bucket has drained.
        assert 1.0 < lease.first_call_in_seconds <= 1.5
    assert isinstance(events[0], LeaseClaimed)
    assert events[0].taken_over


async def test_a_lease_that_could_not_be_given_back_is_taken_again_at_once(database: Database, rows: Rows) -> None:
    ours = this_process()
    rows(
        "INSERT INTO account_leases (account, owner, owner_identity, renewed_at, expires_at) "
        "VALUES ('a', 'we', %s, now(), now() + interval '1 hour')",
        ours.identity,
    )
    async with holding(database) as lease:
        assert lease.fence > 0
        with pytest.raises(TimeoutError):  # held by ourselves now: a second claim of this process waits
            await asyncio.wait_for(holding(database).__aenter__(), 1)


async def test_what_a_clock_that_ran_ahead_has_written_keeps_nobody_away(database: Database, rows: Rows) -> None:
    """The server's clock, which was set back by eight hours since."""
    rows(
        "INSERT INTO account_leases (account, owner, owner_identity, renewed_at, expires_at, next_call_at, "
        "paused_until) SELECT 'a', 'gone', %s, at, at + interval '45 s', at, at "
        "FROM (SELECT now() + interval '8 h' AS at) ahead",
        OTHER.identity,
    )
    async with asyncio.timeout(10), holding(database) as lease:
        assert lease.first_call_in_seconds <= leases.LONGEST_PAUSE_SECONDS
    async with holding(database) as lease:
        assert lease.first_call_in_seconds <= leases.LONGEST_PAUSE_SECONDS


def test_an_owner_elsewhere_is_never_taken_for_dead() -> None:
    assert not is_dead_here(OTHER.identity)
    place, pid, start = this_process().identity.rsplit("|", 2)
    assert not is_dead_here(f"another boot|{pid}|{start}")
    assert is_dead_here(f"{place}|{pid}|{start}0")  # the number was given to another program since
    assert not is_dead_here(f"{place}|{pid}|{start}")


async def test_the_budget_outlives_its_holder(database: Database) -> None:
    async with holding(database) as lease:
        assert lease.first_call_in_seconds == 0
        lease.next_call_in_seconds = lambda: 7.0
        lease.paused_for_seconds = lambda: 30.0
    async with holding(database) as lease:
        assert 29 < lease.first_call_in_seconds <= 30


async def test_a_pause_is_kept_even_without_giving_back(database: Database, rows: Rows) -> None:
    async with holding(database) as lease:
        lease.paused_for_seconds = lambda: 40.0
        await leases.note_pause(database, lease, lambda _: None)
        assert rows("SELECT paused_until > now() + interval '35 s' AS kept FROM account_leases") == [{"kept": True}]


def test_order_follows_requests_and_never_a_clock() -> None:
    first = Lease("a", Claim(7, uuid4()), 0.0, claimed_at=100.0)
    second = Lease("a", Claim(8, uuid4()), 0.0, claimed_at=3.0)  # another process, whose clock says anything
    orders = [first.order(100.0), first.order(100.5), first.order(1e9), second.order(2.0), second.order(3.1)]
    assert orders == sorted(orders)
    assert len(set(orders)) == 5
    assert all(0 < one < 2**63 for one in orders)


def test_account_keys_do_not_show_the_client_id() -> None:
    here = "https://api.example"
    assert account_key(here, "my-client") == account_key("HTTPS://API.example:443/", "my-client")
    assert (
        len({account_key(here, "my-client"), account_key(here, "other"), account_key(f"{here}/v2", "my-client")}) == 3
    )
    assert "my-client" not in account_key(here, "my-client")
