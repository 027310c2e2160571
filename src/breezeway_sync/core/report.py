"""The report of the mirror: types that the store reads and the layers above show."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from breezeway_sync.core.error_codes import ErrorCode
from breezeway_sync.core.verification import FAILED, LATE


@dataclass(frozen=True, slots=True)
class Freshness:
    """One region and entity against its promise (v_sync_status); ages and durations in seconds.

    `status` is that of the latest run, None where none was recorded; `age_seconds` counts from the last
    success, None where there is none. `claim`: held by a process that works it; unattended, when the last such process
    is gone for too long; off, when those that work the region do not ask for it: then it is never late.
    """

    region: str
    region_name: str
    entity: str
    status: str | None
    last_success: datetime | None
    age_seconds: float | None
    freshness_target_seconds: float
    is_late: bool
    records_processed: int | None
    calls: int | None
    duration_seconds: float | None
    error: str | None
    claim: str = "attended"
    error_code: ErrorCode | None = None

    @property
    def is_off(self) -> bool:
        return self.claim == "off"

    @property
    def is_unattended(self) -> bool:
        return self.claim == "unattended"


@dataclass(frozen=True, slots=True)
class PastRun:
    """A row of etl_sync_log; counts in records and calls."""

    region: str
    entity: str
    status: str
    started_at: datetime
    completed_at: datetime | None
    duration_seconds: float
    read: int
    new: int
    updated: int
    unchanged: int
    deleted: int
    rejected: int
    calls: int
    pending_reads: int
    error: str | None
    error_code: ErrorCode | None = None


@dataclass(frozen=True, slots=True)
class LeaseState:
    """An account's row in account_leases; `owner` is None where nobody works it."""

    account: str
    fence: int
    owner: str | None
    expires_in_seconds: float
    paused_for_seconds: float
    next_token_call_in_seconds: float


@dataclass(frozen=True, slots=True)
class TokenState:
    """A region's token, without the token: when it ends, how often it was renewed, what went wrong last."""

    region: str
    expires_at: datetime | None
    refreshed_at: datetime | None
    generation: int
    error: str | None


@dataclass(frozen=True, slots=True)
class RegionState:
    """Totals of one region: calls still owed by source, open rejections, records that wait for a person by entity,
    open problems, and by entity what of both a person has accepted."""

    region: str
    pending_reads: dict[str, int]
    rejected_open: int
    held: dict[str, int] = field(default_factory=dict)
    problems_open: int = 0
    accepted: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class VerificationState:
    """How a region and entity last compared with the API; what is None was never compared to its end.

    `tried_at` is the latest comparison's start, `compared_at` that of the latest one that came to its end, with
    its result, the seed of its sample and how many differences of each class it found.
    """

    region: str
    entity: str
    tried_at: datetime
    compared_at: datetime | None = None
    result: str | None = None
    seed: int | None = None
    differences: dict[str, int] = field(default_factory=dict)

    @property
    def is_differing(self) -> bool:
        """Whether the mirror was found to say something else than the API, in a way that no delay explains."""
        return self.result == FAILED

    @property
    def found(self) -> str:
        """What was found, in words: "530 wrong, 2 missing"."""
        counts = [f"{count:,} {name}" for name, count in self.differences.items() if count and name != LATE]
        return ", ".join(counts) or "no difference"


@dataclass(frozen=True, slots=True)
class OpenRejection:
    """A record that could not be stored, without what it holds.

    `entity` is an entity, or the list of a parent (`task_comments`) whose id `record_id` then is; `kind` is the
    type of a tag, otherwise "".
    """

    region: str
    entity: str
    kind: str
    record_id: str
    reason: str
    first_seen_at: datetime
    last_seen_at: datetime
    payload_bytes: int
    accepted_why: str | None = None
    """Why a person lives with it; None: nobody does."""


@dataclass(frozen=True, slots=True)
class KnownProblem:
    """Something that could not be read (`p17`) or stored (`r4`), and who lives with it.

    `code` is the kind of the error, `rejected` for a record that could not be stored; `resolved_at` None: it is open.
    """

    id: str
    region: str
    entity: str
    what: str
    code: str
    message: str
    first_seen_at: datetime
    last_seen_at: datetime
    resolved_at: datetime | None
    accepted_at: datetime | None
    accepted_by: str | None
    accepted_why: str | None


@dataclass(frozen=True, slots=True)
class ReadAgain:
    """What came of reading or bringing one problem's subject again."""

    id: str
    region: str
    entity: str
    what: str
    is_open: bool
    came: str


STORED = "stored"
UPDATED = "updated"
UNCHANGED = "unchanged"
SUPERSEDED = "superseded"
"""A newer answer of the same record is in the mirror."""
PENDING_READS = "pending_reads"
"""It will be asked for again."""
LEFT = "left"
"""Nothing was tried, since it could do harm."""
REJECTED = "rejected"


@dataclass(frozen=True, slots=True)
class Retried:
    """What came of bringing a rejected record again, and why where it is still open."""

    region: str
    entity: str
    kind: str
    record_id: str
    came: str
    why: str | None = None
    id: int = 0

    @property
    def is_open(self) -> bool:
        return self.came in (PENDING_READS, LEFT, REJECTED)
