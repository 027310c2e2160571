"""`problems`: list what could not be read or stored, accept it, or try it again now."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from breezeway_sync.core.clock import Clock, SystemClock
from breezeway_sync.core.events import Emit
from breezeway_sync.core.problems import Subject
from breezeway_sync.core.report import KnownProblem, ReadAgain
from breezeway_sync.service.access import Access, RunContext, Tell
from breezeway_sync.service.account_runner import AccountRunner, CycleRequest
from breezeway_sync.service.deletes import person
from breezeway_sync.service.retries import RetryReport, by_account, retrier_of
from breezeway_sync.service.runner import ensure_schema, open_database
from breezeway_sync.service.settings import Settings
from breezeway_sync.service.status import require_schema
from breezeway_sync.store.problems import Problems, numbers_of, unknown


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
) -> RetryReport[ReadAgain]:
    """Read these things again now, account by account under its lease. Raises UnknownRecord when one is not open."""
    async with open_database(settings) as database:
        await ensure_schema(settings, database)
        store = Problems(database, clock or SystemClock())
        known = {one.id: one for one in await store.listing(list(settings.regions))}
        asked = numbers_of(ids)
        if lacking := [one for one in asked if one not in known]:
            raise unknown(lacking, known)
        expected: dict[str, list[KnownProblem]] = {}
        for one in asked:
            expected.setdefault(known[one].region, []).append(known[one])

        async def again(use: RunContext, mine: Access, region: str) -> AsyncIterator[ReadAgain]:
            for one in await _bring_again(use, mine, region, expected[region]):
                yield one
            for one in await _read_again(use, mine, store, region, expected[region]):
                yield one

        report = await by_account(
            settings, database, expected, again, emit=emit, tell=tell, wait_seconds=wait_seconds, clock=clock
        )
    place = {one: number for number, one in enumerate(asked)}
    report.records.sort(key=lambda one: place[one.id])
    return report


async def _bring_again(use: RunContext, mine: Access, region: str, expected: Sequence[KnownProblem]) -> list[ReadAgain]:
    """Rejected records, as they were kept; no call is made."""
    asked = {number: one for one in expected for letter, number in numbers_of([one.id]).values() if letter == "r"}
    if not asked:
        return []
    found = []
    async for one in retrier_of(use, mine).retry(region, None, set(asked)):
        came = f"{one.came}: {one.why}" if one.why else one.came
        found.append(ReadAgain(asked[one.id].id, region, one.entity, asked[one.id].what, one.is_open, came))
    return found


async def _read_again(
    use: RunContext, mine: Access, store: Problems, region: str, expected: Sequence[KnownProblem]
) -> list[ReadAgain]:
    """Lists and records that could not be read."""
    asked = {number: one for one in expected for letter, number in numbers_of([one.id]).values() if letter == "p"}
    subjects: dict[str, list[Subject]] = {}
    for number, subject in (await store.subjects(asked)).items():
        subjects.setdefault(asked[number].entity, []).append(subject)
    if not subjects:
        return []
    account_runner = AccountRunner(use)
    order = CycleRequest({region: tuple(subjects)})
    await account_runner.engine(mine, order).again(
        account_runner.target(mine.account, region, tuple(subjects)), subjects
    )
    found = []
    for number, (is_open, why) in (await store.standings(region, asked)).items():
        one = asked[number]
        found.append(ReadAgain(one.id, region, one.entity, one.what, is_open, why if is_open else "read"))
    return found
