"""Records that could not be stored: which they are, and bringing them again without asking the API."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import uuid4

from breezeway_sync.core.clock import Clock
from breezeway_sync.core.errors import BreezewaySyncError, CredentialsRejected
from breezeway_sync.core.events import Emit
from breezeway_sync.core.report import OpenRejection, Retried
from breezeway_sync.service.access import Means, Tell, access, means
from breezeway_sync.service.accounts import NO_CREDENTIALS, Account, credentials_of, group
from breezeway_sync.service.runner import ensure_schema, open_database
from breezeway_sync.service.selection import UnknownName
from breezeway_sync.service.settings import Settings
from breezeway_sync.service.status import require_schema
from breezeway_sync.service.workshop import loader_of, owed_sources, proofs_of
from breezeway_sync.store.rejects import list_open, read_payloads
from breezeway_sync.store.retry import Retrier
from breezeway_sync.store.vault import stored_credentials


@dataclass(slots=True)
class RetryReport:
    """What came of a retry. `problems` name regions that were not, or not wholly, worked, with the error."""

    records: list[Retried] = field(default_factory=list)
    problems: dict[str, BreezewaySyncError] = field(default_factory=dict)


async def listing(settings: Settings, regions: Sequence[str], name: str | None) -> list[OpenRejection]:
    """Open rejections of these regions, of one entity or of all. Nothing is changed."""
    async with open_database(settings) as database:
        await require_schema(database)
        return await list_open(database, regions, name)


async def payloads(settings: Settings, regions: Sequence[str], name: str | None, record_id: str) -> list[str]:
    """What was sent as one record that could not be stored, as JSON text. Raises UnknownName when there is none."""
    async with open_database(settings) as database:
        await require_schema(database)
        found = await read_payloads(database, regions, name, record_id)
    if not found:
        raise UnknownName(
            f'no open rejection of a record "{record_id}"',
            cure="`breezeway-sync rejects list` shows those that there are",
        )
    return found


async def retry(
    settings: Settings,
    regions: Sequence[str],
    name: str | None,
    *,
    emit: Emit,
    tell: Tell,
    wait_seconds: float = 60.0,
    clock: Clock | None = None,
) -> RetryReport:
    """Bring what was rejected to the mirror again, account by account under its lease; no call is made."""
    report = RetryReport()
    async with open_database(settings) as database:
        await ensure_schema(settings, database)
        waiting = {one.region for one in await list_open(database, regions, name)}
        codes = list(settings.regions)
        credentials = credentials_of(settings, await stored_credentials(database, codes))
        for code in sorted(waiting - set(credentials)):
            report.problems[code] = CredentialsRejected(NO_CREDENTIALS, endpoint="no call")
        # All regions of an account share its lease, also those that were not asked for.
        accounts = [one for one in group(settings, credentials) if waiting & set(one.regions)]
        async with means(settings, database, emit=emit, tell=tell, clock=clock) as use:
            work = (_retry_account(use, one, waiting, name, wait_seconds, report) for one in accounts)
            await asyncio.gather(*work)
    place = {code: number for number, code in enumerate(regions)}
    report.records.sort(key=lambda one: place[one.region])
    return report


async def _retry_account(
    use: Means, account: Account, waiting: set[str], name: str | None, wait_seconds: float, report: RetryReport
) -> None:
    """The regions of one account, one after the other; what keeps it from being worked is put down for all left."""
    left = [code for code in account.regions if code in waiting]
    try:
        async with access(use, account, wait_seconds=wait_seconds) as mine:
            retrier = Retrier(
                use.database,
                loader_of(use, proofs_of(use, mine.lease, uuid4())),
                owed_sources(use.settings),
                lambda: mine.lease.order(use.clock.monotonic()),
            )
            while left:
                async for one in retrier.retry(left[0], name):
                    report.records.append(one)
                del left[0]
    except BreezewaySyncError as error:
        report.problems.update(dict.fromkeys(left, error))
