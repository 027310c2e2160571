"""A clock that is set, a store and a channel in memory, and events in short."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from breezeway_sync.core.error_codes import ErrorCode
from breezeway_sync.core.errors import DatabaseUnreachable
from breezeway_sync.core.events import (
    AlertDelivered,
    CycleFinished,
    CycleStarted,
    DeletionsNeedReview,
    EntityFinished,
    Event,
    OperatorNotice,
)
from breezeway_sync.core.retry import RetryPolicy
from breezeway_sync.ops.alerts import Alerter, Channel, Message, NotDelivered, Rules
from breezeway_sync.ops.alerts.model import AlertState
from breezeway_sync.ops.alerts.ports import AlertStore
from breezeway_sync.store.alerts import BudgetRow, TroubleRow

START = datetime(2026, 7, 30, 21, 0, tzinfo=UTC)
RULES = Rules(summary_at=None)
REJECTED = "tags: the credentials are wrong, unknown or not active yet in /public/auth/v1/: …"


@dataclass
class SetClock:
    """Stands still until it is moved."""

    time: datetime = START

    def now(self) -> datetime:
        return self.time

    def monotonic(self) -> float:
        return (self.time - START).total_seconds()

    def move(self, **span: float) -> None:
        self.time += timedelta(**span)


@dataclass
class MemoryStore:
    """An AlertStore with the same rules; `is_away` makes it fail, `hangs` makes it silent."""

    states: dict[tuple[str, str], AlertState] = field(default_factory=dict)
    budget: BudgetRow = field(default_factory=lambda: BudgetRow((), 0, 0))
    successes: dict[str, datetime] = field(default_factory=dict)
    troubles: list[TroubleRow] = field(default_factory=list)
    is_away: bool = False
    hangs: bool = False

    async def _answer(self) -> None:
        await asyncio.sleep(0)
        if self.hangs:
            await asyncio.Event().wait()
        if self.is_away:
            raise DatabaseUnreachable("PostgreSQL cannot be reached", where="alerts")

    async def load(self, region: str, subjects: Sequence[str]) -> Mapping[str, AlertState]:
        await self._answer()
        return {name: self.states[region, name] for name in subjects if (region, name) in self.states}

    async def save(self, region: str, subject: str, version: int, **columns: Any) -> bool:
        await self._answer()
        known = self.states.get((region, subject), AlertState())
        if known.version != version:
            return False
        self.states[region, subject] = AlertState(version=version + 1, **columns)
        return True

    async def load_budget(self) -> BudgetRow:
        await self._answer()
        return self.budget

    async def save_budget(self, version: int, sent_at: Sequence[datetime], suppressed: int) -> bool:
        await self._answer()
        if self.budget.version != version:
            return False
        self.budget = BudgetRow(tuple(sent_at), suppressed, version + 1)
        return True

    async def last_successes(self, region: str) -> Mapping[str, datetime]:
        await self._answer()
        return self.successes

    async def troubles_since(self, moment: datetime) -> Sequence[TroubleRow]:
        await self._answer()
        return self.troubles


@dataclass
class Mailbox:
    """A Channel that keeps what it is given; `failures` are raised first, one for each try."""

    failures: list[NotDelivered] = field(default_factory=list)
    is_down: bool = False
    hangs: bool = False
    seconds: float = 5.0
    name: str = "mailbox"
    messages: list[Message] = field(default_factory=list)
    tries: int = 0
    tried: asyncio.Event = field(default_factory=asyncio.Event)

    async def send(self, message: Message) -> str | None:
        self.tries += 1
        self.tried.set()
        if self.hangs:
            await asyncio.Event().wait()
        if self.is_down:
            raise NotDelivered("it is down", again=True)
        if self.failures:
            raise self.failures.pop(0)
        self.messages.append(message)
        return None

    @property
    def titles(self) -> list[str]:
        return [message.title for message in self.messages]


@dataclass
class Desk:
    """An alerter with everything around it."""

    clock: SetClock
    store: AlertStore
    mailbox: Mailbox
    alerter: Alerter
    events: list[Event]

    async def after(self, *events: Event, **span: float) -> list[str]:
        """Observe, let time pass (two minutes unless said otherwise), take a turn; the titles sent in it."""
        sent = len(self.mailbox.messages)
        for event in events:
            self.alerter.observe(event)
        self.clock.move(**span or {"minutes": 2})
        await self.alerter.turn()
        return self.mailbox.titles[sent:]


def desk(
    store: AlertStore | None = None,
    *,
    clock: SetClock | None = None,
    mailbox: Mailbox | None = None,
    more: Sequence[Channel] = (),
    **rules: Any,
) -> Desk:
    clock, mailbox, events = clock or SetClock(), mailbox or Mailbox(), list[Event]()
    given = store if store is not None else MemoryStore()
    alerter = Alerter(
        given,
        [mailbox, *more],
        replace(RULES, **rules),
        clock,
        emit=events.append,
        retries=RetryPolicy(attempts=3),
        final_seconds=0.2,
    )
    return Desk(clock, given, mailbox, alerter, events)


def ended(
    entity: str = "tasks",
    status: str = "failed",
    *,
    region: str = "nashville",
    error: str | None = "it broke",
    calls: int = 3,
    code: ErrorCode = ErrorCode.SERVER_FAILED,
    after: str | None = None,
) -> EntityFinished:
    counts = (0, 0, 0, 0, 0, 0)
    if status == "success":
        return EntityFinished("run", region, entity, status, *counts, calls, 0, 1.0, None)
    code = ErrorCode.CREDENTIALS_REJECTED if error == REJECTED else code
    return EntityFinished("run", region, entity, status, *counts, calls, 0, 1.0, error, code, after)


def held(
    records: int, entity: str = "tasks", *, region: str = "nashville"
) -> tuple[DeletionsNeedReview, EntityFinished]:
    """A run that found that so many records wait for a person."""
    return DeletionsNeedReview(region, entity, records), ended(entity, "partial", region=region)


def went_well(entity: str = "tasks", region: str = "nashville") -> EntityFinished:
    return ended(entity, "success", region=region)


def begun(account: str = "made-up", *regions: str, run_id: str = "run") -> CycleStarted:
    return CycleStarted(account, run_id, regions or ("nashville",))


def over(account: str = "made-up", *regions: str, seconds: float = 10.0) -> CycleFinished:
    return CycleFinished(account, "run", regions or ("nashville",), "failed", seconds)


def notices(events: list[Event]) -> list[str]:
    """What the alerter said of itself."""
    found = []
    for event in events:
        if isinstance(event, AlertDelivered) and event.error is not None:
            found.append(event.error)
        elif isinstance(event, OperatorNotice):
            found.append(event.what)
    return found
