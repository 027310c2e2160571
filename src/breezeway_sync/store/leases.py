"""One lease per account: its owner, its fence, and the time of the next allowed call.

All times are the database's. If the owner died on this host, the next process takes over at once. In all other cases
it waits until the lease runs out, or until it sees that the owner renews it.

The lease belongs to the account, not to the region, because call budget and token belong to the pair of credentials.
The next allowed call, a pause and the next token call stand in the same row, so processes that follow each other keep
the limits together. After an owner that died, the successor waits until a full bucket has drained. Fences follow the
clock, so an older copy of the database never gives out the same fence again. Each claim of a lease has a random name.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from uuid import uuid4

from breezeway_sync.core.clock import Clock
from breezeway_sync.core.errors import AccountLocked, DatabaseError, DatabaseWentBack, LeaseLost, told
from breezeway_sync.core.events import DatabaseReplaced, Emit, LeaseAwaited, LeaseClaimed, OperatorNotice, tell_crash
from breezeway_sync.core.waiting import begin, finish
from breezeway_sync.store import given
from breezeway_sync.store.acknowledged import Acknowledged, Claim, flaw_of, known_state_of
from breezeway_sync.store.database import Database

LEASE_SECONDS = 45.0
RENEW_SECONDS = 15.0
POLL_SECONDS = 0.5
PAUSE_SECONDS = 2.0
# A little more than the API is allowed to ask for.
LONGEST_PAUSE_SECONDS = 1000.0
_ORDER_BITS = 32
ALIVE = "alive"
# What this process holds: (database, account).
_HELD: set[tuple[str, str]] = set()


@dataclass(frozen=True, slots=True)
class Owner:
    """A process. `identity` holds host, boot, process namespace, pid and start time, so that a pid used
    again by another program is not taken for its owner."""

    label: str
    identity: str


def this_process() -> Owner:
    """The owner that we are."""
    return _process(os.getpid())


# Read once: it is asked for every second, and must be known where no file can be opened any more.
@cache
def _process(pid: int) -> Owner:
    return Owner(f"{socket.gethostname()}, process {pid}", f"{_place()}|{pid}|{_start_of(pid)}")


def is_dead_here(identity: str) -> bool:
    """Whether that owner ran on this host, in this boot and process namespace, and is gone."""
    place, pid, start = identity.rsplit("|", 2)
    if place != _place() or not pid.isdigit():
        return False
    found = _start_of(int(pid))
    # Where a process is hidden from us, only that it is there can be told.
    return found == "" or (ALIVE not in (found, start) and found != start)


@cache
def _place() -> str:
    boot = Path("/proc/sys/kernel/random/boot_id")
    namespace = Path("/proc/self/ns/pid")
    return "|".join(
        (
            socket.gethostname(),
            boot.read_text().strip() if boot.exists() else "",
            str(namespace.readlink()) if namespace.is_symlink() else "",
        )
    )


def _start_of(pid: int) -> str:
    """When a process started (clock ticks since boot), ALIVE where only that can be told, "" when it is gone."""
    with contextlib.suppress(OSError):
        state, *fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return "" if state in "ZX" else fields[18]
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return ""
    except PermissionError:
        pass
    return ALIVE


@dataclass(slots=True)
class Lease:
    """A claimed account. `first_call_in_seconds` is what the previous holder's budget leaves to wait."""

    account: str
    claim: Claim
    first_call_in_seconds: float
    claimed_at: float
    """Monotonic seconds."""
    next_call_in_seconds: Callable[[], float] = lambda: 0.0
    paused_for_seconds: Callable[[], float] = lambda: 0.0
    acknowledged: Acknowledged = field(default_factory=Acknowledged)
    failure: DatabaseError | None = None
    """Why it is no use any more."""
    doubt: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when it is to be looked at before the next renewal."""

    @property
    def fence(self) -> int:
        return self.claim.fence

    def give_up(self, error: DatabaseError) -> None:
        """End the block that holds it with this error, soon."""
        self.failure = self.failure or error
        self.doubt.set()

    def order(self, requested_at: float) -> int:
        """The order of a request (its start, monotonic seconds) among all requests of all holders ever.

        Fences rise with every claim, so no clock that is set back can make new answers look old.
        """
        milliseconds = max(0, int((requested_at - self.claimed_at) * 1000))
        return (self.fence << _ORDER_BITS) | min(milliseconds, (1 << _ORDER_BITS) - 1)


@asynccontextmanager
async def hold(
    database: Database,
    account: str,
    *,
    clock: Clock,
    wait_seconds: float,
    drain_seconds: float,
    emit: Emit,
    owner: Owner | None = None,
) -> AsyncIterator[Lease]:
    """Claim the account, keep renewing it, and give it back at the end.

    Raises LeaseHeld when another owner is seen renewing it after `wait_seconds`. When the lease is lost
    inside the block, the block is cancelled and LeaseLost raised.
    """
    owner = owner or this_process()
    lease = await _claim(database, account, owner, clock, wait_seconds, drain_seconds, emit)
    body = asyncio.current_task()
    lost: list[DatabaseError] = []
    renewing: asyncio.Task[None] | None = None

    async def renew() -> None:
        try:
            await _keep_renewing(database, lease, emit)
        except DatabaseError as error:
            lost.append(error)
            if body is not None:
                body.cancel()

    try:
        renewing = begin(renew(), name=f"renew {account}")
        # A new connection may lead to another server: whether that one knows of the lease is seen at once.
        with database.on_connect(lease.doubt.set):
            yield lease
    except asyncio.CancelledError:
        if lost and body is not None and body.uncancel() == 0:
            raise lost[0] from None
        raise
    finally:
        if renewing is not None:
            renewing.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await renewing
        _HELD.discard((database.address, account))
        if not isinstance(lease.failure, LeaseLost):
            await finish(_release(database, lease, emit))
        if isinstance(lease.failure, DatabaseWentBack) and given.is_news(database.address, account):
            emit(DatabaseReplaced(account, lease.failure.what))


async def _claim(
    database: Database,
    account: str,
    owner: Owner,
    clock: Clock,
    wait_seconds: float,
    drain_seconds: float,
    emit: Emit,
) -> Lease:
    async with database.connection("claiming the account") as connection:
        await connection.execute(database.query("ensure_account"), account)
    began = clock.monotonic()
    first_renewal: object = None
    is_told = False
    claim_id = uuid4()
    while True:
        seen = await database.fetch_row("see_lease", account)
        identity = seen["owner_identity"] if seen else None
        # Our own identity without our holding it: a lease that could not be given back.
        is_left_over = identity == owner.identity and (database.address, account) not in _HELD
        dead = identity if identity and (is_left_over or is_dead_here(identity)) else None
        claimed = await database.fetch_row(
            "claim_lease",
            account,
            owner.label,
            owner.identity,
            LEASE_SECONDS,
            dead,
            drain_seconds,
            LONGEST_PAUSE_SECONDS,
            claim_id,
        )
        waited = clock.monotonic() - began
        if claimed:
            _HELD.add((database.address, account))
            first_call = claimed["wait_seconds"]
            if given.is_forgotten(database.address, account, claimed["fence_before"]):
                first_call = max(first_call, drain_seconds)  # calls that were made since are forgotten with it
                if given.is_news(database.address, account):
                    emit(DatabaseReplaced(account, given.WHY))
            given.remember(database.address, account, claimed["fence"])
            emit(LeaseClaimed(account, claimed["fence"], waited, taken_over=identity is not None))
            return Lease(account, Claim(claimed["fence"], claim_id), first_call, clock.monotonic())
        if seen is not None and not is_told:
            emit(LeaseAwaited(account, seen["owner"] or "somebody"))
            is_told = True
        if seen is not None:
            first_renewal = first_renewal or seen["renewed_at"]
            if waited >= wait_seconds and seen["renewed_at"] != first_renewal:
                raise AccountLocked(
                    "the account is being worked by another process",
                    actual=f"{seen['owner']}, still renewing after {waited:.0f} s",
                    hint="let it finish, or wait longer with --wait",
                )
        await asyncio.sleep(POLL_SECONDS)


async def _keep_renewing(database: Database, lease: Lease, emit: Emit) -> None:
    """Renew until cancelled. Raises LeaseLost, DatabaseWentBack and why the lease was given up.

    A database that is away is tolerated: whatever is written checks the lease.
    """
    while lease.failure is None:
        try:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(lease.doubt.wait(), RENEW_SECONDS)
            lease.doubt.clear()
            if lease.failure is None:
                await _renew(database, lease)
        except (LeaseLost, DatabaseWentBack) as error:
            lease.failure = error
        except DatabaseError as error:
            # Whether it is still ours is checked by every merge; here it is only prolonged.
            emit(OperatorNotice(f"the lease could not be renewed: {error.message}"))
            # A database that takes no writes has every connection replaced, and each new one is a reason to look.
            await asyncio.sleep(PAUSE_SECONDS)
            lease.doubt.clear()
        except Exception as error:  # noqa: BLE001 - the edge of a renewal: what is written checks the lease
            tell_crash(emit, "", "lease", error)
            await asyncio.sleep(PAUSE_SECONDS)
    raise lease.failure


async def _renew(database: Database, lease: Lease) -> None:
    """Prolong the lease. Raises LeaseLost, and DatabaseWentBack for a server that lacks what was acknowledged."""
    told = dict(lease.acknowledged.counts)
    claim, seconds = lease.claim, lease.paused_for_seconds()
    await database.fetch_row("renew_lease", lease.account, claim.fence, claim.claim_id, LEASE_SECONDS, seconds)
    found = known_state_of(await database.fetch_row("lease_standing", lease.account))
    if flaw := flaw_of(claim, told, found):
        raise flaw


async def _release(database: Database, lease: Lease, emit: Emit) -> None:
    try:
        await database.fetch_row(
            "release_lease",
            lease.account,
            lease.fence,
            lease.claim.claim_id,
            lease.next_call_in_seconds(),
            lease.paused_for_seconds(),
        )
    except Exception as error:  # noqa: BLE001 - the work under it is done
        emit(OperatorNotice(f"the lease could not be given back, it runs out by itself: {told(error)}"))


async def note_pause(database: Database, lease: Lease, emit: Emit) -> None:
    """Write a pause down at once, so that a successor keeps it even if we are killed now."""
    try:
        await _renew(database, lease)
    except Exception as error:  # noqa: BLE001 - the edge of a job that nobody waits for
        emit(OperatorNotice(f"a pause of the account could not be written down: {told(error)}"))
