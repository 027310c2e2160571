"""`regions`: list regions, adopt another source, rename, retire."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from breezeway_sync.api.limits import pace
from breezeway_sync.core.clock import Clock, SystemClock
from breezeway_sync.core.errors import BreezewaySyncError, ConfigurationError
from breezeway_sync.core.events import Emit
from breezeway_sync.core.sources import Identity, SourceState
from breezeway_sync.service.accounts import NO_CREDENTIALS, credentials_of, group, identity_of
from breezeway_sync.service.deletes import person
from breezeway_sync.service.runner import ensure_schema, open_database, save_regions
from breezeway_sync.service.settings import Settings
from breezeway_sync.service.settings.checks import check_region_code
from breezeway_sync.service.status import require_schema
from breezeway_sync.store.database import Database
from breezeway_sync.store.leases import hold
from breezeway_sync.store.regions import RegionLine, Regions
from breezeway_sync.store.sources import stored_source_state
from breezeway_sync.store.token_store import stored_credentials
from breezeway_sync.sync.identity import taken

ADOPTED, SAME = "adopted", "same"


@dataclass(frozen=True, slots=True)
class Adoption:
    """The result for one region: `state` is adopted, or same where nothing changed; or its `error`."""

    region: str
    state: str
    error: BreezewaySyncError | None = None


async def listing(settings: Settings, clock: Clock | None = None) -> list[RegionLine]:
    """Every region that the mirror has. Reads the database only."""
    async with open_database(settings) as database:
        await require_schema(database)
        return await Regions(database, clock or SystemClock(), person()).lines()


async def adopt(
    settings: Settings,
    regions: Sequence[str],
    *,
    emit: Emit,
    only_changed: bool = False,
    wait_seconds: float = 60.0,
    clock: Clock | None = None,
) -> list[Adoption]:
    """Make the configured source these regions' own. `only_changed`: leave retired regions retired.

    A region that is a copy of that source already stays as it is. Raises DatabaseError and SchemaRefused.
    """
    clock = clock or SystemClock()
    found = []
    async with open_database(settings) as database:
        await ensure_schema(settings, database)
        await save_regions(settings, database)
        credentials = credentials_of(settings, await stored_credentials(database, list(settings.regions)))
        accounts = {code: account for account in group(settings, credentials) for code in account.regions}
        for code in regions:
            try:
                account = accounts.get(code)
                if account is None:
                    raise ConfigurationError(NO_CREDENTIALS, where=code)
                if code in account.refused:
                    raise account.refused[code]
                identity = identity_of(settings, account, code)
                known_state = await stored_source_state(database, code, identity)
                if _is_same(known_state, identity, only_changed=only_changed):
                    found.append(Adoption(code, SAME))
                    continue
                if known_state.twin is not None:
                    raise taken(code, known_state.twin)
                keys = [] if known_state.source is None else [known_state.source.identity.account]
                async with _held(settings, database, {*keys, identity.account}, clock, emit, wait_seconds):
                    await Regions(database, clock, person()).adopt(code, identity)
                found.append(Adoption(code, ADOPTED))
            except BreezewaySyncError as error:
                found.append(Adoption(code, SAME, error))
    return found


def _is_same(known_state: SourceState, identity: Identity, *, only_changed: bool) -> bool:
    """Whether nothing has to be adopted. Pure."""
    source = known_state.source
    if known_state.is_retired:
        return only_changed
    if source is None:
        return True  # the first reading begins it
    if source.confirmed_at is None and source.adopted_at is None and not only_changed:
        return False  # no list has shown a property yet, and whoever names the region says that this is right
    have, companies = source.identity, identity.companies
    is_here = have.address == identity.address and (not companies.is_known or companies == have.companies)
    return is_here and source.blocked_why is None


async def retire(settings: Settings, region: str, clock: Clock | None = None) -> bool:
    """Take a region out; False when it was out already. Raises UnknownRecord."""
    async with open_database(settings) as database:
        await require_schema(database)
        return await Regions(database, clock or SystemClock(), person()).retire(region)


async def rename(
    settings: Settings, old: str, new: str, *, emit: Emit, wait_seconds: float = 0.0, clock: Clock | None = None
) -> None:
    """Give a region another code. Raises UnknownRecord, ConfigurationError for no code, LeaseHeld while it is read."""
    clock = clock or SystemClock()
    _check_code(new)
    async with open_database(settings) as database:
        await require_schema(database)
        regions = Regions(database, clock, person())
        account = await regions.account_of(old)
        keys = () if account is None else (account,)
        async with _held(settings, database, keys, clock, emit, wait_seconds):
            await regions.rename(old, new)


def _check_code(code: str) -> None:
    try:
        check_region_code(code)
    except ValueError as error:
        raise ConfigurationError(
            f'"{code}" cannot be a region',
            actual=str(error),
            expected="a letter, then up to 62 of a-z, 0-9 and single _",
        ) from None


@asynccontextmanager
async def _held(
    settings: Settings, database: Database, keys: Collection[str], clock: Clock, emit: Emit, wait_seconds: float
) -> AsyncIterator[None]:
    """Keep everybody else from reading these accounts meanwhile. Raises LeaseHeld."""
    drain = pace(settings.api.requests_per_minute).period_seconds
    async with AsyncExitStack() as stack:
        for key in sorted(keys):
            await stack.enter_async_context(
                hold(database, key, clock=clock, wait_seconds=wait_seconds, drain_seconds=drain, emit=emit)
            )
        yield
