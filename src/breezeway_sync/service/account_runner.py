"""Works one account under its lease: the wiring that a single run and the daemon share."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from uuid import UUID, uuid4

from breezeway_sync.api.limits import CallBudget
from breezeway_sync.core.clock import Clock
from breezeway_sync.core.errors import AccountLocked, CredentialsRejected, DatabaseError, code_of, passes, told
from breezeway_sync.core.events import CycleFinished, CycleStarted, LeaseReleased, OperatorNotice, tell_crash
from breezeway_sync.core.outcome import FAILED, PARTIAL, SUCCESS, Outcome
from breezeway_sync.entities.catalog import ENTITIES
from breezeway_sync.entities.checkpoints import Days, RefreshPace
from breezeway_sync.entities.guard import Guard
from breezeway_sync.service.access import Access, RunContext, access
from breezeway_sync.service.accounts import NO_CREDENTIALS, Account, identity_of
from breezeway_sync.service.settings import PART_NAMES, Settings
from breezeway_sync.store.holder import Holder
from breezeway_sync.store.leases import Lease
from breezeway_sync.store.load import Loader
from breezeway_sync.store.proof import StoredProofs
from breezeway_sync.store.sources import SourceStore
from breezeway_sync.store.sync_state import SyncStateStore
from breezeway_sync.sync.engine import Engine
from breezeway_sync.sync.job import PendingReadTime, ReadSettings, log_name
from breezeway_sync.sync.source_check import RegionTarget

DAY_SECONDS = 86_400.0

Entities = Mapping[str, tuple[str, ...]]
"""By region, in reading order."""


@dataclass(frozen=True, slots=True)
class CycleRequest:
    """What one account's cycle is to read: entities by region. `owed` says when owed calls must stop."""

    entities: Entities
    full: bool = False
    rewrite: bool = False
    backfill: Days | None = None
    wait_seconds: float = 0.0
    pending_reads: PendingReadTime = field(default_factory=PendingReadTime)
    still: Callable[[Entities], Awaitable[Entities]] | None = None
    """Asked once the account is ours: what of the entities is still to be read."""
    run_id: UUID = field(default_factory=uuid4)


@dataclass(frozen=True, slots=True)
class CycleResult:
    """What came of it. `locked` says why nothing was done, where somebody else works the account."""

    outcomes: tuple[Outcome, ...] = ()
    locked: str | None = None


class AccountRunner:
    """Cycles of accounts, by the means of one process."""

    def __init__(self, context: RunContext) -> None:
        self.context = context
        self.sync_state = SyncStateStore(context.database)
        self._budgets: set[CallBudget] = set()

    async def work(self, account: Account, order: CycleRequest) -> CycleResult:
        """One cycle of one account under its lease. Raises only when cancelled."""
        try:
            async with access(self.context, account, wait_seconds=order.wait_seconds) as opened:
                if order.still is not None:
                    order = replace(order, entities=await order.still(order.entities))
                return CycleResult(tuple(await self._cycle(opened, order)) if order.entities else ())
        except AccountLocked as error:
            return CycleResult(locked=error.message)
        except DatabaseError as error:
            # Before the first row of the log, or with the lease: nothing else could say it.
            self.context.emit(OperatorNotice(f"{', '.join(order.entities)}: {error.message}"))
            return self._failed(order, error)
        except Exception as error:  # noqa: BLE001 - the edge of an account: the others go on
            tell_crash(self.context.emit, ", ".join(order.entities), "all", error)
            return self._failed(order, error)

    def _failed(self, order: CycleRequest, error: Exception) -> CycleResult:
        outcomes = failures(order.entities, error)
        for outcome in outcomes:
            self.context.emit(outcome.told(order.run_id))
        return CycleResult(tuple(outcomes))

    async def without_credentials(self, order: CycleRequest) -> CycleResult:
        """Regions that nobody gave credentials for fail by name; the others go on."""
        outcomes = failures(order.entities, CredentialsRejected(NO_CREDENTIALS, endpoint="no call"))
        for outcome in outcomes:
            name = log_name(outcome.entity, order.backfill)
            row = await self.sync_state.open(outcome.region, name, order.run_id)
            await self.sync_state.close(outcome.region, row, outcome)
            self.context.emit(outcome.told(order.run_id))
        return CycleResult(tuple(outcomes))

    def drain(self) -> None:
        """Start no further call: those that wait end at once, those under way go on."""
        for budget in self._budgets:
            budget.close()

    async def _cycle(self, opened: Access, order: CycleRequest) -> list[Outcome]:
        regions, run_id, account = tuple(order.entities), str(order.run_id), opened.lease.account
        clock, emit = self.context.clock, self.context.emit
        began = clock.monotonic()
        await self.sync_state.close_orphans(opened.account.regions)
        emit(CycleStarted(account, run_id, regions))
        self._budgets.add(opened.budget)
        outcomes: list[Outcome] = []
        try:
            engine = self.engine(opened, order)
            targets = [self.target(opened.account, code, names) for code, names in order.entities.items()]
            outcomes = await engine.run(targets)
        finally:
            self._budgets.discard(opened.budget)
            seconds = clock.monotonic() - began
            emit(CycleFinished(account, run_id, regions, worst(outcomes), seconds))
            emit(LeaseReleased(account, seconds))
        return outcomes

    def engine(self, opened: Access, order: CycleRequest) -> Engine:
        """The engine that reads an account whose lease we hold."""
        context, lease = self.context, opened.lease
        reading = read_settings(context.settings, full=order.full, rewrite=order.rewrite)
        reading = replace(reading, backfill=order.backfill)
        proofs = proofs_of(context, lease, order.run_id)
        return Engine(
            opened.api,
            loader_of(context, proofs, lease if order.rewrite else None),
            SyncStateStore(context.database, proofs.holder),
            proofs,
            SourceStore(proofs, context.clock),
            lease.order,
            context.clock,
            reading,
            context.emit,
            order.run_id,
            pending_read_time=order.pending_reads,
            memory=context.global_limiter.memory,
        )

    def target(self, account: Account, code: str, names: Sequence[str]) -> RegionTarget:
        """A region of the configuration, and what the engine reads of it."""
        identity = identity_of(self.context.settings, account, code)
        return RegionTarget(code, identity, tuple(names), account.refused.get(code), len(account.regions) > 1)


