"""Comparing the mirror with the API: each account under its lease and within its budget, as a run reads it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from uuid import UUID, uuid4

from breezeway_sync.core.certificate import Certificate
from breezeway_sync.core.clock import Clock, SystemClock
from breezeway_sync.core.errors import BreezewaySyncError, DatabaseError, LeaseHeld, NotRead
from breezeway_sync.core.events import Emit, LeaseReleased
from breezeway_sync.entities.catalog import ENTITIES
from breezeway_sync.entities.comparison import Scope
from breezeway_sync.service.access import Access, Means, Tell, access, means
from breezeway_sync.service.accounts import NO_CREDENTIALS, Account, credentials_of, group, identity_of
from breezeway_sync.service.runner import ensure_schema, open_database, save_regions
from breezeway_sync.service.settings import Settings
from breezeway_sync.service.workshop import read_settings
from breezeway_sync.store.sources import stored_left_out_homes, stored_standing
from breezeway_sync.store.vault import stored_credentials
from breezeway_sync.store.verification import StoredMirror
from breezeway_sync.sync.belonging import Belonging
from breezeway_sync.sync.identity import admit
from breezeway_sync.sync.verify.extent import CONTACTS, Extent, estimated_calls
from breezeway_sync.sync.verify.own import OwnApi
from breezeway_sync.sync.verify.verifier import Verifier

_ENTITIES = {entity.name: entity for entity in ENTITIES}
_ENTITIES[CONTACTS] = _PROPERTIES = _ENTITIES["properties"]


@dataclass(frozen=True, slots=True)
class Request:
    """What is to be compared. `wait_seconds`: how long to wait for an account that somebody else works."""

    regions: tuple[str, ...]
    entities: tuple[str, ...]
    sample_records: int = 50
    seed: int = 1
    whole: bool = False
    wait_seconds: float = 60.0


@dataclass(frozen=True, slots=True)
class Report:
    """What came of it. `held` names regions whose account somebody else was working, with the reason."""

    run_id: UUID
    certificates: tuple[Certificate, ...]
    held: dict[str, str]


async def verify(settings: Settings, request: Request, *, emit: Emit, tell: Tell, clock: Clock | None = None) -> Report:
    """Compare regions and entities, and store a certificate of each.

    Raises what keeps anything from being compared: ConfigurationError, SchemaRefused, DatabaseError.
    """
    run_id, time = uuid4(), clock or SystemClock()
    async with AsyncExitStack() as stack:
        database = await stack.enter_async_context(open_database(settings))
        await ensure_schema(settings, database)
        await save_regions(settings, database)
        use = await stack.enter_async_context(means(settings, database, emit=emit, tell=tell, clock=time))
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
    work.certificates.sort(key=lambda one: (place[one.region], request.entities.index(one.entity)))
    return Report(run_id, tuple(work.certificates), work.held)


class Comparing:
    """The certificates of one request as they come."""

    def __init__(self, use: Means, mirror: StoredMirror, request: Request, run_id: UUID) -> None:
        self._use = use
        self._mirror = mirror
        self._request = request
        self._run_id = run_id
        reading = read_settings(use.settings, full=False)
        self._extent = Extent(
            request.sample_records, request.seed, request.whole, reading.workers, reading.paths, reading.disabled
        )
        self.certificates: list[Certificate] = []
        self.held: dict[str, str] = {}
        self.failure: DatabaseError | None = None

    async def announce(self) -> None:
        """Say beforehand what it will cost about."""
        for code in self._request.regions:
            properties = await self._mirror.count(code, Scope(_PROPERTIES))
            calls = 0
            for name in self._request.entities:
                rows = await self._mirror.count(code, Scope(_ENTITIES[name]))
                calls += estimated_calls(_ENTITIES[name], name, rows, properties, self._extent)
            minutes = calls / self._use.settings.api.requests_per_minute
            self._use.tell(f"{code}: about {calls} calls, {minutes:.0f} min; seed {self._request.seed}")

    async def without_credentials(self, regions: Sequence[str]) -> None:
        """Regions that nobody gave credentials for are incomplete by name; the others go on."""
        for code in regions:
            for name in self._request.entities:
                now = self._use.clock.now()
                await self._keep(
                    Certificate(code, name, now, self._request.seed, error=NO_CREDENTIALS, fault="CredentialsRejected")
                )

    async def account(self, account: Account, regions: Sequence[str]) -> None:
        """One account's regions, one after the other, or why somebody else keeps it."""
        began = self._use.clock.monotonic()
        try:
            async with access(self._use, account, wait_seconds=self._request.wait_seconds) as opened:
                for code in regions:
                    await self._region(opened, code)
                self._use.emit(LeaseReleased(opened.lease.account, self._use.clock.monotonic() - began))
        except LeaseHeld as error:
            self.held |= dict.fromkeys(regions, error.message)
        except DatabaseError as error:
            self.failure = error

    async def _region(self, opened: Access, code: str) -> None:
        """One region against its own source; nothing is compared with another one."""
        identity = identity_of(self._use.settings, opened.account, code)
        try:
            standing = await stored_standing(self._use.database, code, identity)
            admission = admit(code, identity, standing)
            is_blocked = standing.source is not None and standing.source.blocked_why is not None
            if admission.is_new_client or is_blocked:
                raise NotRead(
                    "not compared, because no list of properties has shown yet that this is the right source",
                    where=code,
                    cure=f"`breezeway-sync run {code}` reads properties first",
                )
        except BreezewaySyncError as error:
            if isinstance(error, DatabaseError):
                raise
            for name in self._request.entities:
                now, fault = self._use.clock.now(), type(error).__name__
                await self._keep(Certificate(code, name, now, self._request.seed, error=error.message, fault=fault))
            return
        homes = await stored_left_out_homes(self._use.database, code)
        belonging = Belonging(admission.identity.companies, homes)
        for name in self._request.entities:
            await self._keep(await self._verifier(opened, code, name, belonging).run())

    def _verifier(self, opened: Access, code: str, name: str, belonging: Belonging) -> Verifier:
        company_id = self._use.settings.regions[code].companies.only
        return Verifier(
            code,
            company_id,
            name,
            _ENTITIES[name],
            OwnApi(opened.api, belonging, _ENTITIES[name]),
            self._mirror,
            self._use.clock,
            self._extent,
            _PROPERTIES,
        )

    async def _keep(self, certificate: Certificate) -> None:
        await self._mirror.save(self._run_id, certificate)
        self._use.emit(certificate.told(str(self._run_id)))
        self.certificates.append(certificate)
