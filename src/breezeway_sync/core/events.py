"""Events: facts that the lower layers report.

They are frozen and contain no secrets, payloads, ids of guests or URLs, so they may be logged or counted as they are.
`ops` turns them into log lines, the command line into progress bars. The lower layers do not know who listens.
"""

from __future__ import annotations

import contextlib
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Self

from breezeway_sync.core.error_codes import ErrorCode


@dataclass(frozen=True, slots=True)
class Event:
    """Base of all facts."""


@dataclass(frozen=True, slots=True)
class CallFinished(Event):
    """One HTTP exchange, retries counted one by one. `outcome` is `ok` or the code of an error."""

    account: str
    endpoint: str
    status: int | None
    outcome: str
    duration_seconds: float
    waited_seconds: float
    body_bytes: int


@dataclass(frozen=True, slots=True)
class CallRetried(Event):
    account: str
    endpoint: str
    attempt: int
    reason: str


@dataclass(frozen=True, slots=True)
class AccountPaused(Event):
    """The whole account waits, after a 429 or a block by the service's edge."""

    account: str
    endpoint: str
    seconds: float
    reason: str


@dataclass(frozen=True, slots=True)
class ConcurrencyChanged(Event):
    """How many calls may be under way from now on: of one account, or of all together (`account` is None).

    `reason` is `started`, `recovered`, `slow` or the class of the error that lowered it.
    """

    account: str | None
    calls: int
    reason: str


@dataclass(frozen=True, slots=True)
class TokenObtained(Event):
    """`how` is `stored`, `refresh` or `credentials`."""

    account: str
    how: str


@dataclass(frozen=True, slots=True)
class TokenFailed(Event):
    account: str
    reason: str


@dataclass(frozen=True, slots=True)
class LeaseClaimed(Event):
    account: str
    fence: int
    waited_seconds: float
    taken_over: bool


@dataclass(frozen=True, slots=True)
class LeaseAwaited(Event):
    account: str
    owner: str


@dataclass(frozen=True, slots=True)
class LeaseReleased(Event):
    account: str
    held_seconds: float


@dataclass(frozen=True, slots=True)
class CycleStarted(Event):
    """One account's work under one lease has begun; `regions` are codes."""

    account: str
    run_id: str
    regions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CycleFinished(Event):
    """`status` is the worst of its regions and entities."""

    account: str
    run_id: str
    regions: tuple[str, ...]
    status: str
    duration_seconds: float


@dataclass(frozen=True, slots=True)
class CycleSkipped(Event):
    """A cycle that was due did not run. `reason`: `running` (the one before is not done) or `held` (another
    process works the account)."""

    region: str
    interval: str
    reason: str


@dataclass(frozen=True, slots=True)
class ServiceStarted(Event):
    """`address` is where the service really listens; `configuration` the file, None when there is none."""

    version: str
    address: str
    configuration: str | None


@dataclass(frozen=True, slots=True)
class DatabaseLost(Event):
    reason: str


@dataclass(frozen=True, slots=True)
class DatabaseBack(Event):
    away_seconds: float


@dataclass(frozen=True, slots=True)
class DatabaseReplaced(Event):
    """An older copy has taken the database's place: acknowledged work of this account is gone. The next runs repeat
    it."""

    account: str
    reason: str


@dataclass(frozen=True, slots=True)
class AlertDelivered(Event):
    """A message to people; `error` says why the channel did not take it, without an address."""

    channel: str
    error: str | None


@dataclass(frozen=True, slots=True)
class ConfigurationReloaded(Event):
    """`changes` are sentences; `error` why the old settings were kept, None when the new ones apply."""

    changes: tuple[str, ...]
    error: str | None


@dataclass(frozen=True, slots=True)
class EntityStarted(Event):
    region: str
    entity: str


@dataclass(frozen=True, slots=True)
class EntityAdvanced(Event):
    """Progress of one region and entity: `done` of `total` units, None where the total is not known yet."""

    region: str
    entity: str
    unit: str
    done: int
    total: int | None


@dataclass(frozen=True, slots=True)
class BatchLoaded(Event):
    region: str
    entity: str
    read_records: int
    written_records: int
    duration_seconds: float


@dataclass(frozen=True, slots=True)
class RecordRejected(Event):
    region: str
    entity: str
    record_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class DeletionsNeedReview(Event):
    """More records than can be believed are gone at once: none is deleted before a person decides."""

    region: str
    entity: str
    records: int


@dataclass(frozen=True, slots=True)
class FieldChanged(Event):
    """The API's records look different. `what`: `appeared`, `vanished`, `type_changed` or `emptied`; `path` is a JSON
    path (`assignments[].name`), `detail` types or shares, never a value."""

    region: str
    entity: str
    path: str
    what: str
    detail: str


@dataclass(frozen=True, slots=True)
class EntityUnavailable(Event):
    """This account does not have that endpoint; it is tried again after `retry_hours`."""

    region: str
    source: str
    reason: str
    retry_hours: float


@dataclass(frozen=True, slots=True)
class EntityFinished(Event):
    """The one wide fact about a region, an entity and a run. `status` as in etl_sync_log."""

    run_id: str
    region: str
    entity: str
    status: str
    read_records: int
    new_records: int
    updated_records: int
    unchanged_records: int
    deleted_records: int
    rejected_records: int
    calls: int
    pending_child_reads: int
    duration_seconds: float
    error: str | None
    error_code: ErrorCode | None = None
    blocked_by: str | None = None


@dataclass(frozen=True, slots=True)
class AttendanceChanged(Event):
    """The last process that worked these entities of a region is gone for longer than they may be old; or somebody
    works them again (`is_attended`). The event comes again now and then while nobody does."""

    region: str
    entities: tuple[str, ...]
    is_attended: bool


@dataclass(frozen=True, slots=True)
class VerificationFinished(Event):
    """A region and entity was compared with the API. `result` and the classes are as in `verification_results`."""

    run_id: str
    region: str
    entity: str
    result: str
    compared_records: int
    late_differences: int
    missing_differences: int
    surplus_differences: int
    wrong_differences: int
    unexplained_differences: int
    calls: int
    duration_seconds: float
    error: str | None


@dataclass(frozen=True, slots=True)
class ComparisonSeen(Event):
    """The latest comparison of a region and entity, by whichever process, as the database has it; `found` in words."""

    region: str
    entity: str
    compared_at: datetime
    is_differing: bool
    found: str


@dataclass(frozen=True, slots=True)
class Crashed(Event):
    """An error that nobody foresaw. `stack` are frames without values or the error's text, which may quote data."""

    region: str
    entity: str
    error: str
    stack: str

    @classmethod
    def of(cls, region: str, entity: str, error: BaseException) -> Self:
        return cls(region, entity, type(error).__name__, "".join(traceback.format_tb(error.__traceback__)))


@dataclass(frozen=True, slots=True)
class OperatorNotice(Event):
    """Something an operator should read once, in a sentence."""

    what: str
    region: str | None = None
    entity: str | None = None


Emit = Callable[[Event], None]


def tell_crash(emit: Emit, region: str, entity: str, error: BaseException) -> None:
    """Emit `Crashed` for an error at the edge of a job. If there is no memory for the event, the job still ends."""
    with contextlib.suppress(Exception):
        emit(Crashed.of(region, entity, error))


def ignore(_event: Event) -> None:
    """An Emit for those who do not listen."""
