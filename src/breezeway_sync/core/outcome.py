"""The outcome of a region and entity: what etl_sync_log stores and the command line prints."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from uuid import UUID

from breezeway_sync.core.error_codes import ErrorCode
from breezeway_sync.core.events import EntityFinished

SUCCESS = "success"
PARTIAL = "partial"
FAILED = "failed"


@dataclass(slots=True)
class Tally:
    """Calls made on somebody's behalf, retries included; passed along, added to by whoever calls.

    `repeats`: members of objects in their answers that a later one of the same name has replaced.
    """

    calls: int = 0
    repeats: int = 0


@dataclass(frozen=True, slots=True)
class Outcome:
    """One region and entity of one run; counts are records and calls.

    `status` is SUCCESS only when everything was read and written. Otherwise `error` says in words what is missing, and
    `error_code` is the gravest reason. `blocked_by` is the entity whose failure kept this one from being read.
    `is_passing` tells whether another attempt soon may do better; `accepted` counts problems that a person lives with;
    `details` is what else there is to tell, as JSON.
    """

    region: str
    entity: str
    status: str
    read: int = 0
    new: int = 0
    updated: int = 0
    unchanged: int = 0
    deleted: int = 0
    rejected: int = 0
    calls: int = 0
    pending_reads: int = 0
    seconds: float = 0.0
    error: str | None = None
    error_code: ErrorCode | None = None
    blocked_by: str | None = None
    is_passing: bool = False
    accepted: int = 0
    details: Mapping[str, object] = field(default_factory=dict)

    def told(self, run_id: UUID) -> EntityFinished:
        """The one wide fact about it."""
        return EntityFinished(
            run_id=str(run_id),
            region=self.region,
            entity=self.entity,
            status=self.status,
            read_records=self.read,
            new_records=self.new,
            updated_records=self.updated,
            unchanged_records=self.unchanged,
            deleted_records=self.deleted,
            rejected_records=self.rejected,
            calls=self.calls,
            pending_child_reads=self.pending_reads,
            duration_seconds=self.seconds,
            error=self.error,
            error_code=self.error_code,
            blocked_by=self.blocked_by,
        )
