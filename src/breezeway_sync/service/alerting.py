"""The alerter of the daemon. It starts with or without a database, and restarts when its settings change."""

from __future__ import annotations

import asyncio

from breezeway_sync.core.clock import Clock
from breezeway_sync.core.events import Emit, Event
from breezeway_sync.core.waiting import begin
from breezeway_sync.ops.alerts import Alerter, channels_of, rules_of
from breezeway_sync.service.settings import Settings
from breezeway_sync.store.alerts import StoredAlerts
from breezeway_sync.store.database import Database


class Alerting:
    """Passes events to the alerter of the moment; before the first one they go nowhere."""

    def __init__(self, clock: Clock, emit: Emit) -> None:
        self._clock = clock
        self._emit = emit
        self._alerter: Alerter | None = None
        self._store: StoredAlerts | None = None
        self._task: asyncio.Task[None] | None = None

    def observe(self, event: Event) -> None:
        """An Emit."""
        if self._alerter is not None:
            self._alerter.observe(event)

    @property
    def is_running(self) -> bool:
        """Whether anybody tells what is observed: not where the alerter could not begin."""
        return self._task is not None and not self._task.done()

    async def open(self, settings: Settings, database: Database) -> None:
        """Begin to alert. The database may not be open yet; an alerter that already runs uses it from now on."""
        if self._store is None or not self.is_running:
            await self.start(settings, database)
        else:
            self._store.use(database)

    async def start(self, settings: Settings, database: Database) -> None:
        """Begin to alert as the settings say; an alerter from before sends what it has and ends."""
        channels, rules = channels_of(settings.alerts, self._clock), rules_of(settings.alerts)
        before, self._task = self._task, None
        # Hears what happens while the one before still tells what it has.
        self._store = StoredAlerts(database)
        self._alerter = Alerter(self._store, channels, rules, self._clock, emit=self._emit)
        await _ended(before)
        self._task = begin(self._alerter.run(), name="alerts")

    async def stop(self) -> None:
        """Send what is waiting, within the alerter's own deadline, and end. Before the database is closed."""
        task, self._task, self._alerter = self._task, None, None
        await _ended(task)


async def _ended(task: asyncio.Task[None] | None) -> None:
    """Cancel it and await its end; whoever is cancelled meanwhile stays cancelled, and waits no longer."""
    if task is not None:
        task.cancel()
        try:
            await asyncio.wait([task])
        except asyncio.CancelledError:
            task.cancel()
            raise
