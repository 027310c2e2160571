"""One run from settings to outcomes: the module that knows every layer and decides nothing itself."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, replace
from uuid import UUID, uuid4

from breezeway_sync.api.transport import Transport
from breezeway_sync.core.clock import Clock, SystemClock
from breezeway_sync.core.errors import DatabaseError, SchemaRefused
from breezeway_sync.core.events import Emit
from breezeway_sync.core.outcome import Outcome
from breezeway_sync.core.waiting import together
from breezeway_sync.entities.checkpoints import Days
from breezeway_sync.service.access import RunContext, new_global_limiter
from breezeway_sync.service.account_runner import AccountRunner, CycleRequest
from breezeway_sync.service.accounts import credentials_of, group
from breezeway_sync.service.settings import Settings
from breezeway_sync.store import migrate
from breezeway_sync.store.database import Database
from breezeway_sync.store.retention import prune
from breezeway_sync.store.sync_state import SavedRegion, SyncStateStore
from breezeway_sync.store.token_store import stored_credentials


@dataclass(frozen=True, slots=True)
class RunRequest:
    """What a run is asked to do. `wait_seconds`: how long to wait for an account that somebody else works.

    `backfill`: only what falls between these days. `rewrite`: everything, and it undoes changes that somebody made by
    hand in the mirror.
    """

    regions: tuple[str, ...]
    entities: tuple[str, ...]
    full: bool = False
    wait_seconds: float = 60.0
    backfill: Days | None = None
    rewrite: bool = False
    tidies: bool = False
    """Whether the run deletes at its end what retention does not keep: for people without `serve`, which does it."""


@dataclass(frozen=True, slots=True)
class RunReport:
    """What came of it. `locked` names regions whose account somebody else was working, with the reason."""

    run_id: UUID
    outcomes: tuple[Outcome, ...]
    locked: dict[str, str]


def open_database(settings: Settings) -> Database:
    """The configured database, not connected yet."""
    database = settings.database
    return Database(database.dsn.get_secret_value(), database.schema, pool_size=database.pool_size)


async def run(
    settings: Settings,
    request: RunRequest,
    *,
    emit: Emit,
    clock: Clock | None = None,
) -> RunReport:
    """Mirror regions and entities once.

    Raises what keeps anything from being done at all: ConfigurationError, SchemaRefused,
    DatabaseUnreachable. Everything else becomes an outcome of its region and entity.
    """
    async with AsyncExitStack() as stack:
        database = await stack.enter_async_context(open_database(settings))
        await ensure_schema(settings, database)
        await save_regions(settings, database)
        credentials = credentials_of(settings, await stored_credentials(database, list(settings.regions)))
        transport = await stack.enter_async_context(Transport(settings.api.base_url, settings.api.timeout_seconds))
        global_limiter = new_global_limiter(settings, emit)
        account_runner = AccountRunner(
            RunContext(settings, database, transport, global_limiter, clock or SystemClock(), emit)
        )
        order = CycleRequest(
            {}, request.full, request.rewrite, request.backfill, wait_seconds=request.wait_seconds, run_id=uuid4()
        )
        # All regions of an account share its lease, also those that were not asked for.
        expected = [
            (one, _part(order, request, [code for code in request.regions if code in one.regions]))
            for one in group(settings, credentials)
        ]
        nameless = _part(order, request, [code for code in request.regions if code not in credentials])
        works = [account_runner.work(account, part) for account, part in expected if part.entities]
        results = await together([account_runner.without_credentials(nameless), *works])
        if request.tidies:
            with suppress(DatabaseError):  # the next one does it as well
                await prune(database, settings.retention.sync_log_days, settings.history.retention_days)
    outcomes = [outcome for result in results for outcome in result.outcomes]
    place = {code: number for number, code in enumerate(request.regions)}
    outcomes.sort(key=lambda one: place[one.region])
    parts = [nameless, *(part for _, part in expected if part.entities)]
    locked = {
        code: result.locked
        for result, part in zip(results, parts, strict=True)
        if result.locked
        for code in part.entities
    }
    return RunReport(order.run_id, tuple(outcomes), locked)


def _part(order: CycleRequest, request: RunRequest, regions: Sequence[str]) -> CycleRequest:
    """The share of a run that one account works."""
    return replace(order, entities=dict.fromkeys(regions, request.entities))


async def ensure_schema(settings: Settings, database: Database) -> None:
    """Migrate, or with auto_migrate off refuse a schema that is not up to date. Raises SchemaRefused."""
    if settings.database.auto_migrate:
        await migrate.apply(database)
        return
    pending = await migrate.check(database)
    if pending:
        raise SchemaRefused(
            f'schema "{database.schema}" is not up to date',
            actual=f"{len(pending)} migrations to run",
            hint="run `breezeway-sync migrate`, or set database.auto_migrate = true",
        )


async def save_regions(settings: Settings, database: Database) -> None:
    """Make the table `regions` say what the configuration says, and claim what it asks for."""
    regions = [SavedRegion(code, one.name, one.companies.only) for code, one in settings.regions.items()]
    await SyncStateStore(database).save_regions(regions, _claimed(settings), settings.sync.window_days)


async def claim(settings: Settings, database: Database) -> None:
    """Go on claiming what the configuration asks for: a claim lasts as long as the freshness target of its entity."""
    await SyncStateStore(database).claim(list(settings.regions), _claimed(settings))


def _claimed(settings: Settings) -> list[str]:
    return [name for name, entity in settings.entities.items() if entity.enabled]
