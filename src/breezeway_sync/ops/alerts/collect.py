"""Collects events until there is something to decide. Pure but for its own state."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from breezeway_sync.core.error_codes import ErrorCode
from breezeway_sync.core.events import (
    AttendanceChanged,
    ComparisonSeen,
    CycleFinished,
    CycleStarted,
    DatabaseBack,
    DatabaseLost,
    DatabaseReplaced,
    DeletionsNeedReview,
    EntityFinished,
    Event,
)
from breezeway_sync.core.outcome import FAILED, SUCCESS
from breezeway_sync.core.record_events import RecordsLeft, RowsLost
from breezeway_sync.ops.alerts.decide import is_interruption, is_outage
from breezeway_sync.ops.alerts.model import Fact, Rules, RunFinding
from breezeway_sync.ops.alerts.words import unattended

MOST_ENDED = 100
OF_INTEREST = (
    EntityFinished,
    AttendanceChanged,
    ComparisonSeen,
    DeletionsNeedReview,
    RecordsLeft,
    RowsLost,
    CycleStarted,
    CycleFinished,
    DatabaseLost,
    DatabaseBack,
    DatabaseReplaced,
)


@dataclass(slots=True)
class PendingRuns:
    """What a region's entities came to since it was last decided on; ripe when its cycle has ended."""

    since: datetime
    found: dict[str, RunFinding] = field(default_factory=dict)
    is_ripe: bool = False


@dataclass(slots=True)
class Cycle:
    """An account's run: under way while `seconds` is None. It is looked at again at `look_at`."""

    account: str
    run_id: str
    regions: tuple[str, ...]
    started_at: datetime
    look_at: datetime
    seconds: float | None = None
    is_told: bool = False


@dataclass(slots=True)
class Outage:
    """The database is away, or was: `back_after` says for how long. `notified_at` None: no alert was sent."""

    since: datetime
    reason: str
    notified_at: datetime | None = None
    thread: str | None = None
    back_after: float | None = None
    next_try: datetime | None = None