def pending_sources(settings: Settings) -> frozenset[str]:
    """Lists of a parent that are asked for when it is new or changed, without those switched off."""
    pending_reads = {called.source.name for entity in ENTITIES for called in entity.called if called.pending_reads}
    return frozenset(name for name in pending_reads if settings.entities[name].enabled)


def proofs_of(context: RunContext, lease: Lease, run_id: UUID) -> StoredProofs:
    """What writes marks and deletions under this lease, as this run."""
    holder = Holder(context.database, lease, run_id)
    history = frozenset(context.settings.history.entities)
    return StoredProofs(holder, context.clock, guard(context.settings), history=history)


def loader_of(context: RunContext, proofs: StoredProofs, rewriting: Lease | None = None) -> Loader:
    """A loader that writes under the lease of these proofs. Given that lease as `rewriting` too, it also undoes what
    only the mirror changed."""
    pending_reads, clock = pending_sources(context.settings), context.clock
    present = None if rewriting is None else partial(_present, rewriting, clock)
    return Loader(proofs, clock, pending_sources=pending_reads, emit=context.emit, present=present)


def _present(lease: Lease, clock: Clock) -> int:
    return lease.order(clock.monotonic())


def failures(entities: Mapping[str, Sequence[str]], error: Exception) -> list[Outcome]:
    """The same failure for every region and entity."""
    return [
        Outcome(code, name, FAILED, error=told(error), error_code=code_of(error), is_passing=passes(error))
        for code, names in entities.items()
        for name in names
    ]


def worst(outcomes: Sequence[Outcome]) -> str:
    """The status of a whole cycle; one that brought no outcome at all has failed."""
    statuses = {one.status for one in outcomes} or {FAILED}
    return next(status for status in (FAILED, PARTIAL, SUCCESS) if status in statuses)


def read_settings(settings: Settings, *, full: bool, rewrite: bool = False) -> ReadSettings:
    """What of the configuration the engine needs. A rewrite also reads all that lists leave out."""
    minutes, usual = settings.sync.max_minutes, pace(settings)
    return ReadSettings(
        batch_rows=settings.sync.batch_rows,
        flush_seconds=settings.sync.flush_seconds,
        workers=settings.api.max_in_flight,
        requests_per_minute=settings.api.requests_per_minute,
        max_seconds=None if minutes is None else minutes * 60,
        full=full or rewrite,
        rewrite=rewrite,
        page_size=settings.api.page_size,
        pace=replace(usual, hidden_refresh_seconds=0.0, window_scan_seconds=0.0) if rewrite else usual,
        paths={name: one.path for name, one in settings.entities.items() if one.path is not None},
        disabled=frozenset(name for name in PART_NAMES if not settings.entities[name].enabled),
    )


def pace(settings: Settings) -> RefreshPace:
    """How often what is read again."""
    sync = settings.sync
    return RefreshPace(
        overlap_seconds=sync.overlap_hours * 3600,
        full_scan_seconds=sync.full_scan_days * DAY_SECONDS,
        children_refresh_seconds=sync.children_refresh_days * DAY_SECONDS,
        window_scan_seconds=sync.window_hours * 3600,
        window_days=sync.window_days,
        hidden_refresh_seconds=sync.hidden_refresh_days * DAY_SECONDS,
        resume_seconds=sync.resume_minutes * 60,
    )


def guard(settings: Settings) -> Guard:
    """The limits of the mass-deletion guard."""
    return Guard(settings.deletes.guard_share, settings.deletes.guard_least_records)
