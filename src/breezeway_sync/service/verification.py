"""`verify`: compares the mirror with the API, each account under its lease and within its call budget."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from uuid import UUID, uuid4

from breezeway_sync.core.clock import Clock, SystemClock
from breezeway_sync.core.error_codes import ErrorCode
from breezeway_sync.core.errors import (
    AccountLocked,
    ApiError,
    BreezewaySyncError,
    CredentialsRejected,
    DatabaseError,
    NotRead,
)
from breezeway_sync.core.events import Emit, LeaseReleased
from breezeway_sync.core.verification import VerificationResult
from breezeway_sync.entities.catalog import HOME
from breezeway_sync.entities.streams import STREAMS
from breezeway_sync.service.access import Access, RunContext, Tell, access, context
from breezeway_sync.service.account_runner import loader_of, proofs_of, read_settings
from breezeway_sync.service.accounts import NO_CREDENTIALS, Account, credentials_of, group, identity_of
from breezeway_sync.service.runner import open_database
from breezeway_sync.service.settings import Settings
from breezeway_sync.service.status import require_schema
from breezeway_sync.store.doubts import StoredDoubts
from breezeway_sync.store.leases import Lease
from breezeway_sync.store.sources import stored_left_out_homes, stored_source_state
from breezeway_sync.store.token_store import stored_credentials
from breezeway_sync.store.verification import StoredMirror
from breezeway_sync.sync.belonging import Belonging
from breezeway_sync.sync.identity import validate
from breezeway_sync.sync.verify.again import compare_repaired
from breezeway_sync.sync.verify.bench import Bench
from breezeway_sync.sync.verify.extent import Extent, calls_for_homes, estimated_calls
from breezeway_sync.sync.verify.homes import Homes
from breezeway_sync.sync.verify.own import OwnApi
from breezeway_sync.sync.verify.repair import Repairer
from breezeway_sync.sync.verify.verifier import Verifier, certificate_of

NEVER_READ = "nothing was compared: this region is not in the mirror yet. `breezeway-sync run` reads it"


@dataclass(frozen=True, slots=True)
class VerificationRequest:
    """What is to be compared. `wait_seconds`: how long to wait for an account that somebody else works.

    `repair`: what differs is read again, written, and compared once more.
    """

    regions: tuple[str, ...]
    entities: tuple[str, ...]
    sample_records: int = 50
    seed: int = 1
    whole: bool = False
    wait_seconds: float = 60.0
    repair: bool = False


@dataclass(frozen=True, slots=True)
class VerificationReport:
    """What came of it. `locked` names regions whose account somebody else was working, with the reason.

    `verification_results` say how it is at the end, `repaired` what was found before it was repaired.
    """

    run_id: UUID
    verifications: tuple[VerificationResult, ...]
    locked: dict[str, str]
    repaired: tuple[VerificationResult, ...] = ()


async def verify(
    settings: Settings, request: VerificationRequest, *, emit: Emit, tell: Tell, clock: Clock | None = None
) -> VerificationReport:
    """Compare regions and entities, and store a verification result of each.

    Raises what keeps anything from being compared: ConfigurationError, SchemaRefused (also where the schema is not up
    to date: comparing changes nothing of it), DatabaseError.
    """
    run_id, time = uuid4(), clock or SystemClock()
    async with AsyncExitStack() as stack:
        database = await stack.enter_async_context(open_database(settings))
        await require_schema(database)
        use = await stack.enter_async_context(context(settings, database, emit=emit, tell=tell, clock=time))
        credentials = credentials_of(settings, await stored_credentials(database, list(settings.regions)))
        work = Comparing(use, StoredMirror(database), request, run_id)
        await work.announce()
        parts = [
            (account, [code for code in request.regions if code in account.regions])
            for account in group(settings, credentials)
        ]
        await work.without_credentials([code for code in request.regions if code not in credentials])
        async with asyncio.TaskGroup() as tasks:
            for account, codes in parts:
                if codes:
                    tasks.create_task(work.account(account, codes))
    if work.failure is not None:
        raise work.failure
    place = {code: number for number, code in enumerate(request.regions)}
    work.verifications.sort(key=lambda one: (place[one.region], request.entities.index(one.entity)))
    return VerificationReport(run_id, tuple(work.verifications), work.locked, tuple(work.repaired))


class Comparing:
    """The verification results of one request, as they arrive."""

    def __init__(self, use: RunContext, mirror: StoredMirror, request: VerificationRequest, run_id: UUID) -> None:
        self._use = use
        self._mirror = mirror
        self._request = request
        self._run_id = run_id
        reading = read_settings(use.settings, full=False)
        self._extent = Extent(
            request.sample_records,
            request.seed,
            request.whole,
            reading.workers,
            reading.paths,
            reading.disabled,
            reading.page_size,
        )
        self.verifications: list[VerificationResult] = []
        self.repaired: list[VerificationResult] = []
        self.locked: dict[str, str] = {}
        self.failure: DatabaseError | None = None

    async def announce(self) -> None:
        """Say beforehand about how many calls it takes."""
        for code in self._request.regions:
            closed = await self._mirror.unavailable(code)
            extent = replace(self._extent, disabled=self._extent.disabled | closed)
            calls, homes = 0, 0
            for name in self._request.entities:
                rows = await self._mirror.row_counts(code, STREAMS[name].entity, HOME)
                homes = rows.homes
                calls += 0 if name in closed else estimated_calls(STREAMS[name], rows, extent)
                found = {at.key for at in await self._mirror.unresolved(code, name)}
                calls += 0 if extent.whole else min(len(found), extent.open_records)
            calls += calls_for_homes(homes, extent)
            minutes = calls / self._use.settings.api.requests_per_minute
            more = "" if homes else " or more, since the mirror knows no property yet"
            self._use.tell(f"{code}: about {calls} calls, {minutes:.0f} min{more}; seed {self._request.seed}")

    async def without_credentials(self, regions: Sequence[str]) -> None:
        """Regions that nobody gave credentials for are incomplete by name; the others go on."""
        for code in regions:
            await self._not_compared(code, NO_CREDENTIALS, CredentialsRejected.code)

    async def _not_compared(self, code: str, why: str, error_code: ErrorCode) -> None:
        for name in self._request.entities:
            now = self._use.clock.now()
            await self._keep(VerificationResult(code, name, now, self._request.seed, error=why, error_code=error_code))

    async def account(self, account: Account, regions: Sequence[str]) -> None:
        """One account's regions, one after the other, or why somebody else keeps it."""
        began = self._use.clock.monotonic()
        try:
            async with access(self._use, account, wait_seconds=self._request.wait_seconds) as opened:
                for code in regions:
                    await self._region(opened, code)
                self._use.emit(LeaseReleased(opened.lease.account, self._use.clock.monotonic() - began))
        except AccountLocked as error:
            self.locked |= dict.fromkeys(regions, error.message)
        except DatabaseError as error:
            self.failure = error

    async def _region(self, opened: Access, code: str) -> None:
        """One region against its own source; nothing is compared with another one."""
        if not await self._mirror.knows(code):
            await self._not_compared(code, NEVER_READ, NotRead.code)
            return
        identity = identity_of(self._use.settings, opened.account, code)
        try:
            known_state = await stored_source_state(self._use.database, code, identity)
            admission = validate(code, identity, known_state)
            blocked_why = None if known_state.source is None else known_state.source.blocked_why
            if admission.is_new_client or blocked_why is not None:
                raise NotRead(
                    "not compared: no list of properties has confirmed this source yet",
                    where=code,
                    actual=blocked_why,
                    hint=f"`breezeway-sync run {code}` reads properties first",
                )
        except DatabaseError:
            raise
        except BreezewaySyncError as error:
            await self._not_compared(code, error.message, error.code)
            return
        belonging = Belonging(admission.identity.companies, await stored_left_out_homes(self._use.database, code))
        homes: Homes | None = None
        for name in self._request.entities:
            verifier = self._verifier(opened, code, name, belonging, homes)
            found = await verifier.run()
            await self._keep(found, opened.lease)
            if self._request.repair and found.unexplained and verifier.bench.doubt is None:
                await self._repair(opened, verifier, found)
                homes = None  # what was missing may be there now
            else:
                homes = verifier.homes

    async def _repair(self, opened: Access, verifier: Verifier, found: VerificationResult) -> None:
        """Repair what was found; then a verification result of the same moment says what is left."""
        use, bench, began = self._use, verifier.bench, self._use.clock.monotonic()
        error: ApiError | None = None
        proofs = proofs_of(use, opened.lease, self._run_id)
        sink, doubts = loader_of(use, proofs, opened.lease), StoredDoubts(proofs.holder, use.clock)
        try:
            await Repairer(bench, sink, doubts, opened.lease.order(began)).repair(found.unexplained)
            await compare_repaired(bench, found)
        except ApiError as failure:
            error = failure
            bench.differences |= dict.fromkeys(found.differences)
        again = certificate_of(bench, found.started_at, found.seconds + use.clock.monotonic() - began, error)
        # What could not be compared before the repair was not compared after it either.
        again = replace(again, error=found.error or again.error, error_code=found.error_code or again.error_code)
        self.verifications.remove(found)
        self.repaired.append(found)
        await self._keep(again, opened.lease)

    def _verifier(self, opened: Access, code: str, name: str, belonging: Belonging, homes: Homes | None) -> Verifier:
        company_id = self._use.settings.regions[code].companies.only
        api = OwnApi(opened.api, belonging, STREAMS[name].entity)
        bench = Bench(code, company_id, STREAMS[name], api, self._mirror, self._extent)
        return Verifier(bench, self._use.clock, HOME, homes)

    async def _keep(self, verification_result: VerificationResult, lease: Lease | None = None) -> None:
        if verification_result.error != NEVER_READ:  # a region without a row can have no verification result
            await self._mirror.save(self._run_id, verification_result, lease)
        self._use.emit(verification_result.told(str(self._run_id)))
        self.verifications.append(verification_result)
