"""Works one account in the daemon: one cycle at a time, started by the schedule, ended by draining."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

from breezeway_sync.core.error_codes import ErrorCode
from breezeway_sync.core.events import CycleSkipped, Emit, tell_crash
from breezeway_sync.core.outcome import FAILED, PARTIAL, Outcome
from breezeway_sync.core.retry import RetryPolicy
from breezeway_sync.core.waiting import begin
from breezeway_sync.entities.catalog import HOME
from breezeway_sync.entities.streams import NAMES, STREAMS
from breezeway_sync.service.account_runner import CycleRequest, CycleResult, failures
from breezeway_sync.service.accounts import Account
from breezeway_sync.service.schedule import ScheduleEntry
from breezeway_sync.sync.job import PendingReadTime

# The rest before work beside the block begins again; the first is shorter than any watchdog.
RESTS = RetryPolicy(first_seconds=0.5, longest_seconds=15.0)
READINGS = RetryPolicy(first_seconds=5.0, longest_seconds=900.0)
# What was read in part is tried again for some 20 minutes; then it waits for its next turn.
PARTIAL_READINGS = replace(READINGS, attempts=9)

Work = Callable[[Account, CycleRequest], Awaitable[CycleResult]]
Place = tuple[str, str]
"""A region and an entity."""
Renew = Callable[[], Awaitable[None]]
PassOn = Callable[[ScheduleEntry], object]


async def _nothing() -> None:
    """The default of `renew`: accounts never change."""


def _nowhere(_line: ScheduleEntry) -> None:
    """The default of `pass_on`: no other account takes the line."""


class Worker:
    """Serialises the cycles of one account.

    A line that becomes due while its region's lists are being read is skipped and counted; one that becomes
    due while only owed calls are being worked ends these and is next. What failed, wholly or
    in part, for a reason that passes is tried again after a growing wait.
    """

    def __init__(
        self, account: Account, work: Work, emit: Emit, renew: Renew = _nothing, pass_on: PassOn = _nowhere
    ) -> None:
        """`renew` brings the accounts up to date before a cycle; `pass_on` takes lines of other accounts' regions."""
        self.account = account
        self._work = work
        self._emit = emit
        self._renew = renew
        self._pass_on = pass_on
        self._pending: dict[str, ScheduleEntry] = {}
        self._active: dict[str, ScheduleEntry] = {}
        self._pending_reads = PendingReadTime()
        self._wake = asyncio.Event()
        self._tries: dict[Place, int] = {}
        """How many times in a row the latest result of each asked for a retry."""
        self._failed: dict[str, ScheduleEntry] = {}
        self._retry: asyncio.TimerHandle | None = None
        self._is_draining = False
        self._idle_task: asyncio.Task[None] | None = None
        self.is_busy = False

    def drain(self) -> list[ScheduleEntry]:
        """Begin nothing more; `run` ends with the cycle under way. Returns the lines that had not begun."""
        self._is_draining = True
        left, self._pending = list(self._pending.values()), {}
        self._pending_reads.is_up = True
        self._wake.set()
        return left

    @property
    def is_idle_task(self) -> bool:
        """Whether something is done that gives way to whatever becomes due."""
        return self._idle_task is not None and not self._idle_task.done()

    @property
    def is_idle(self) -> bool:
        """Whether nothing is done or about to be."""
        return not (self.is_busy or self.is_idle_task or self._pending or self._is_draining)

    def idle_task(self, work: Callable[[Account], Coroutine[object, object, None]]) -> bool:
        """Do something while idle: it is cancelled, and its end awaited, as soon as a line becomes due.

        False when there is no time for it. `work` must not raise.
        """
        if not self.is_idle:
            return False
        self._idle_task = begin(work(self.account), name=f"aside {', '.join(self.account.regions)}")
        return True

    def due(self, line: ScheduleEntry) -> bool:
        """A line's time has come; False when it is skipped."""
        if self._is_draining:
            return False
        reading = {} if line.region in self._pending_reads.regions else self._active
        # One that is tried again may be a part of the line: the rest would wait for another turn.
        same = [lines[line.name].entities for lines in (self._pending, reading) if line.name in lines]
        if any(set(line.entities).issubset(entities) for entities in same):
            self._emit(CycleSkipped(line.region, line.interval, "running"))
            return False
        self._pending[line.name] = line
        self._pending_reads.is_up = True
        self._wake.set()
        return True

    async def run(self) -> None:
        """Work whatever becomes due, until drained or cancelled."""
        try:
            while not self._is_draining:
                await self._wake.wait()
                self._wake.clear()
                if self._pending:
                    await self._turn()
        finally:
            if self._retry is not None:
                self._retry.cancel()
            await self._end_idle_task()

    async def _turn(self) -> None:
        """Work what is due by now."""
        try:
            await self._renew()
        except Exception as error:  # noqa: BLE001 - the edge of a job: the account is worked as it is known
            tell_crash(self._emit, ", ".join(self.account.regions), "accounts", error)
        self._active, self._pending = self._pending, {}
        lines = [one for one in self._active.values() if one.region in self.account.regions]
        others = [one for one in self._active.values() if one not in lines]
        self._active = {line.name: line for line in lines}
        try:
            for line in others:
                self._pass_on(line)
            if lines:
                await self._cycle(lines)
        except Exception as error:  # noqa: BLE001 - the edge of an account: its next line comes all the same
            tell_crash(self._emit, ", ".join(self.account.regions), "all", error)
        self._active = {}

    async def _cycle(self, lines: Sequence[ScheduleEntry]) -> None:
        for line in lines:
            self._failed.pop(line.name, None)  # read now, whatever was to be tried again of it
        self.is_busy = True
        try:
            self._pending_reads = PendingReadTime()
            await self._end_idle_task()
            result = await self._work(self.account, CycleRequest(merged(lines), pending_reads=self._pending_reads))
        except Exception as error:  # noqa: BLE001 - the edge of a cycle: the account's next turn comes all the same
            tell_crash(self._emit, lines[0].region, "all", error)
            result = CycleResult(tuple(failures(merged(lines), error)))
        finally:
            self.is_busy = False
        if result.locked is not None:
            for line in lines:
                self._emit(CycleSkipped(line.region, line.interval, "locked"))
            return
        self._plan_retry(lines, result.outcomes)

    async def _end_idle_task(self) -> None:
        """What was done aside gives the account back."""
        if self._idle_task is not None:
            self._idle_task.cancel()
            await asyncio.wait([self._idle_task])
            self._idle_task = None

    def _plan_retry(self, lines: Sequence[ScheduleEntry], outcomes: Sequence[Outcome]) -> None:
        passing = to_try_again(outcomes)
        if self._pending_reads.is_up and not self._is_draining:
            # Calls that gave way to what was due go on when that is done.
            passing |= {(one.region, one.entity) for one in outcomes if one.pending_reads}
        for one in outcomes:
            place = (one.region, one.entity)
            self._tries[place] = self._tries.get(place, 0) + 1 if place in passing else 0
        partial = {(one.region, one.entity) for one in outcomes if one.status == PARTIAL}
        policies = {place: PARTIAL_READINGS if place in partial else READINGS for place in passing}
        waits = {place: policy.wait_seconds(self._tries[place]) for place, policy in policies.items()}
        again = {place: wait for place, wait in waits.items() if wait is not None}
        if not again:
            return
        waits_already = self._retry is not None and bool(self._failed)
        for line in lines:
            names = tuple(name for name in line.entities if (line.region, name) in again)
            if names:
                self._failed[line.name] = ScheduleEntry(line.region, line.interval, line.every_seconds, names)
        loop = asyncio.get_running_loop()
        # What has failed for the first time is not kept waiting by what has failed for hours.
        at = loop.time() + min(*again.values(), *(line.every_seconds for line in lines))
        if self._retry is not None:
            self._retry.cancel()
            at = min(at, self._retry.when()) if waits_already else at
        self._retry = loop.call_at(at, self._again)

    def _again(self) -> None:
        failed, self._failed = self._failed, {}
        for line in failed.values():
            if line.name not in self._pending and line.name not in self._active:
                self.due(line)


