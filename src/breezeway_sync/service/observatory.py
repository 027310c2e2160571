"""The daemon's knowledge of itself: it hears every event, and reads the database's reports.

Metrics, health, status page and watchdog read it. None of them touches the work.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Callable, Sequence
from dataclasses import replace

from breezeway_sync import __version__
from breezeway_sync.core.clock import Clock
from breezeway_sync.core.errors import DatabaseError
from breezeway_sync.core.events import (
    AttendanceChanged,
    ComparisonSeen,
    ConfigurationReloaded,
    CycleFinished,
    DatabaseBack,
    DatabaseLost,
    Emit,
    Event,
    OperatorNotice,
    TokenFailed,
    VerificationFinished,
)
from breezeway_sync.core.report import Freshness, VerificationState
from breezeway_sync.ops.health import Facts, judge
from breezeway_sync.ops.metrics import Metrics
from breezeway_sync.ops.watch import StatusReport
from breezeway_sync.service.notify import Notifier
from breezeway_sync.service.settings import Settings
from breezeway_sync.store.leases import this_process
from breezeway_sync.store.status import Status

BEAT_SECONDS = 1.0
CLOCK_JUMP_SECONDS = 30.0
READ_SECONDS = 15.0
REMIND_SECONDS = 3600.0
LEAST_SECONDS = 2.0
READ_TIMEOUT_SECONDS = 10.0


class Observatory:
    """Listens to every event and reads the database now and then; asks nothing of the work itself."""

    def __init__(self, settings: Settings, clock: Clock, *, is_busy: Callable[[], bool]) -> None:
        self.metrics = Metrics()
        self.settings = settings
        self.is_migrated = False
        self.is_draining = False
        self._clock = clock
        self._is_busy = is_busy
        self._began = clock.monotonic()
        self._started_at = clock.now()
        self._turned_at = clock.monotonic()
        self._progress_at = clock.monotonic()
        self._database_error: str | None = "not connected yet"
        self._lost_at: float | None = None
        self._config_error: str | None = None
        self._news = asyncio.Event()
        self._compared: dict[tuple[str, str], VerificationState] = {}
        self._compared_told_at = clock.monotonic()
        self._unattended: dict[str, tuple[tuple[str, ...], float]] = {}
        self._report = StatusReport((), (), (), (), (), self._database_error, self._started_at)
        self._listeners: list[Emit] = [self.metrics.observe, self._remember]

    def listen(self, listener: Emit) -> None:
        """Pass every event on to `listener` as well."""
        self._listeners.append(listener)

    def emit(self, event: Event) -> None:
        """The Emit of the whole process. A listener without memory or descriptors misses the event."""
        for listener in self._listeners:
            with contextlib.suppress(MemoryError, OSError):
                listener(event)

    def turned(self, lag_seconds: float) -> None:
        """The event loop has turned, so much later than it should have."""
        self._turned_at = self._clock.monotonic()
        self.metrics.observe_lag(lag_seconds)

    def reached(self) -> None:
        """The database answers and takes writes."""
        self._database_error = None
        if self._lost_at is not None:
            self.emit(DatabaseBack(self._clock.monotonic() - self._lost_at))
            self._lost_at = None

    def lost(self, error: DatabaseError) -> None:
        """The database does not answer, or takes no writes; told once."""
        self._database_error = error.message
        if self._lost_at is None:
            self._lost_at = self._clock.monotonic()
            self.emit(DatabaseLost(error.message))

    @property
    def is_lost(self) -> bool:
        return self._lost_at is not None

    async def beat(self, notifier: Notifier, on_jump: Callable[[], None]) -> None:
        """Once a second: the loop turns, the watchdog is fed while it does, a clock that jumps is noticed."""
        loop = asyncio.get_running_loop()
        last, wall = loop.time(), self._clock.now()
        while True:
            await asyncio.sleep(BEAT_SECONDS)
            turned, now = loop.time(), self._clock.now()
            self.turned(max(0.0, turned - last - BEAT_SECONDS))
            if judge(self.facts()).live:
                notifier.watchdog()
            jump = (now - wall).total_seconds() - (turned - last)
            if abs(jump) > CLOCK_JUMP_SECONDS:
                self.emit(OperatorNotice(f"the clock was set by {jump:+.0f} s; the schedule is recalculated"))
                on_jump()
            last, wall = turned, now

    async def look(self, status: Status, notifier: Notifier) -> None:
        """Read the reports now and then; that also tells whether the database is there."""
        while True:
            await self.read(status)
            work = "being worked" if self._is_busy() else "idle"
            notifier.status(f"{len(self.settings.regions)} regions, {len(self.facts().late)} late, {work}")
            await self.next_reading()

    async def read(self, status: Status) -> None:
        """Read the reports anew. Never raises for a database that is away: the old report stays."""
        try:
            async with asyncio.timeout(READ_TIMEOUT_SECONDS):
                await status.check_writable()
                replaced = await status.replaced()
                freshness = tuple(await status.freshness())
                runs = tuple(await status.recent_runs())
                leases = tuple(await status.leases())
                tokens = tuple(await status.tokens())
                regions = tuple(await status.regions())
                verifications = await status.verifications(self._clock.now())
        except TimeoutError:
            self.lost(DatabaseError("PostgreSQL did not answer in time", where="reading the status"))
            await status.connect_anew()  # a silent server's connections look as if they were open
            return
        except DatabaseError as error:
            self.lost(error)
            await status.connect_anew()
            return
        self.reached()
        for event in replaced:
            self.emit(event)
        now = self._clock.now()
        self._report = StatusReport(freshness, runs, leases, tokens, regions, None, now, tuple(verifications))
        self._tell_attendance(freshness)
        self.metrics.update(freshness, leases, tokens, regions, verifications)
        self._tell_comparisons(verifications)

    def _tell_comparisons(self, verifications: Sequence[VerificationState]) -> None:
        """Say what is new among the comparisons of all processes, and now and then what still differs."""
        is_time = self._clock.monotonic() - self._compared_told_at >= REMIND_SECONDS
        if is_time:
            self._compared_told_at = self._clock.monotonic()
        for one in verifications:
            place = (one.region, one.entity)
            if one.compared_at is None or (self._compared.get(place) == one and not (is_time and one.is_differing)):
                continue
            self._compared[place] = one
            self.emit(ComparisonSeen(one.region, one.entity, one.compared_at, one.is_differing, one.found))

    def _tell_attendance(self, freshness: Sequence[Freshness]) -> None:
        """Report regions that nobody works any more, and those that somebody works again."""
        now, found = self._clock.monotonic(), unattended(freshness)
        for region, entities in found.items():
            told = self._unattended.get(region)
            if told is None or told[0] != entities or now - told[1] >= REMIND_SECONDS:
                self._unattended[region] = (entities, now)
                self.emit(AttendanceChanged(region, entities, is_attended=False))
        for region in self._unattended.keys() - found.keys():
            entities, _ = self._unattended.pop(region)
            self.emit(AttendanceChanged(region, entities, is_attended=True))

    async def status(self) -> StatusReport:
        """The latest report; with the reason why there is no newer one."""
        old = self._report
        return replace(old, database_error=self._database_error)

    def facts(self) -> Facts:
        """The present."""
        now = self._clock.monotonic()
        settings = self.settings
        return Facts(
            now=self._clock.now(),
            started_at=self._started_at,
            uptime_seconds=now - self._began,
            version=__version__,
            pid=os.getpid(),
            owner=this_process().label,
            loop_age_seconds=now - self._turned_at,
            runner_age_seconds=now - self._progress_at if self._is_busy() else None,
            database_reachable=self._database_error is None,
            database_migrated=self.is_migrated,
            database_error=self._database_error,
            is_draining=self.is_draining,
            regions=len(settings.regions),
            requests_per_minute=settings.api.requests_per_minute,
            config_source=str(settings.source) if settings.source else None,
            config_error=self._config_error,
            late=tuple(f"{one.region} {one.entity}" for one in self._report.freshness if one.is_late),
            refused=tuple(one.region for one in self._report.tokens if one.error),
            differing=tuple(f"{one.region} {one.entity}" for one in self._report.verifications if one.is_differing),
        )

    async def next_reading(self) -> None:
        """Return when the reports should be read again: soon after something ended, else after a while."""
        await asyncio.sleep(LEAST_SECONDS)
        if not self.is_lost:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._news.wait(), READ_SECONDS - LEAST_SECONDS)
        self._news.clear()

    def _remember(self, event: Event) -> None:
        self._progress_at = self._clock.monotonic()
        match event:
            case ConfigurationReloaded():
                self._config_error = event.error
            case CycleFinished() | TokenFailed() | VerificationFinished() | OperatorNotice():
                self._news.set()
            case _:
                pass


def unattended(freshness: Sequence[Freshness]) -> dict[str, tuple[str, ...]]:
    """The entities that nobody works any more, by region. Pure."""
    found: dict[str, tuple[str, ...]] = {}
    for one in freshness:
        if one.is_unattended:
            found[one.region] = (*found.get(one.region, ()), one.entity)
    return found
