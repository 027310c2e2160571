"""Loads rejected records again, or reads failed things again: account by account, under its lease."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Collection
from dataclasses import dataclass, field
from typing import Generic, TypeAlias, TypeVar
from uuid import uuid4

from breezeway_sync.core.clock import Clock
from breezeway_sync.core.errors import BreezewaySyncError, CredentialsRejected
from breezeway_sync.core.events import Emit
from breezeway_sync.service.access import Access, RunContext, Tell, access, context
from breezeway_sync.service.account_runner import loader_of, pending_sources, proofs_of
from breezeway_sync.service.accounts import NO_CREDENTIALS, Account, credentials_of, group
from breezeway_sync.service.settings import Settings
from breezeway_sync.store.database import Database
from breezeway_sync.store.retry import Retrier
from breezeway_sync.store.token_store import stored_credentials

Came = TypeVar("Came")

Bring: TypeAlias = Callable[[RunContext, Access, str], AsyncIterator[Came]]
"""Brings again what one region has to bring, while its account is held, and yields what came of each."""


@dataclass(slots=True)
class RetryReport(Generic[Came]):
    """What came of a retry. `problems` holds the error of each region that was not, or not wholly, worked."""

    records: list[Came] = field(default_factory=list)
    problems: dict[str, BreezewaySyncError] = field(default_factory=dict)


async def by_account(
    settings: Settings,
    database: Database,
    regions: Collection[str],
    bring: Bring[Came],
    *,
    emit: Emit,
    tell: Tell,
    wait_seconds: float,
    clock: Clock | None,
) -> RetryReport[Came]:
    """Bring these regions' records again: accounts side by side, the regions of one after each other."""
    report = RetryReport[Came]()
    credentials = credentials_of(settings, await stored_credentials(database, list(settings.regions)))
    for code in sorted(set(regions) - credentials.keys()):
        report.problems[code] = CredentialsRejected(NO_CREDENTIALS, endpoint="no call")
    # All regions of an account share its lease, also those that were not asked for.
    accounts = [one for one in group(settings, credentials) if set(regions) & set(one.regions)]
    async with context(settings, database, emit=emit, tell=tell, clock=clock) as use:
        await asyncio.gather(*(_account(use, one, regions, bring, wait_seconds, report) for one in accounts))
    return report


async def _account(
    use: RunContext,
    account: Account,
    regions: Collection[str],
    bring: Bring[Came],
    wait_seconds: float,
    report: RetryReport[Came],
) -> None:
    """The regions of one account, one after the other; what keeps it from being worked is put down for all left."""
    left = [code for code in account.regions if code in regions]
    try:
        async with access(use, account, wait_seconds=wait_seconds) as mine:
            while left:
                async for one in bring(use, mine, left[0]):
                    report.records.append(one)
                del left[0]
    except BreezewaySyncError as error:
        report.problems.update(dict.fromkeys(left, error))


def retrier_of(use: RunContext, mine: Access) -> Retrier:
    """What brings rejected records again under this lease."""
    return Retrier(
        use.database,
        loader_of(use, proofs_of(use, mine.lease, uuid4())),
        pending_sources(use.settings),
        lambda: mine.lease.order(use.clock.monotonic()),
    )