class WorkerPool:
    """One worker per account."""

    def __init__(self, work: Work, emit: Emit, renew: Renew = _nothing) -> None:
        self.workers: dict[str, Worker] = {}
        self.tasks: set[asyncio.Task[None]] = set()
        """Also of those that are no longer employed and finish what they do."""
        self._work = work
        self._emit = emit
        self._renew = renew

    @property
    def is_busy(self) -> bool:
        return any(worker.is_busy for worker in self.workers.values())

    def assign(self, found: Iterable[Account]) -> None:
        """Employ whom these accounts need; those whose account is gone finish what they do and end."""
        accounts = {one.key: one for one in found}
        left = [line for key in set(self.workers) - set(accounts) for line in self.workers.pop(key).drain()]
        for key, account in accounts.items():
            if key in self.workers:
                self.workers[key].account = account
            else:
                self._employ(key, account)
        for line in left:
            self._pass_on(line)

    def _pass_on(self, line: ScheduleEntry) -> None:
        """Give a due line to the account that has its region now."""
        worker = self.of(line.region)
        if worker is not None:
            worker.due(line)

    def of(self, region: str) -> Worker | None:
        return next((one for one in self.workers.values() if region in one.account.regions), None)

    def now(self, account: Account) -> Account:
        """The account as it was assigned last; as it is where nobody works it any more."""
        worker = self.workers.get(account.key)
        return account if worker is None else worker.account

    @property
    def is_idle_task(self) -> bool:
        """Whether anybody does something aside."""
        return any(worker.is_idle_task for worker in self.workers.values())

    def drain(self) -> None:
        """Nobody begins anything more."""
        for worker in self.workers.values():
            worker.drain()

    def _employ(self, key: str, account: Account) -> None:
        worker = Worker(account, self._work, self._emit, self._renew, self._pass_on)
        task = begin(worker.run(), name=f"account {key}")
        self.workers[key] = worker  # not before: one without a task would take lines and never work them
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)


