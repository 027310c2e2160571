"""`token`: credentials and tokens of every account: their source, whether they work, and a new one on demand."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from breezeway_sync.core.clock import Clock, SystemClock
from breezeway_sync.core.error_codes import ErrorCode
from breezeway_sync.core.errors import BreezewaySyncError
from breezeway_sync.core.events import Emit
from breezeway_sync.core.report import TokenState
from breezeway_sync.entities.catalog import HOME
from breezeway_sync.service.access import Access, Tell, access, context
from breezeway_sync.service.accounts import NO_CREDENTIALS, Account, credentials_of, group
from breezeway_sync.service.runner import ensure_schema, open_database, save_regions
from breezeway_sync.service.settings import Settings
from breezeway_sync.service.status import require_schema
from breezeway_sync.store.database import Database
from breezeway_sync.store.status import Status
from breezeway_sync.store.token_store import PostgresTokenStore, stored_credentials

CONFIGURATION = "configuration"
TABLE = "api_tokens"
NOWHERE = "none"


@dataclass(frozen=True, slots=True)
class TokenReport:
    """One region's credentials and token, never their values.

    `account` is the name of the account in tables and logs, None without credentials. `problem` says what
    keeps the region from being read, None where nothing is known to; `error_code` is the code of an error that
    was met just now, None for one that the table remembers.
    """

    region: str
    account: str | None
    credentials: str
    is_stored: bool
    expires_at: datetime | None
    expires_in_seconds: float | None
    refreshed_at: datetime | None
    generation: int
    problem: str | None = None
    error_code: ErrorCode | None = None


Work = Callable[[Access], Awaitable[None]]
_Problems = dict[str, BreezewaySyncError]


async def check(
    settings: Settings,
    regions: Sequence[str],
    *,
    emit: Emit,
    tell: Tell,
    call: bool = False,
    wait_seconds: float = 60.0,
    clock: Clock | None = None,
) -> tuple[TokenReport, ...]:
    """What is known of these regions' tokens, from the database alone; nothing is changed.

    With `call` each account's properties are asked for, one record of them, under the account's lease; only
    then, and only where no stored token can be used, is a new one asked for.
    """
    clock = clock or SystemClock()
    async with open_database(settings) as database:
        problems: _Problems = {}
        if call:
            await ensure_schema(settings, database)
            await save_regions(settings, database)
            problems = await _over_accounts(settings, database, regions, _ask_once(settings), emit, tell, wait_seconds)
        else:
            await require_schema(database)
        return await _reports(settings, database, regions, problems, clock.now())


async def refresh(
    settings: Settings,
    regions: Sequence[str],
    *,
    emit: Emit,
    tell: Tell,
    wait_seconds: float = 60.0,
    clock: Clock | None = None,
) -> tuple[TokenReport, ...]:
    """A new token now for every account of these regions, under its lease, in its turn for token calls."""
    clock = clock or SystemClock()
    async with open_database(settings) as database:
        await ensure_schema(settings, database)
        await save_regions(settings, database)
        problems = await _over_accounts(settings, database, regions, _renew, emit, tell, wait_seconds)
        return await _reports(settings, database, regions, problems, clock.now())


async def _renew(mine: Access) -> None:
    stored = await mine.token_store.load()
    if stored is None:
        await mine.authenticator.token()
    else:
        # As after a 401: the stored one does not count any more.
        await mine.authenticator.renew(stored.access_token)


def _ask_once(settings: Settings) -> Work:
    source = HOME.sources[0]
    path = settings.entities[source.name].path or source.path

    async def ask(mine: Access) -> None:
        for code in mine.account.regions:
            company = settings.regions[code].companies.only
            params = () if company is None else ((source.company.value, company),)
            await mine.api.listing(source.path, path, (*params, *source.always, ("limit", 1), ("page", 1)))

    return ask


async def _over_accounts(
    settings: Settings,
    database: Database,
    regions: Sequence[str],
    work: Work,
    emit: Emit,
    tell: Tell,
    wait_seconds: float,
) -> _Problems:
    """Do `work` for every account that one of these regions uses; the error of each region that had one."""
    # All regions of an account share its lease and its token, also those that were not asked for.
    codes = list(settings.regions)
    accounts = group(settings, credentials_of(settings, await stored_credentials(database, codes)))
    problems: _Problems = {}
    async with context(settings, database, emit=emit, tell=tell) as use:

        async def one(account: Account) -> None:
            try:
                async with access(use, account, wait_seconds=wait_seconds) as mine:
                    await work(mine)
            except BreezewaySyncError as error:
                problems.update(dict.fromkeys(account.regions, error))

        await asyncio.gather(*(one(account) for account in accounts if set(account.regions) & set(regions)))
    return problems


async def _reports(
    settings: Settings, database: Database, regions: Sequence[str], problems: _Problems, now: datetime
) -> tuple[TokenReport, ...]:
    codes = list(settings.regions)
    states = {state.region: state for state in await Status(database).tokens()}
    found = credentials_of(settings, await stored_credentials(database, codes))
    stored: set[str] = set()
    keys: dict[str, str] = {}
    for account in group(settings, found):
        token_store = PostgresTokenStore(database, account.key, account.regions)
        stored |= set(account.regions) if await token_store.load() is not None else set()
        keys |= dict.fromkeys(account.regions, account.key)
    sources = {code: source_of(settings, code, has_pair=code in found) for code in codes}
    return tuple(
        with_problem(report_of(code, keys, sources[code], states.get(code), code in stored, now), problems.get(code))
        for code in regions
    )


def source_of(settings: Settings, code: str, *, has_pair: bool) -> str:
    """Where a region's credentials come from. Pure."""
    if settings.regions[code].client_id:
        return CONFIGURATION
    return TABLE if has_pair else NOWHERE


def report_of(
    code: str, keys: Mapping[str, str], source: str, state: TokenState | None, is_stored: bool, now: datetime
) -> TokenReport:
    """What the database says of a region. Pure."""
    expires_at = state.expires_at if state and is_stored else None
    last_error = state.error if state else None
    return TokenReport(
        region=code,
        account=keys.get(code),
        credentials=source,
        is_stored=is_stored,
        expires_at=expires_at,
        expires_in_seconds=None if expires_at is None else (expires_at - now).total_seconds(),
        refreshed_at=state.refreshed_at if state else None,
        generation=state.generation if state else 0,
        problem=NO_CREDENTIALS if source == NOWHERE else last_error,
    )


def with_problem(report: TokenReport, error: BreezewaySyncError | None) -> TokenReport:
    """The report, with what has just gone wrong in place of what went wrong before. Pure."""
    return report if error is None else replace(report, problem=error.message, error_code=error.code)
