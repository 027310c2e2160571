"""The database goes back: an older copy takes its place, between runs and in the middle of one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager, ExitStack, suppress
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import pytest

from breezeway_sync.core.clock import SystemClock
from breezeway_sync.core.errors import DatabaseReadOnly, DatabaseUnreachable, DatabaseWentBack, LeaseLost
from breezeway_sync.core.events import BatchLoaded, DatabaseReplaced, Event, OperatorNotice, ignore
from breezeway_sync.core.outcome import SUCCESS, Outcome
from breezeway_sync.core.verification import VerificationResult
from breezeway_sync.sandbox.spec import demo_accounts, resized
from breezeway_sync.service.settings import Settings
from breezeway_sync.store import migrate
from breezeway_sync.store.database import Database
from breezeway_sync.store.holder import Holder
from breezeway_sync.store.leases import Lease, Owner, hold
from breezeway_sync.store.sync_state import SyncStateStore
from breezeway_sync.store.verification import StoredMirror
from tests.failover import Address, Server, a_place, a_server, address_of
from tests.helpers import Setup, outcome, sandboxed

pytestmark = [pytest.mark.process, pytest.mark.timeout(200)]

RESERVATIONS = 60
OTHER = Owner("other host, process 1", "otherhost|boot|ns|1|1")


class Servers:
    """A first server, and copies of it that are made while it runs."""

    def __init__(self, first: Server, stack: ExitStack) -> None:
        self.first = first
        self._stack = stack

    def copy(self) -> Server:
        """A copy of the first one as it is now."""
        folder: Path = self._stack.enter_context(a_place())
        copied = self.first.copy_to(folder)
        self._stack.callback(copied.server.stop)
        return copied


@pytest.fixture
def servers() -> Iterator[Servers]:
    with ExitStack() as stack:
        yield Servers(stack.enter_context(a_server()), stack)


def in_small_batches(settings: Settings) -> Settings:
    return settings.model_copy(
        update={
            "sync": settings.sync.model_copy(update={"batch_rows": 10}),
            "api": settings.api.model_copy(update={"page_size": 10}),
        }
    )


async def scanned(address: Address, act: Callable[[Setup, int], None]) -> tuple[Setup, list[Event], set[int], str]:
    """A first reading of reservations in batches, with `act` after each; how it ended."""
    (spec,) = demo_accounts(1)
    spec = resized(spec, properties=2, tasks_per_property=1, reservations_per_property=RESERVATIONS)
    async with sandboxed(address.dsn, [spec]) as setup:
        setup.settings = in_small_batches(setup.settings)
        await setup.run(entity="properties")
        events: list[Event] = []
        count = 0
        append = setup.events.append

        class Hearing(list[Event]):
            def append(self, event: Event) -> None:
                nonlocal count
                events.append(event)
                append(event)
                if isinstance(event, BatchLoaded) and event.entity == "reservations" and event.written_records:
                    count += 1
                    act(setup, count)

        setup.events = Hearing()
        report = await setup.run(entity="reservations")
        first = outcome(report, "reservations")
        truth = set(next(iter(setup.world.accounts.values())).ids("reservations"))
        assert first.error_code == "database_went_back"
        assert (first.status, report.locked) == ("failed", {})
        again = await setup.run(entity="reservations")
        return setup, events, truth, outcome(again, "reservations").status


def live(server: Server) -> set[int]:
    rows = server.rows("SELECT reservation_id FROM reservations WHERE deleted_at IS NULL")
    return {row["reservation_id"] for row in rows}


async def test_a_scan_whose_acknowledged_batches_are_gone_is_given_up_and_read_again(servers: Servers) -> None:
    copies: list[Server] = []
    async with address_of(servers.first) as address:

        def act(_setup: Setup, batch: int) -> None:
            if batch == 2:
                copies.append(servers.copy())
            if batch == 5:
                address.lead_to(copies[0])

        _, events, truth, status = await scanned(address, act)
    assert len(copies) == 1
    assert status == "success"
    assert live(copies[0]) == truth
    assert len(live(servers.first)) < len(truth)
    assert [type(one) for one in events if isinstance(one, DatabaseReplaced)] == [DatabaseReplaced]


@pytest.fixture
async def two(servers: Servers) -> Servers:
    async with Database(servers.first.dsn, "breezeway") as database:
        await migrate.apply(database)
    return servers


def holding(
    database: Database, events: list[Event] | None = None, owner: Owner | None = None
) -> AbstractAsyncContextManager[Lease]:
    emit = ignore if events is None else events.append
    return hold(database, "a", clock=SystemClock(), wait_seconds=0, drain_seconds=1.5, emit=emit, owner=owner)


async def write(database: Database, lease: Lease) -> None:
    async with database.transaction("writing") as connection:
        await Holder(database, lease, UUID(int=1)).check(connection)


async def led_to(address: Address, server: Server, database: Database) -> None:
    """Lead the address to another server, and have the pool notice that its connections are gone."""
    address.lead_to(server)
    for _ in range(50):
        with suppress(DatabaseUnreachable):
            await database.fetch("writability")
            return
    pytest.fail("the pool does not connect anew")


async def test_what_was_acknowledged_and_is_gone_stops_every_write_under_the_lease(two: Servers) -> None:
    events: list[Event] = []
    copies: list[Server] = []
    async with address_of(two.first) as address, Database(address.dsn, "breezeway") as database:

        async def work() -> None:
            async with holding(database, events) as lease:
                await write(database, lease)
                copies.append(await asyncio.to_thread(two.copy))
                await asyncio.gather(*(write(database, lease) for _ in range(3)))
                await led_to(address, copies[0], database)
                await write(database, lease)

        with pytest.raises(DatabaseWentBack, match="transactions that it had acknowledged"):
            await work()
        assert copies[0].rows("SELECT sum(commits)::int AS n FROM lease_commits") == [{"n": 1}]
    assert len([one for one in events if isinstance(one, DatabaseReplaced)]) == 1


async def test_a_server_with_all_that_was_acknowledged_is_gone_on_with(two: Servers) -> None:
    async with address_of(two.first) as address, Database(address.dsn, "breezeway") as database:
        async with holding(database) as lease:
            await asyncio.gather(*(write(database, lease) for _ in range(3)))
            copy = await asyncio.to_thread(two.copy)
            await led_to(address, copy, database)
            await write(database, lease)
        assert copy.rows("SELECT owner FROM account_leases") == [{"owner": None}]


async def test_a_commit_whose_answer_was_lost_is_no_proof_of_anything(two: Servers) -> None:
    """Whether it was stored or not: the lease goes on."""
    async with Database(two.first.dsn, "breezeway") as database, holding(database) as lease:
        await write(database, lease)
        two.first.rows("UPDATE lease_commits SET commits = commits + 1")  # stored, and not acknowledged
        await write(database, lease)

        async def work() -> None:
            async with database.transaction("writing") as connection:
                await Holder(database, lease, UUID(int=1)).check(connection)
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            await work()
        await write(database, lease)


async def test_two_processes_never_write_for_one_account_after_a_failover(two: Servers) -> None:
    """The first one's claim is not on the successor, where a second one claims the account."""
    copy = await asyncio.to_thread(two.copy)
    async with (
        address_of(two.first) as address,
        Database(address.dsn, "breezeway") as ours,
        Database(copy.dsn, "breezeway") as theirs,
    ):

        async def work() -> None:
            async with holding(ours) as lease, holding(theirs, owner=OTHER) as other:
                copy.rows("UPDATE account_leases SET fence = %s", lease.fence)  # the very same fence
                other.claim = type(other.claim)(lease.fence, other.claim.claim_id)
                await write(theirs, other)
                await led_to(address, copy, ours)
                await write(ours, lease)

        with pytest.raises((DatabaseWentBack, LeaseLost)):
            await work()
        assert copy.rows("SELECT sum(commits)::int AS n FROM lease_commits") == [{"n": 1}]


