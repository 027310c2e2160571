"""The alerter: listens to events, decides, sends. It never delays or fails the work that it listens to."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime, timedelta

from breezeway_sync.core.clock import Clock
from breezeway_sync.core.errors import DatabaseError
from breezeway_sync.core.events import DatabaseBack, Emit, Event, FieldChanged, OperatorNotice, ignore
from breezeway_sync.core.retry import RetryPolicy
from breezeway_sync.ops.alerts.collect import OF_INTEREST, Collector
from breezeway_sync.ops.alerts.configured import send_test_on
from breezeway_sync.ops.alerts.decide import summary_moment
from breezeway_sync.ops.alerts.deliver import DELIVERIES
from breezeway_sync.ops.alerts.dispatcher import AlertDispatcher, Counts
from breezeway_sync.ops.alerts.fields import FieldNews
from breezeway_sync.ops.alerts.model import DAY, Rules
from breezeway_sync.ops.alerts.ports import AlertStore, Channel, ChannelResult
from breezeway_sync.ops.alerts.states import AlertStates

QUEUE_EVENTS = 2_000
"""The limit of queued events; beyond it the oldest are dropped."""
TICK_SECONDS = 5.0
FINAL_SECONDS = 15.0
"""How long the shutdown may take to send the last alerts."""
STORE_AWAY = timedelta(seconds=60)
"""The pause after the store did not answer."""


class Alerter:
    """Alerts of one process; others may share the store.

    `observe` is an Emit and costs nothing. `run` does the work until it is cancelled. A message that
    nobody received is not recorded as sent: it goes out with the next fact of its kind. Raises only CancelledError.
    """

    def __init__(
        self,
        store: AlertStore,
        channels: Sequence[Channel],
        rules: Rules,
        clock: Clock,
        *,
        emit: Emit = ignore,
        retries: RetryPolicy = DELIVERIES,
        final_seconds: float = FINAL_SECONDS,
    ) -> None:
        self.counts = Counts()
        self._channels = tuple(channels)
        self._rules = rules
        self._clock = clock
        self._emit = emit
        self._final_seconds = final_seconds
        self._queue: deque[tuple[Event, datetime]] = deque()
        self._collector = Collector(rules)
        self._news = FieldNews(rules)
        self._alert_states = AlertStates(store, rules.max_per_hour)
        self._dispatcher = AlertDispatcher(self._alert_states, self._channels, rules, clock, emit, retries, self.counts)
        self._ending = asyncio.Event()
        self._store_after: datetime | None = None
        self._store_failed_at: datetime | None = None
        self._summary_after: datetime | None = None
        self._summed_up: datetime | None = None
        self._dropped = 0

    def observe(self, event: Event) -> None:
        """Take an event; does not wait. Without room the oldest one goes."""
        if not self._channels or not isinstance(event, (*OF_INTEREST, FieldChanged)):
            return
        if len(self._queue) >= QUEUE_EVENTS:
            self._queue.popleft()
            self._dropped += 1
        self._queue.append((event, self._clock.now()))

    async def run(self) -> None:
        """Work until cancelled; then tell what is left, for at most `final_seconds`."""
        if not self._channels:
            await asyncio.Event().wait()
        work = asyncio.ensure_future(self._work())
        try:
            await asyncio.shield(work)
        finally:
            self._ending.set()
            await self._finish(work)

    async def _finish(self, work: asyncio.Task[None]) -> None:
        try:
            await asyncio.wait([work], timeout=self._final_seconds)
        finally:
            if not work.done():
                work.cancel()
                self._emit(
                    OperatorNotice("alerts: some alerts were not sent in time; the next failure is reported again")
                )
        await asyncio.wait([work])

    async def test(self) -> list[ChannelResult]:
        """Send a test message on every channel; it counts for no limit and is written down nowhere."""
        return await send_test_on(self._channels, emit=self._emit)

    async def _work(self) -> None:
        while not self._ending.is_set():
            await self._safe_turn(everything=False)
            with suppress(TimeoutError):
                async with asyncio.timeout(TICK_SECONDS):
                    await self._ending.wait()
        await self._safe_turn(everything=True)

    async def _safe_turn(self, *, everything: bool) -> None:
        try:
            await self.turn(everything=everything)
        except Exception as error:  # noqa: BLE001 - a bug here must not end alerts for ever, nor reach a sync
            self._emit(OperatorNotice(f"alerts: an unexpected {type(error).__name__}; its alerts are lost"))

    async def turn(self, *, everything: bool = False) -> None:
        """Take in what was observed and tell what is due; with `everything`, also what would still be collected."""
        now = self._clock.now()
        self._take_in()
        outage = self._collector.outage
        if outage is not None and await self._dispatcher.outage(outage, now):
            self._collector.outage = None
        is_away = self._collector.is_away or (self._store_after is not None and now < self._store_after)
        if not is_away:
            try:
                await self._alert_states.share()
                await self._alert_states.settle_pending_reads()
                await self._replaced(now)
                await self._found(now, everything=everything)
                await self._summary(now)
            except DatabaseError as error:
                self._emit(OperatorNotice(f"alerts wait for the database: {error.message}"))
                self._store_after = now + STORE_AWAY
                self._store_failed_at = self._store_failed_at or now
            else:
                self._store_failed_at = None
        if self._is_alone(now):
            with self._alert_states.alone():
                await self._found(now, everything=everything)
        if everything and self._collector.undecided:
            count = self._collector.undecided
            self._emit(OperatorNotice(f"alerts: {count} results could not be evaluated: the database is away"))

    def _is_alone(self, now: datetime) -> bool:
        """Whether the store has been away for so long that each process now tells people without it, once."""
        outage = self._collector.outage if self._collector.is_away else None
        since = outage.since if outage is not None else self._store_failed_at
        return since is not None and now - since >= self._rules.group

    async def _found(self, now: datetime, *, everything: bool) -> None:
        await self._regions(now, everything=everything)
        await self._comparisons(now, everything=everything)
        await self._fields(now, everything=everything)
        await self._long_runs(now)

    async def _replaced(self, now: datetime) -> None:
        event = self._collector.replaced
        if event is not None and await self._dispatcher.replaced(event.reason, now):
            self._collector.replaced = None

    def _take_in(self) -> None:
        while self._queue:
            event, at = self._queue.popleft()
            self._collector.take(event, at)
            self._news.take(event, at)
            if isinstance(event, DatabaseBack):
                self._store_after = None
        if self._dropped:
            self._emit(OperatorNotice(f"alerts: {self._dropped} events were dropped: the queue was full"))
            self.counts.dropped_events += self._dropped
            self._dropped = 0

    async def _regions(self, now: datetime, *, everything: bool) -> None:
        for region in self._collector.due_regions(now, everything=everything):
            pending = self._collector.pop(region)
            try:
                await self._dispatcher.region(region, list(pending.found.values()), now)
            except DatabaseError:
                self._collector.put_back(region, pending)
                raise

    async def _comparisons(self, now: datetime, *, everything: bool) -> None:
        for region, facts in self._collector.due_comparisons(now, everything=everything):
            await self._dispatcher.comparisons(region, facts, now)
            self._collector.compared(region)

    async def _fields(self, now: datetime, *, everything: bool) -> None:
        for region, changes in self._news.due(now, everything=everything):
            if await self._dispatcher.fields(region, changes, now):
                self._news.told(region)
            else:
                self._news.put_off(region, now + self._rules.retry)

    async def _long_runs(self, now: datetime) -> None:
        for cycle in self._collector.long_runs(now):
            is_told = await self._dispatcher.long_run(cycle, now)
            again_at = now + ((self._rules.remind or DAY) if is_told else self._rules.retry)
            self._collector.looked_at(cycle, is_told=is_told, again_at=again_at)

    async def _summary(self, now: datetime) -> None:
        if self._rules.summary_at is None:
            return
        moment = summary_moment(self._rules.summary_at, now)
        is_waiting = self._summary_after is not None and now < self._summary_after
        if moment == self._summed_up or is_waiting:
            return
        if await self._dispatcher.summary(moment, now):
            self._summed_up = moment
        else:
            self._summary_after = now + self._rules.retry
