"""`breezeway-sync serve`: starts what is due, answers requests about its state, and ends in order.

SIGTERM closes the budgets: no new call begins. Calls that are open get 10 s, then the daemon cancels them. Everything
ends within 20 s.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import timedelta
from weakref import WeakSet

from breezeway_sync.api.transport import Transport
from breezeway_sync.core.clock import Clock
from breezeway_sync.core.errors import ConfigurationError, DatabaseError, SchemaRefused, told
from breezeway_sync.core.events import (
    ConfigurationReloaded,
    CycleSkipped,
    DatabaseReplaced,
    Event,
    OperatorNotice,
    tell_crash,
)
from breezeway_sync.core.lacks import is_lack
from breezeway_sync.core.retry import RetryPolicy
from breezeway_sync.service.access import RunContext, new_global_limiter
from breezeway_sync.service.account_runner import AccountRunner, CycleRequest, CycleResult, Entities
from breezeway_sync.service.accounts import Account, credentials_of, group
from breezeway_sync.service.alerting import Alerting
from breezeway_sync.service.idle_tasks import compare_next, renew_tokens
from breezeway_sync.service.notify import Notifier
from breezeway_sync.service.observatory import Observatory
from breezeway_sync.service.reload import changes
from breezeway_sync.service.runner import claim, ensure_schema, open_database, save_regions
from breezeway_sync.service.schedule import PeerProgress, ScheduleEntry, first_in_seconds, timetable
from breezeway_sync.service.settings import Settings
from breezeway_sync.service.timer import Timer
from breezeway_sync.service.worker import WorkerPool, beside, stop
from breezeway_sync.store.database import Database
from breezeway_sync.store.retention import prune
from breezeway_sync.store.status import Status
from breezeway_sync.store.token_store import stored_credentials

# All of the end together, before the 20 s that are promised.
DRAIN_SECONDS = 18.0
GRACE_SECONDS = 10.0
CANCEL_SECONDS = 7.0
DATABASE_RETRIES = RetryPolicy(first_seconds=0.5, longest_seconds=15.0)
RETENTION_SECONDS = 6 * 3600.0
TOKENS_SECONDS = 600.0
VERIFY_SECONDS = 30.0
# Well below the shortest freshness target, 2 hours.
CLAIM_SECONDS = 300.0
_HOUSEKEEPING = ("retention", "tokens", "verify", "claims")


class Daemon:
    """The long-running service. `load` reads the configuration again; everything else is passed in."""

    def __init__(
        self,
        settings: Settings,
        load: Callable[[], Settings],
        observatory: Observatory,
        notifier: Notifier,
        clock: Clock,
    ) -> None:
        self.settings = settings
        self.observatory = observatory
        self._load = load
        self._notifier = notifier
        self._clock = clock
        self.alerting = Alerting(clock, observatory.emit)
        observatory.listen(self._hear)
        self._stopping = asyncio.Event()
        self._reloading = asyncio.Event()
        self._worker_pool = WorkerPool(self._work, observatory.emit, self._renew_accounts)
        self._workshops: WeakSet[AccountRunner] = WeakSet()  # those of reloads before, while they are worked in
        self._turns = PeerProgress()
        self._is_anew = False
        self._scheduler = Timer(observatory.emit)

    def stop(self) -> None:
        """Begin to stop: no new work."""
        self._stopping.set()

    def reload(self) -> None:
        """Read the configuration again, soon."""
        self._reloading.set()

    def is_busy(self) -> bool:
        """Whether any account is being worked."""
        return self._worker_pool.is_busy

    async def run(self) -> None:
        """Serve until stopped. Raises what keeps it from starting: ConfigurationError, SchemaRefused."""
        async with AsyncExitStack() as stack:
            self._stack = stack
            await stack.enter_async_context(
                beside("beat", lambda: self.observatory.beat(self._notifier, self._plan_anew), self.observatory.emit)
            )
            self._transport = await stack.enter_async_context(self._new_transport())
            stack.push_async_callback(self.alerting.stop)
            if not await self._begin(stack):
                return
            self._scheduler.start()
            self._notifier.ready()
            self._notifier.status("serving")
            try:
                async with (
                    beside("look", lambda: self.observatory.look(self._status, self._notifier), self.observatory.emit),
                    beside("reload", self._reload_when_asked, self.observatory.emit),
                ):
                    await self._stopping.wait()
            finally:
                await self._drain()

    async def _begin(self, stack: AsyncExitStack) -> bool:
        """Have the database open, migrated and the timetable made, however long that takes; False when stopped
        before."""
        failed = 0
        while not self._stopping.is_set():
            try:
                if await self._attempt(stack):
                    return True
            except Exception as error:
                if not is_lack(error):
                    raise
                tell_crash(self.observatory.emit, "", "start", error)
            failed += 1
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), DATABASE_RETRIES.wait_seconds(failed))
        return False

    async def _attempt(self, stack: AsyncExitStack) -> bool:
        """Try once; False where the database is away. Raises SchemaRefused."""
        try:
            async with AsyncExitStack() as attempt:
                await self._prepare(await attempt.enter_async_context(open_database(self.settings)))
                stack.push_async_exit(attempt.pop_all())
        except SchemaRefused:
            raise
        except DatabaseError as error:
            await self.alerting.open(self.settings, open_database(self.settings))
            self.observatory.lost(error)
            self._notifier.status(f"waiting for the database: {error.message}")
            return False
        return True

    async def _prepare(self, database: Database) -> None:
        # One that was lost is back when it also lets itself be used: else each try would tell of a loss and a return.
        if not self.observatory.is_lost:
            self.observatory.reached()
        await ensure_schema(self.settings, database)
        await save_regions(self.settings, database)
        self.observatory.reached()
        self.observatory.is_migrated = True
        self._database, self._status = database, Status(database)
        self._account_runner = self._new_account_runner()
        await self.alerting.open(self.settings, database)
        await self._plan()

    def _new_transport(self) -> Transport:
        return Transport(self.settings.api.base_url, self.settings.api.timeout_seconds)

    def _new_account_runner(self) -> AccountRunner:
        global_limiter = new_global_limiter(self.settings, self.observatory.emit)
        made = AccountRunner(
            RunContext(
                self.settings, self._database, self._transport, global_limiter, self._clock, self.observatory.emit
            )
        )
        self._workshops.add(made)
        return made

    async def _plan(self) -> None:
        """Make workers and jobs be what the settings say; what stays the same is left alone."""
        await self._assign()
        successes = await self._status.last_successes()
        now = self._clock.now()
        lines = {line.name: line for line in timetable(self.settings)}
        for job in self._scheduler.get_jobs():
            if self._is_anew or (job.id not in _HOUSEKEEPING and lines.get(job.id) != job.args[0]):
                job.remove()
        self._is_anew = False
        for name, line in lines.items():
            if self._scheduler.get_job(name) is None:
                delay = first_in_seconds(line, successes, now, self.settings.schedule.spread_seconds)
                self._turns.begin(line, successes, now)
                self._scheduler.every(line.every_seconds, name, self._due, now + timedelta(seconds=delay), line)
        for name, (what, every) in {
            "retention": (self._forget, RETENTION_SECONDS),
            "tokens": (self._renew_tokens, TOKENS_SECONDS),
            "verify": (self._compare, VERIFY_SECONDS),
            "claims": (self._claim, CLAIM_SECONDS),
        }.items():
            if self._scheduler.get_job(name) is None:
                self._scheduler.every(every, name, what, self._clock.now() + timedelta(seconds=every / 2))
        self.observatory.metrics.set_budget(self.settings.api.requests_per_minute, len(self._worker_pool.workers))

    async def _assign(self) -> None:
        """One worker per account; those whose account is gone finish what they do and end."""
        stored = await stored_credentials(self._database, list(self.settings.regions))
        self._worker_pool.assign(group(self.settings, credentials_of(self.settings, stored)))

    async def _renew_accounts(self) -> None:
        """Somebody may have corrected the credentials in api_tokens."""
        with contextlib.suppress(DatabaseError):
            await self._assign()

    async def _work(self, account: Account, order: CycleRequest) -> CycleResult:
        order = replace(order, still=self._not_read_elsewhere)
        result = await self._account_runner.work(
            self._worker_pool.now(account), order
        )  # of that moment: reloads replace it
        with contextlib.suppress(DatabaseError):
            self._turns.ended(order.entities, await self._status.last_successes())
        return result

    async def _not_read_elsewhere(self, entities: Entities) -> Entities:
        """What no other process has read since our last turn; what one has is due again an interval later."""
        successes, now = await self._status.last_successes(), self._clock.now()
        left = self._turns.left(entities, successes)
        for job in self._scheduler.get_jobs():
            line = job.args[0] if job.args else None
            taken = set(entities.get(line.region, ())) - set(left.get(line.region, ())) if line else set()
            if line and taken.issuperset(line.entities):
                self.observatory.emit(CycleSkipped(line.region, line.interval, "locked"))
                job.modify(next_run_time=now + timedelta(seconds=first_in_seconds(line, successes, now, 0)))
        return left

    async def _due(self, line: ScheduleEntry) -> None:
        """The schedule says that a line's time has come. Only starts what a worker owns and drains."""
        worker = self._worker_pool.of(line.region)
        if worker is None:
            with contextlib.suppress(DatabaseError):
                await self._assign()  # somebody may have put credentials into api_tokens
            worker = self._worker_pool.of(line.region)
        if worker is not None:
            worker.due(line)
            return
        try:
            await self._account_runner.without_credentials(CycleRequest({line.region: line.entities}))
        except DatabaseError as error:
            self.observatory.lost(error)

    async def _renew_tokens(self) -> None:
        """Tokens that end soon are renewed ahead of the cycle that needs them, where nobody works the account."""
        await renew_tokens(self._worker_pool, self._account_runner.context)

    async def _compare(self) -> None:
        """The mirror is compared with the API now and then, where nobody works the account."""
        with contextlib.suppress(DatabaseError):
            await compare_next(self._worker_pool, self._account_runner.context)

    async def _claim(self) -> None:
        """Say in the database that this process still works its regions."""
        with contextlib.suppress(DatabaseError):
            await claim(self.settings, self._database)

    async def _forget(self) -> None:
        """Retention: see `store.retention`."""
        with contextlib.suppress(DatabaseError):
            await prune(self._database, self.settings.retention.sync_log_days, self.settings.history.retention_days)

    def _plan_anew(self) -> None:
        """Make the timetable anew: the clock was set, or an older copy of the database has other times of reading."""
        self._is_anew = True
        self._reloading.set()

    def _hear(self, event: Event) -> None:
        if isinstance(event, DatabaseReplaced):
            self._plan_anew()

    async def _reload_when_asked(self) -> None:
        while True:
            await self._reloading.wait()
            self._reloading.clear()
            self._notifier.reloading()
            try:
                await self._read_again()
            except Exception as error:
                if not (isinstance(error, DatabaseError) or is_lack(error)):
                    raise
                self.observatory.emit(ConfigurationReloaded((), told(error)))
                asyncio.get_running_loop().call_later(DATABASE_RETRIES.longest_seconds, self._reloading.set)
            finally:
                self._notifier.ready()

    async def _read_again(self) -> None:
        try:
            settings = self._load()
        except ConfigurationError as error:
            self.observatory.emit(ConfigurationReloaded((), error.message))
            if self._is_anew:
                await self._plan()
        else:
            await self._apply(settings)

    async def _apply(self, settings: Settings) -> None:
        """Use new settings for everything that begins from now on."""
        sentences = changes(self.settings, settings)
        await save_regions(settings, self._database)
        self.settings = self.observatory.settings = settings
        old = self._account_runner
        if (settings.api.base_url, settings.api.timeout_seconds) != (
            old.context.settings.api.base_url,
            old.context.settings.api.timeout_seconds,
        ):
            # Cycles under way keep the old one; it ends with the process.
            self._transport = await self._stack.enter_async_context(self._new_transport())
        self._account_runner = self._new_account_runner()
        if settings.alerts != old.context.settings.alerts or not self.alerting.is_running:
            await self.alerting.start(settings, self._database)
        await self._plan()
        self.observatory.emit(ConfigurationReloaded(sentences, None))

    async def _drain(self) -> None:
        """No new work; calls under way get their time, then they are cancelled; batches and rows are closed."""
        self.observatory.is_draining = True
        self._notifier.stopping()
        if self._scheduler.running:
            self._scheduler.shutdown(wait=False)
        self._worker_pool.drain()
        for account_runner in self._workshops:
            account_runner.drain()
        began = self._clock.monotonic()
        if not await stop(list(self._worker_pool.tasks), GRACE_SECONDS, CANCEL_SECONDS):
            self.observatory.emit(OperatorNotice("open calls were cancelled after the time limit"))
        left = DRAIN_SECONDS - (self._clock.monotonic() - began)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(max(1.0, left)):
                await self.alerting.stop()