async def test_a_new_connection_to_a_server_that_lacks_the_claim_ends_the_block_at_once(two: Servers) -> None:
    """Not only at the next renewal: until then two would call the API for one account."""
    copy = await asyncio.to_thread(two.copy)
    async with address_of(two.first) as address, Database(address.dsn, "breezeway") as database:

        async def work() -> None:
            async with asyncio.timeout(10), holding(database):
                await led_to(address, copy, database)
                await asyncio.Event().wait()

        with pytest.raises(DatabaseWentBack, match="the claim of this account"):
            await work()


async def test_a_fence_is_never_given_out_twice_by_an_older_copy(two: Servers) -> None:
    copy = await asyncio.to_thread(two.copy)
    async with Database(two.first.dsn, "breezeway") as database, holding(database) as lease:
        given = lease.fence
    copy.rows("SELECT pg_sleep(1.1)")  # a failover takes longer than the second of a claim
    async with Database(copy.dsn, "breezeway") as database, holding(database) as lease:
        assert lease.fence > given


async def test_a_process_that_was_idle_meanwhile_notices_that_the_database_went_back(two: Servers) -> None:
    copy = await asyncio.to_thread(two.copy)
    events: list[Event] = []
    async with address_of(two.first) as address, Database(address.dsn, "breezeway") as database:
        async with holding(database, events) as lease:
            assert lease.first_call_in_seconds == 0
        await led_to(address, copy, database)
        async with holding(database, events) as lease:
            assert lease.first_call_in_seconds == 1.5  # calls that were made since are forgotten
        async with holding(database, events):
            pass
    assert len([one for one in events if isinstance(one, DatabaseReplaced)]) == 1


