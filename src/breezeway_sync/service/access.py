"""Opens an account under its lease and within its call budget: for a run, a cycle, or a few calls."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from breezeway_sync.api.auth import Authenticator
from breezeway_sync.api.client import AccountApi
from breezeway_sync.api.limits import CallBudget, GlobalLimiter, pace
from breezeway_sync.api.transport import Transport, environment_proxy
from breezeway_sync.core.clock import Clock, SystemClock
from breezeway_sync.core.events import ConcurrencyChanged, Emit
from breezeway_sync.service.accounts import Account
from breezeway_sync.service.settings import Settings
from breezeway_sync.store.database import Database
from breezeway_sync.store.leases import Lease, hold, note_pause
from breezeway_sync.store.token_store import PostgresTokenStore

Tell = Callable[[str], None]
"""Hears sentences for people while something is waited for."""


def tell_nobody(_sentence: str) -> None:
    """A Tell for processes that nobody watches."""


SHORTEST_WAIT_TOLD_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class RunContext:
    """What calls of any account need."""

    settings: Settings
    database: Database
    transport: Transport
    global_limiter: GlobalLimiter
    clock: Clock
    emit: Emit
    tell: Tell = tell_nobody


def new_global_limiter(settings: Settings, emit: Emit) -> GlobalLimiter:
    """The calls of all accounts together, told of when their number changes."""
    return GlobalLimiter(
        settings.api.max_in_flight_total, lambda calls, reason: emit(ConcurrencyChanged(None, calls, reason))
    )


@asynccontextmanager
async def context(
    settings: Settings, database: Database, *, emit: Emit, tell: Tell, clock: Clock | None = None
) -> AsyncIterator[RunContext]:
    """Open the way to the API. Raises ConfigurationError for a proxy that cannot be used."""
    environment_proxy(settings.api.base_url)  # refused before anything is open
    async with Transport(settings.api.base_url, settings.api.timeout_seconds) as transport:
        global_limiter = new_global_limiter(settings, emit)
        yield RunContext(settings, database, transport, global_limiter, clock or SystemClock(), emit, tell)


@dataclass(frozen=True, slots=True)
class ObservedTokenStore(PostgresTokenStore):
    """A token store that reports how long a token call waits."""

    tell: Tell

    async def reserve_call(self, interval_seconds: float) -> float:
        seconds = await PostgresTokenStore.reserve_call(self, interval_seconds)
        if seconds >= SHORTEST_WAIT_TOLD_SECONDS:
            regions = ", ".join(self.regions)
            self.tell(f"{regions}: waiting {seconds:.0f} s, only one token call a minute is allowed")
        return seconds


@dataclass(frozen=True, slots=True)
class Access:
    """An account that is ours for now."""

    account: Account
    lease: Lease
    budget: CallBudget
    token_store: PostgresTokenStore
    authenticator: Authenticator
    api: AccountApi


@asynccontextmanager
async def access(use: RunContext, account: Account, *, wait_seconds: float) -> AsyncIterator[Access]:
    """Claim the account's lease and give it back at the end, with what is left of its budget.

    Raises LeaseHeld when another process keeps working it for longer than `wait_seconds`.
    """
    async with AsyncExitStack() as stack:
        lease = await stack.enter_async_context(
            hold(
                use.database,
                account.key,
                clock=use.clock,
                wait_seconds=wait_seconds,
                drain_seconds=pace(use.settings.api.requests_per_minute).period_seconds,
                emit=use.emit,
            )
        )
        opened = _opened(use, account, lease)
        try:
            yield opened
        finally:
            opened.budget.leave()


def _opened(use: RunContext, account: Account, lease: Lease) -> Access:
    api, name = use.settings.api, lease.account
    notes: set[asyncio.Task[None]] = set()

    def on_pause(_seconds: float) -> None:
        note = asyncio.ensure_future(note_pause(use.database, lease, use.emit))
        notes.add(note)
        note.add_done_callback(notes.discard)

    budget = CallBudget(
        api.requests_per_minute,
        api.max_in_flight,
        use.global_limiter,
        first_call_in_seconds=lease.first_call_in_seconds,
        on_pause=on_pause,
        on_resize=lambda calls, reason: use.emit(ConcurrencyChanged(name, calls, reason)),
    )
    lease.next_call_in_seconds = budget.next_call_in_seconds
    lease.paused_for_seconds = budget.paused_for_seconds
    token_store = ObservedTokenStore(use.database, lease.account, account.regions, use.tell)
    authenticator = Authenticator(
        lease.account,
        account.credentials,
        token_store,
        use.transport,
        use.clock,
        interval_seconds=api.auth_interval_seconds,
        emit=use.emit,
        global_limiter=use.global_limiter,
    )
    client = AccountApi(
        lease.account,
        use.transport,
        authenticator,
        budget,
        use.clock,
        emit=use.emit,
        memory=use.global_limiter.memory,
        page_size=api.page_size,
    )
    return Access(account, lease, budget, token_store, authenticator, client)
