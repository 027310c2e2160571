"""Gathers the facts of an examination in bounded time. Other modules interpret them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

from breezeway_sync.core.clock import Clock, SystemClock
from breezeway_sync.core.errors import ApiError, BreezewaySyncError
from breezeway_sync.core.events import Emit
from breezeway_sync.core.tokens import Credentials
from breezeway_sync.service.access import Access, RunContext, Tell, access, context
from breezeway_sync.service.accounts import NO_CREDENTIALS, Account, credentials_of, group
from breezeway_sync.service.doctor import findings as judged
from breezeway_sync.service.doctor import host
from breezeway_sync.service.doctor.endpoints import Probe, of_answer, probes
from breezeway_sync.service.doctor.findings import (
    ACCOUNT,
    CONFIGURATION,
    DATABASE,
    FAIL,
    OK,
    SCHEMA,
    WARN,
    DoctorFinding,
)
from breezeway_sync.service.doctor.of_database import of_clock, of_migrations, of_rights, of_server
from breezeway_sync.service.runner import open_database, save_regions
from breezeway_sync.service.settings import Settings
from breezeway_sync.service.settings.twins import of_twins
from breezeway_sync.service.tokens import source_of
from breezeway_sync.store import migrate
from breezeway_sync.store.database import Database
from breezeway_sync.store.doctor import Examination, ServerFacts
from breezeway_sync.store.token_store import stored_credentials


@dataclass(frozen=True, slots=True)
class Limits:
    """How long one look may take; to a call come the waits for its turn and for somebody else's lease."""

    database_seconds: float = 30.0
    token_seconds: float = 180.0
    call_seconds: float = 120.0


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """Everything that was found, in the order in which it was looked at."""

    findings: tuple[DoctorFinding, ...]

    @property
    def has_failed(self) -> bool:
        return any(one.level == FAIL for one in self.findings)


async def diagnose(
    settings: Settings,
    *,
    emit: Emit,
    tell: Tell,
    wait_seconds: float = 60.0,
    limits: Limits | None = None,
    clock: Clock | None = None,
) -> Diagnosis:
    """Look at everything; what goes wrong is a finding. Rows of `regions` and tokens are written as in a run."""
    limits, clock = limits or Limits(), clock or SystemClock()
    found = judged.of_configuration(settings, host.mode_of(settings.source))
    found += _of_host()
    async with AsyncExitStack() as stack:
        opening = (DATABASE, "connection")
        try:
            database = await stack.enter_async_context(open_database(settings))
            opening = (CONFIGURATION, "proxy")
            use = await stack.enter_async_context(context(settings, database, emit=emit, tell=tell, clock=clock))
        except BreezewaySyncError as error:
            return Diagnosis((*found, judged.of_error(*opening, error)))
        examiner = _Examiner(settings, database, use, limits, wait_seconds)
        found += await examiner.database_findings()
        found += await examiner.account_findings()
    return Diagnosis(tuple(found))


def _of_host() -> list[DoctorFinding]:
    place = host.log_place()
    free = host.free_bytes(place)
    disk = [] if free is None else [judged.of_disk("disk of the logs", str(place), free)]
    return [*disk, judged.of_time_sync(host.is_time_synchronised())]


async def bounded(
    area: str, subject: str, seconds: float, look: Callable[[], Awaitable[list[DoctorFinding]]]
) -> list[DoctorFinding]:
    """One look: what it found, or that it failed or took too long."""
    try:
        async with asyncio.timeout(seconds):
            return await look()
    except TimeoutError:
        return [judged.too_late(area, subject, seconds)]
    except BreezewaySyncError as error:
        return [judged.of_error(area, subject, error)]