async def test_accounts_that_are_claimed_at_once_get_different_fences(two: Servers) -> None:
    async with Database(two.first.dsn, "breezeway", pool_size=8) as database:

        async def claim(account: str) -> int:
            async with hold(
                database, account, clock=SystemClock(), wait_seconds=0, drain_seconds=0, emit=ignore
            ) as lease:
                return lease.fence

        fences = await asyncio.gather(*(claim(f"account {number}") for number in range(20)))
    assert len(set(fences)) == 20


async def test_nothing_is_certified_of_a_mirror_that_is_not_the_one_that_was_compared(two: Servers) -> None:
    two.first.rows("INSERT INTO regions (region_code) VALUES ('nashville')")
    copy = await asyncio.to_thread(two.copy)
    verification_result = VerificationResult("nashville", "tasks", datetime.now(UTC), 1)
    async with address_of(two.first) as address, Database(address.dsn, "breezeway") as database:

        async def work() -> None:
            async with holding(database) as lease:
                await StoredMirror(database).save(UUID(int=1), verification_result, lease)
                await led_to(address, copy, database)
                await StoredMirror(database).save(UUID(int=1), verification_result, lease)

        with pytest.raises(DatabaseWentBack):
            await work()
    assert copy.rows("SELECT * FROM verification_results") == []
    assert len(two.first.rows("SELECT * FROM verification_results")) == 1


async def test_a_success_is_written_only_while_all_that_was_stored_is_there(two: Servers) -> None:
    """The last batch is gone when the log is to say that the list was read."""
    two.first.rows("INSERT INTO regions (region_code) VALUES ('nashville')")
    run = UUID(int=1)
    async with address_of(two.first) as address, Database(address.dsn, "breezeway") as database:
        copies: list[Server] = []

        async def work() -> None:
            async with holding(database) as lease:
                sync_state = SyncStateStore(database, Holder(database, lease, run))
                row = await sync_state.open("nashville", "tasks", run)
                copies.append(await asyncio.to_thread(two.copy))
                await write(database, lease)
                await led_to(address, copies[0], database)
                await sync_state.close("nashville", row, Outcome("nashville", "tasks", SUCCESS))

        with pytest.raises(DatabaseWentBack):
            await work()
    assert [one["sync_status"] for one in copies[0].rows("SELECT sync_status FROM etl_sync_log")] == ["running"]


async def test_a_database_clock_in_a_far_future_leaves_fences_that_can_be_ordered(two: Servers) -> None:
    two.first.rows("INSERT INTO account_fences (fence) VALUES (2000000000)")
    async with Database(two.first.dsn, "breezeway") as database, holding(database) as lease:
        assert lease.fence == 2_000_000_001
        assert lease.order(lease.claimed_at + 1e9) < 2**63


async def test_a_lease_that_cannot_be_renewed_is_not_tried_without_a_pause(two: Servers) -> None:
    """Where nothing can be written each connection is replaced, and each new one is a reason to look at the lease."""
    events: list[Event] = []
    async with Database(two.first.dsn, "breezeway") as database, holding(database, events) as lease:
        two.first.rows("ALTER SYSTEM SET default_transaction_read_only = on")
        two.first.rows("SELECT pg_reload_conf()")
        for _ in range(20):
            with suppress(DatabaseReadOnly):
                await database.check_writable("looking")
        await asyncio.to_thread(two.first.rows, "SELECT pg_sleep(1)")
        two.first.rows("ALTER SYSTEM RESET default_transaction_read_only")
        two.first.rows("SELECT pg_reload_conf()")
        lease.doubt.set()
    assert 1 <= len([one for one in events if isinstance(one, OperatorNotice) and "renewed" in one.what]) <= 2
