"""What could not be read or stored: listed, accepted by a person, tried again now."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from breezeway_sync.core.clock import Clock, SystemClock
from breezeway_sync.core.errors import BreezewaySyncError, CredentialsRejected
from breezeway_sync.core.events import Emit
from breezeway_sync.core.problems import Subject
from breezeway_sync.core.report import KnownProblem, ReadAgain
from breezeway_sync.service.access import Access, Means, Tell, access, means
from breezeway_sync.service.accounts import NO_CREDENTIALS, Account, credentials_of, group
from breezeway_sync.service.deletes import person
from breezeway_sync.service.runner import ensure_schema, open_database
from breezeway_sync.service.settings import Settings
from breezeway_sync.service.status import require_schema
from breezeway_sync.service.workshop import Order, Workshop, loader_of, owed_sources, proofs_of
from breezeway_sync.store.problems import Problems, numbers_of, unknown
from breezeway_sync.store.retry import Retrier
from breezeway_sync.store.vault import stored_credentials


@dataclass(slots=True)
class RetryReport:
    """What came of a retry. `problems` name regions that were not, or not wholly, worked, with the error."""

    records: list[ReadAgain] = field(default_factory=list)
    problems: dict[str, BreezewaySyncError] = field(default_factory=dict)


async def listing(settings: Settings, regions: Sequence[str], *, resolved: bool) -> list[KnownProblem]:
    """Problems and rejected records of these regions, open ones or all. Nothing is changed."""
    async with open_database(settings) as database:
        await require_schema(database)
        return await Problems(database, SystemClock()).listing(regions, resolved=resolved)


async def accept(settings: Settings, ids: Sequence[str], why: str) -> int:
    """A person lives with these until they change; how many. Raises UnknownRecord when one of them is not open."""
    async with open_database(settings) as database:
        await require_schema(database)
        return await Problems(database, SystemClock()).accept(ids, person(), why)


async def retry(
    settings: Settings,
    ids: Sequence[str],
    *,
    emit: Emit,
    tell: Tell,
    wait_seconds: float = 60.0,
    clock: Clock | None = None,
) -> RetryReport:
    """Read these things again now, account by account under its lease. Raises UnknownRecord when one is not open."""
    report = RetryReport()
    async with open_database(settings) as database:
        await ensure_schema(settings, database)
        codes = list(settings.regions)
        store = Problems(database, clock or SystemClock())
        known = {one.id: one for one in await store.listing(codes)}
        asked = numbers_of(ids)
        if lacking := [one for one in asked if one not in known]:
            raise unknown(lacking, known)
        wanted: dict[str, list[KnownProblem]] = {}
        for one in asked:
            wanted.setdefault(known[one].region, []).append(known[one])
        credentials = credentials_of(settings, await stored_credentials(database, codes))
        for code in sorted(wanted.keys() - credentials.keys()):
            report.problems[code] = CredentialsRejected(NO_CREDENTIALS, endpoint="no call")
        # All regions of an account share its lease, also those that were not asked for.
        accounts = [one for one in group(settings, credentials) if wanted.keys() & set(one.regions)]
        async with means(settings, database, emit=emit, tell=tell, clock=clock) as use:
            work = (_retry_account(use, store, one, wanted, wait_seconds, report) for one in accounts)
            await asyncio.gather(*work)
    place = {one: number for number, one in enumerate(asked)}
    report.records.sort(key=lambda one: place[one.id])
    return report


async def _retry_account(
    use: Means,
    store: Problems,
    account: Account,
    wanted: dict[str, list[KnownProblem]],
    wait_seconds: float,
    report: RetryReport,
) -> None:
    """The regions of one account, one after the other; what keeps it from being worked is put down for all left."""
    left = [code for code in account.regions if code in wanted]
    try:
        async with access(use, account, wait_seconds=wait_seconds) as mine:
            while left:
                report.records += await _bring_again(use, mine, left[0], wanted[left[0]])
                report.records += await _read_again(use, mine, store, left[0], wanted[left[0]])
                del left[0]
    except BreezewaySyncError as error:
        report.problems.update(dict.fromkeys(left, error))


async def _bring_again(use: Means, mine: Access, region: str, wanted: Sequence[KnownProblem]) -> list[ReadAgain]:
    """Rejected records, as they were kept; no call is made."""
    asked = {number: one for one in wanted for letter, number in numbers_of([one.id]).values() if letter == "r"}
    if not asked:
        return []
    order = Order({})
    retrier = Retrier(
        use.database,
        loader_of(use, proofs_of(use, mine.lease, order.run_id)),
        owed_sources(use.settings),
        lambda: mine.lease.order(use.clock.monotonic()),
    )
    found = []
    async for one in retrier.retry(region, None, set(asked)):
        came = f"{one.came}: {one.why}" if one.why else one.came
        found.append(ReadAgain(asked[one.id].id, region, one.entity, asked[one.id].what, one.is_open, came))
    return found


async def _read_again(
    use: Means, mine: Access, store: Problems, region: str, wanted: Sequence[KnownProblem]
) -> list[ReadAgain]:
    """Lists and records that could not be read."""
    asked = {number: one for one in wanted for letter, number in numbers_of([one.id]).values() if letter == "p"}
    subjects: dict[str, list[Subject]] = {}
    for number, subject in (await store.subjects(asked)).items():
        subjects.setdefault(asked[number].entity, []).append(subject)
    if not subjects:
        return []
    workshop = Workshop(use)
    order = Order({region: tuple(subjects)})
    await workshop.engine(mine, order).again(workshop.target(mine.account, region, tuple(subjects)), subjects)
    found = []
    for number, (is_open, why) in (await store.standings(region, asked)).items():
        one = asked[number]
        found.append(ReadAgain(one.id, region, one.entity, one.what, is_open, why if is_open else "read"))
    return found
