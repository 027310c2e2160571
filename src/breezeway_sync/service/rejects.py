"""`rejects`: list rejected records, and load them again without an API call."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from breezeway_sync.core.clock import Clock
from breezeway_sync.core.errors import UnknownName
from breezeway_sync.core.events import Emit
from breezeway_sync.core.report import OpenRejection, Retried
from breezeway_sync.service.access import Access, RunContext, Tell
from breezeway_sync.service.retries import RetryReport, by_account, retrier_of
from breezeway_sync.service.runner import ensure_schema, open_database
from breezeway_sync.service.settings import Settings
from breezeway_sync.service.status import require_schema
from breezeway_sync.store.rejects import list_open, read_payloads


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
            hint="`breezeway-sync rejects list` shows those that there are",
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
) -> RetryReport[Retried]:
    """Bring what was rejected to the mirror again, account by account under its lease; no call is made."""
    async with open_database(settings) as database:
        await ensure_schema(settings, database)
        waiting = {one.region for one in await list_open(database, regions, name)}

        def bring(use: RunContext, mine: Access, region: str) -> AsyncIterator[Retried]:
            return retrier_of(use, mine).retry(region, name)

        report = await by_account(
            settings, database, waiting, bring, emit=emit, tell=tell, wait_seconds=wait_seconds, clock=clock
        )
    place = {code: number for number, code in enumerate(regions)}
    report.records.sort(key=lambda one: place[one.region])
    return report
