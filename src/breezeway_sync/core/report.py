"""What the mirror says of itself: the shapes that the store reads and everything above shows."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Freshness:
    """One region and entity against its promise (v_sync_status); ages and durations in seconds.

    `status` is that of the latest run, None where none was recorded; `age_seconds` counts from the last
    success, None where there is none.
    """

    region: str
    region_name: str
    entity: str
    status: str | None
    last_success: datetime | None
    age_seconds: float | None
    promise_seconds: float
    is_late: bool
    records_processed: int | None
    calls: int | None
    duration_seconds: float | None
    error: str | None


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
    owed: int
    error: str | None


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
    """Totals of one region: calls still owed by source, open rejections, records that wait for a person by entity."""

    region: str
    owed: dict[str, int]
    rejected_open: int
    held: dict[str, int] = field(default_factory=dict)