def to_try_again(outcomes: Sequence[Outcome]) -> set[Place]:
    """Regions and entities whose failure, whole or in part, may pass by itself, and what was left out because of
    failures of this kind alone."""
    again = {(one.region, one.entity) for one in outcomes if one.status in (FAILED, PARTIAL) and one.is_passing}
    failed = {(one.region, one.entity): one.error_code for one in outcomes if one.status == FAILED}
    for name in NAMES:
        excluded = {
            region for (region, entity), code in failed.items() if entity == name and code is ErrorCode.NOT_READ
        }
        for region in excluded:
            needs = {(region, need) for need in STREAMS[name].needs or (HOME.name,)} & failed.keys()
            if needs <= again:
                again.add((region, name))
    return again


def merged(lines: Sequence[ScheduleEntry]) -> Mapping[str, tuple[str, ...]]:
    """Entities by region, in reading order: lines that are due together are one cycle."""
    expected: dict[str, set[str]] = {}
    for line in lines:
        expected.setdefault(line.region, set()).update(line.entities)
    return {region: tuple(name for name in NAMES if name in names) for region, names in expected.items()}


async def stop(tasks: Sequence[asyncio.Task[None]], grace_seconds: float, cancel_seconds: float) -> bool:
    """Give tasks some time, then cancel them and wait for that as well, but not for ever; True when all ended by
    themselves."""
    if not tasks:
        return True
    _, late = await asyncio.wait(tasks, timeout=grace_seconds)
    for task in late:
        task.cancel()
    if late:
        await asyncio.wait(late, timeout=cancel_seconds)
    return not late


@asynccontextmanager
async def beside(name: str, work: Callable[[], Coroutine[object, object, None]], emit: Emit) -> AsyncIterator[None]:
    """Run `work` beside the block, and end it with the block. After a failure, report it and begin `work` again.

    A lack of descriptors, memory or threads must not end a service.
    """
    task = begin(_lasting(name, work, emit))
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def _lasting(name: str, work: Callable[[], Coroutine[object, object, None]], emit: Emit) -> None:
    loop, failures = asyncio.get_running_loop(), 0
    while True:
        began_at = loop.time()
        try:
            await work()
        except Exception as error:  # noqa: BLE001 - the edge of what goes on beside: it begins again
            # One that went on for a while has failed for the first time.
            failures = failures + 1 if loop.time() - began_at < RESTS.longest_seconds else 1
            tell_crash(emit, "", name, error)
        await asyncio.sleep(RESTS.wait_seconds(failures + 1) or 0.0)