@dataclass(slots=True)
class _Examiner:
    settings: Settings
    database: Database
    use: RunContext
    limits: Limits
    wait_seconds: float
    is_current: bool = False
    """Whether the tables are this version's, so that accounts can be worked at all."""

    async def database_findings(self) -> list[DoctorFinding]:
        """Server, schema, rights."""
        found: list[DoctorFinding] = []
        for area, subject, look in (
            (DATABASE, "server", self._server),
            (SCHEMA, self.database.schema, self._schema),
            (DATABASE, "rights", self._rights),
        ):
            found += await bounded(area, subject, self.limits.database_seconds, look)
        return found

    async def account_findings(self) -> list[DoctorFinding]:
        """Credentials, token and endpoints of every account, all accounts side by side."""
        if not self.is_current:
            return [
                DoctorFinding(ACCOUNT, "all", WARN, "not examined: the schema is not ready", "see the findings above")
            ]
        codes = list(self.settings.regions)
        try:
            async with asyncio.timeout(self.limits.database_seconds):
                await save_regions(self.settings, self.database)
                credentials = credentials_of(self.settings, await stored_credentials(self.database, codes))
                known = await Examination(self.database).known_parents()
        except TimeoutError:
            return [judged.too_late(ACCOUNT, "all", self.limits.database_seconds)]
        except BreezewaySyncError as error:
            return [judged.of_error(ACCOUNT, "all", error)]
        found = [_of_credentials(self.settings, code, credentials.get(code)) for code in codes]
        found += [judged.of_error(ACCOUNT, "all", error) for error in of_twins(self.settings, credentials)]
        answers = await asyncio.gather(*(self._account(one, known) for one in group(self.settings, credentials)))
        return [*found, *(one for several in answers for one in several)]

    async def _server(self) -> list[DoctorFinding]:
        before = self.use.clock.now()
        facts = await Examination(self.database).server()
        after = self.use.clock.now()
        middle = before + (after - before) / 2
        disk = _free_of_database(facts)
        return [*of_server(facts), of_clock((facts.time - middle).total_seconds()), disk]

    async def _schema(self) -> list[DoctorFinding]:
        pending = await migrate.check(self.database)
        self.is_current = not pending
        return [of_migrations(pending, self.database.schema, auto_migrate=self.settings.database.auto_migrate)]

    async def _rights(self) -> list[DoctorFinding]:
        examination = Examination(self.database)
        missing, facts = await examination.missing_rights(), await examination.server()
        return [of_rights(missing, facts, is_current=self.is_current)]

    async def _account(self, account: Account, known: dict[str, dict[str, int]]) -> list[DoctorFinding]:
        """Token first; the endpoints only with one, as each of them would only fail the same way."""
        subject = ", ".join(account.regions)
        calls: list[Probe] = []
        found: list[DoctorFinding] = []
        for code in account.regions:
            asked, unasked = probes(self.settings, code, known.get(code, {}))
            calls += asked
            found += unasked
        self.use.tell(f"{subject}: asking {len(calls)} endpoints")
        try:
            async with access(self.use, account, wait_seconds=self.wait_seconds) as mine:
                token = await bounded(ACCOUNT, f"{subject} token", self._token_seconds(), lambda: _token(mine, subject))
                if all(one.level == OK for one in token):
                    found = [*await self._endpoints(mine, calls), *found]
                return [*token, *found]
        except BreezewaySyncError as error:
            return [judged.of_error(ACCOUNT, subject, error)]

    async def _endpoints(self, mine: Access, calls: Sequence[Probe]) -> list[DoctorFinding]:
        # Each call waits for its turn in the account's budget.
        turns = len(calls) * 60 / self.settings.api.requests_per_minute
        seconds = self.limits.call_seconds + turns
        answers = await asyncio.gather(*(_ask(mine, probe, seconds) for probe in calls))
        return [one for several in answers for one in several]

    def _token_seconds(self) -> float:
        return self.limits.token_seconds + self.settings.api.auth_interval_seconds


async def _token(mine: Access, subject: str) -> list[DoctorFinding]:
    await mine.authenticator.token()
    return [DoctorFinding(ACCOUNT, f"{subject} token", OK, "the account has a token")]


async def _ask(mine: Access, probe: Probe, seconds: float) -> list[DoctorFinding]:
    began = time.monotonic()

    async def look() -> list[DoctorFinding]:
        error: ApiError | None = None
        try:
            await mine.api.listing(probe.source.path, probe.path, probe.params)
        except ApiError as failure:
            error = failure
        return [of_answer(probe, error, time.monotonic() - began)]

    return await bounded(judged.ENDPOINT, probe.subject, seconds, look)


def _of_credentials(settings: Settings, code: str, pair: Credentials | None) -> DoctorFinding:
    if pair is None:
        what, _, hint = NO_CREDENTIALS.partition(": ")
        return DoctorFinding(ACCOUNT, f"{code} credentials", FAIL, what, hint)
    return DoctorFinding(ACCOUNT, f"{code} credentials", OK, f"from the {source_of(settings, code, has_pair=True)}")


def _free_of_database(facts: ServerFacts) -> DoctorFinding:
    place = facts.data_directory if facts.is_local else None
    free = host.free_bytes(Path(place)) if place else None
    if place is None or free is None:
        return judged.of_unseen_disk(facts.database_bytes)
    return judged.of_disk("disk of the database", place, free)