class Collector:
    """The current state, as known from events."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._pending: dict[str, PendingRuns] = {}
        self._cycles: dict[str, Cycle] = {}
        self._ended: deque[Cycle] = deque(maxlen=MOST_ENDED)
        self._held: dict[tuple[str, str], int] = {}
        self._compared: dict[str, tuple[datetime, dict[str, Fact]]] = {}
        self._left: dict[tuple[str, str], int] = {}
        self._deleted: dict[tuple[str, str], int] = {}
        self.outage: Outage | None = None
        self.replaced: DatabaseReplaced | None = None
        """The first report that an older copy took the database's place; None after people know it."""

    @property
    def is_away(self) -> bool:
        """Whether the database is known to be away."""
        return self.outage is not None and self.outage.back_after is None

    def take(self, event: Event, at: datetime) -> None:
        """Take one event over."""
        match event:
            case EntityFinished():
                self._finished(event, at)
            case ComparisonSeen():
                _, facts = self._compared.setdefault(event.region, (at, {}))
                facts[event.entity] = Fact(event.is_differing, event.compared_at, event.found)
            case DeletionsNeedReview() | RecordsLeft() | RowsLost():
                self._count(event)
            case AttendanceChanged():
                self._attendance(event, at)
            case CycleStarted(account, run_id, regions):
                self._cycles[account] = Cycle(account, run_id, regions, at, look_at=at)
            case CycleFinished():
                self._cycle_finished(event, at)
            case DatabaseLost(reason):
                self._lost(reason, at)
            case DatabaseReplaced():
                self.replaced = self.replaced or event
            case DatabaseBack(away_seconds) if self.outage is not None:
                self.outage.back_after = away_seconds
                self.outage.next_try = None

    def _count(self, event: DeletionsNeedReview | RecordsLeft | RowsLost) -> None:
        """What a run says of an entity's records before it ends."""
        place = (event.region, event.entity)
        match event:
            case DeletionsNeedReview():
                self._held[place] = event.records
            case RecordsLeft():
                self._left[place] = event.records
            case RowsLost():
                self._deleted[place] = self._deleted.get(place, 0) + (event.records or 1)

    def _finished(self, event: EntityFinished, at: datetime) -> None:
        # While the database is away everything fails by that; what fails by something else as well, and stays
        # so, is told after the next run.
        failed = event.status == FAILED
        # Said by a run before it ends; one that failed may not have come to it.
        place = (event.region, event.entity)
        held, left, lost = (one.pop(place, None if failed else 0) for one in (self._held, self._left, self._deleted))
        if failed and (self.is_away or is_interruption(event.error_code)):
            return
        pending = self._pending.setdefault(event.region, PendingRuns(at))
        known = pending.found.get(event.entity)
        again = known if known is not None and known.status == event.status else None
        pending.found[event.entity] = RunFinding(
            event.entity,
            event.status,
            event.error,
            event.calls > 0,
            again.first_at if again else at,
            again.failures + 1 if again else 1,
            known.held if held is None and known is not None else held,
            known.left if left is None and known is not None else left,
            known.lost if not lost and known is not None else lost,
            event.error_code,
            event.blocked_by,
        )

    def _attendance(self, event: AttendanceChanged, at: datetime) -> None:
        pending = self._pending.setdefault(event.region, PendingRuns(at))
        pending.is_ripe = True
        status = SUCCESS if event.is_attended else FAILED
        error = None if event.is_attended else unattended(event.region)
        code = None if event.is_attended else ErrorCode.UNATTENDED
        for entity in event.entities:
            pending.found[entity] = RunFinding(entity, status, error, called=False, first_at=at, failures=1, code=code)

    def _cycle_finished(self, event: CycleFinished, at: datetime) -> None:
        for region in event.regions:
            if region in self._pending:
                self._pending[region].is_ripe = True
        cycle = self._cycles.pop(event.account, None)
        if cycle is None:
            started_at = at - timedelta(seconds=event.duration_seconds)
            cycle = Cycle(event.account, event.run_id, event.regions, started_at, look_at=at)
        cycle.seconds = event.duration_seconds
        if self._is_long(cycle, at) and not cycle.is_told:
            self._ended.append(cycle)

    def _is_long(self, cycle: Cycle, now: datetime) -> bool:
        seconds = (now - cycle.started_at).total_seconds() if cycle.seconds is None else cycle.seconds
        return self._rules.warn_after is not None and seconds >= self._rules.warn_after.total_seconds()

    def _lost(self, reason: str, at: datetime) -> None:
        if self.outage is None:
            self.outage = Outage(at, reason)
        elif self.outage.back_after is not None:
            # Away again before its end was told: for people it never came back.
            self.outage = replace(self.outage, back_after=None, next_try=None, reason=reason)
        for pending in self._pending.values():
            blaming = [one.entity for one in pending.found.values() if one.status == FAILED and is_outage(one.code)]
            for entity in blaming:
                del pending.found[entity]

    # --- what is due ------------------------------------------------------------------------------

    def due_regions(self, now: datetime, *, everything: bool) -> list[str]:
        """The regions whose cycle has ended, or whose first finding is old enough."""
        return [
            region
            for region, pending in self._pending.items()
            if everything or pending.is_ripe or now - pending.since >= self._rules.group
        ]

    def due_comparisons(self, now: datetime, *, everything: bool) -> list[tuple[str, dict[str, Fact]]]:
        """Comparisons by region, once the other entities of the region have had time to be compared."""
        return [
            (region, facts)
            for region, (since, facts) in self._compared.items()
            if everything or now - since >= self._rules.group
        ]

    def compared(self, region: str) -> None:
        """Forget the comparisons of a region: they are decided on."""
        del self._compared[region]

    def pop(self, region: str) -> PendingRuns:
        """Hand over what a region came to."""
        return self._pending.pop(region)

    def put_back(self, region: str, old: PendingRuns) -> None:
        """Keep findings that could not be decided on; newer ones win, ripeness stays."""
        new = self._pending.get(region)
        found = {**old.found, **new.found} if new else old.found
        self._pending[region] = PendingRuns(old.since, found, is_ripe=True)

    @property
    def undecided(self) -> int:
        """Findings that wait."""
        return sum(len(pending.found) for pending in self._pending.values())

    def long_runs(self, now: datetime) -> list[Cycle]:
        """Runs over the limit that are to be looked at now."""
        return [
            cycle
            for cycle in (*self._ended, *self._cycles.values())
            if cycle.look_at <= now and self._is_long(cycle, now)
        ]

    def looked_at(self, cycle: Cycle, *, is_told: bool, again_at: datetime) -> None:
        """People know, by this message or an earlier one; or it is to be tried again."""
        cycle.is_told = cycle.is_told or is_told
        cycle.look_at = again_at
        if is_told and cycle in self._ended:
            self._ended.remove(cycle)
