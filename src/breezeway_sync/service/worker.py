"""One account's work in the daemon: at most one cycle at a time, fed by the schedule, ended by draining."""

from __future__ import annotations

import asyncio
import contextlib
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager

from breezeway_sync.core.events import Crashed, CycleSkipped, Emit
from breezeway_sync.core.outcome import FAILED, Outcome
from breezeway_sync.service.accounts import Account
from breezeway_sync.service.schedule import Line, retry_in_seconds
from breezeway_sync.service.workshop import Order, Result
from breezeway_sync.sync.job import OwedTime
from breezeway_sync.sync.stages import NAMES, NEEDS

# Failures that pass by themselves; whatever else fails waits for its next turn.
PASSING = frozenset({"ApiUnreachable", "DatabaseBusy", "DatabaseUnreachable", "ServerFailed", "EdgeBlocked"})
NOT_READ = "NotRead"  # passes with the failure that it comes from

Work = Callable[[Account, Order], Awaitable[Result]]


Renew = Callable[[], Awaitable[None]]
PassOn = Callable[[Line], object]


async def _nothing() -> None:
    """Accounts that never change."""


def _nowhere(_line: Line) -> None:
    """Where there is nobody else."""


class Worker:
    """Serialises the cycles of one account.

    A line that becomes due while its region's lists are being read is skipped and counted; one that becomes
    due while only owed calls are being worked ends these and is next. What failed for a reason that
    passes is tried again after a growing wait.
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
        self._pending: dict[str, Line] = {}
        self._active: dict[str, Line] = {}
        self._owed = OwedTime()
        self._wake = asyncio.Event()
        self._failures = 0
        self._failed: dict[str, Line] = {}
        self._retry: asyncio.TimerHandle | None = None
        self._is_draining = False
        self._aside: asyncio.Task[None] | None = None
        self.is_busy = False

    def drain(self) -> list[Line]:
        """Begin nothing more; `run` ends with the cycle under way. The lines that it had not begun."""
        self._is_draining = True
        left, self._pending = list(self._pending.values()), {}
        self._owed.is_up = True
        self._wake.set()
        return left

    @property
    def is_aside(self) -> bool:
        """Whether something is done that gives way to whatever becomes due."""
        return self._aside is not None and not self._aside.done()

    @property
    def is_idle(self) -> bool:
        """Whether nothing is done or about to be."""
        return not (self.is_busy or self.is_aside or self._pending or self._is_draining)

    def aside(self, work: Callable[[Account], Coroutine[object, object, None]]) -> bool:
        """Do something while idle: it is cancelled, and its end awaited, as soon as a line becomes due.

        False when there is no time for it. `work` must not raise.
        """
        if not self.is_idle:
            return False
        self._aside = asyncio.create_task(work(self.account), name=f"aside {', '.join(self.account.regions)}")
        return True

    def due(self, line: Line) -> bool:
        """A line's time has come; False when it is skipped."""
        if self._is_draining:
            return False
        reading = {} if line.region in self._owed.regions else self._active
        # One that is tried again may be a part of the line: the rest would wait for another turn.
        same = [lines[line.name].entities for lines in (self._pending, reading) if line.name in lines]
        if any(set(line.entities).issubset(entities) for entities in same):
            self._emit(CycleSkipped(line.region, line.tempo, "running"))
            return False
        self._pending[line.name] = line
        self._owed.is_up = True
        self._wake.set()
        return True

    async def run(self) -> None:
        """Work whatever becomes due, until drained or cancelled."""
        try:
            while not self._is_draining:
                await self._wake.wait()
                self._wake.clear()
                if not self._pending:
                    continue
                await self._renew()
                self._active, self._pending = self._pending, {}
                for line in [one for one in self._active.values() if one.region not in self.account.regions]:
                    del self._active[line.name]
                    self._pass_on(line)
                if self._active:
                    await self._cycle(list(self._active.values()))
                self._active = {}
        finally:
            if self._retry is not None:
                self._retry.cancel()
            await self._end_aside()

    async def _cycle(self, lines: Sequence[Line]) -> None:
        self._owed = OwedTime()
        for line in lines:
            self._failed.pop(line.name, None)  # read now, whatever was to be tried again of it
        self.is_busy = True
        try:
            await self._end_aside()
            result = await self._work(self.account, Order(merged(lines), owed=self._owed))
        except Exception as error:  # noqa: BLE001 - the edge of a cycle: the account's next turn comes all the same
            stack = "".join(traceback.format_tb(error.__traceback__))
            self._emit(Crashed(lines[0].region, "all", type(error).__name__, stack))
            return
        finally:
            self.is_busy = False
        if result.held is not None:
            for line in lines:
                self._emit(CycleSkipped(line.region, line.tempo, "held"))
            return
        self._plan_retry(lines, result.outcomes)

    async def _end_aside(self) -> None:
        """What was done aside gives the account back."""
        if self._aside is not None:
            self._aside.cancel()
            await asyncio.wait([self._aside])
            self._aside = None

    def _plan_retry(self, lines: Sequence[Line], outcomes: Sequence[Outcome]) -> None:
        again = to_try_again(outcomes)
        if not again:
            self._failures = 0
            return
        self._failures += 1
        for line in lines:
            names = tuple(name for name in line.entities if (line.region, name) in again)
            if names:
                self._failed[line.name] = Line(line.region, line.tempo, line.every_seconds, names)
        seconds = retry_in_seconds(self._failures, min(line.every_seconds for line in lines))
        if self._retry is not None:
            self._retry.cancel()
        self._retry = asyncio.get_running_loop().call_later(seconds, self._again)

    def _again(self) -> None:
        failed, self._failed = self._failed, {}
        for line in failed.values():
            if line.name not in self._pending and line.name not in self._active:
                self.due(line)


class Staff:
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

    def _pass_on(self, line: Line) -> None:
        """A line that is due, of a region that is another account's now."""
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
    def is_aside(self) -> bool:
        """Whether anybody does something aside."""
        return any(worker.is_aside for worker in self.workers.values())

    def drain(self) -> None:
        """Nobody begins anything more."""
        for worker in self.workers.values():
            worker.drain()

    def _employ(self, key: str, account: Account) -> None:
        self.workers[key] = worker = Worker(account, self._work, self._emit, self._renew, self._pass_on)
        task = asyncio.create_task(worker.run(), name=f"account {key}")
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)


def to_try_again(outcomes: Sequence[Outcome]) -> set[tuple[str, str]]:
    """Regions and entities whose failure may pass by itself, and what was left out because of them alone."""
    failed = {(one.region, one.entity): one.fault for one in outcomes if one.status == FAILED}
    again = {key for key, fault in failed.items() if fault in PASSING}
    for name in NAMES:
        for region in {region for (region, entity), fault in failed.items() if entity == name and fault == NOT_READ}:
            needs = {(region, need) for need in NEEDS.get(name, ("properties",))} & failed.keys()
            if needs <= again:
                again.add((region, name))
    return again


def merged(lines: Sequence[Line]) -> Mapping[str, tuple[str, ...]]:
    """Entities by region, in reading order: lines that are due together are one cycle."""
    wanted: dict[str, set[str]] = {}
    for line in lines:
        wanted.setdefault(line.region, set()).update(line.entities)
    return {region: tuple(name for name in NAMES if name in names) for region, names in wanted.items()}


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
async def beside(work: Coroutine[object, object, None], on_failure: Callable[[], None]) -> AsyncIterator[None]:
    """Something that goes on beside the block and ends with it; its failure is told, and raised after the block."""

    def look(task: asyncio.Task[None]) -> None:
        if not task.cancelled() and task.exception() is not None:
            on_failure()

    task = asyncio.create_task(work)
    task.add_done_callback(look)
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
