"""The result of comparing the mirror with the API: what `verification_results` stores and `verify` prints."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum

from breezeway_sync.core.error_codes import ErrorCode
from breezeway_sync.core.events import VerificationFinished


class Class(Enum):
    """What a difference means. Only LATE is explained: the API changed after our last read."""

    LATE = "late"
    MISSING = "missing"
    SURPLUS = "surplus"
    WRONG = "wrong"
    UNEXPLAINED = "unexplained"


PROVED = "proved"
LATE = "late"
FAILED = "failed"
INCOMPLETE = "incomplete"


@dataclass(frozen=True, slots=True)
class Difference:
    """One place where mirror and API say different things; never what they say.

    `key` is the API's id ("task 17" for a tag of type task), or "" for the whole list; `path` the field,
    "" for the whole record.
    """

    entity: str
    key: str
    path: str
    kind: Class


@dataclass(frozen=True, slots=True)
class VerificationResult:
    """One region and entity, compared. `compared` counts what was looked at, by name: records, lists, links …

    `is_whole`: everything was compared, and not a sample. `equal` are records without a difference. `error` says why
    not all of it was compared, `error_code` is the code of that error.
    """

    region: str
    entity: str
    started_at: datetime
    seed: int
    compared: Mapping[str, int] = field(default_factory=dict)
    differences: tuple[Difference, ...] = ()
    calls: int = 0
    seconds: float = 0.0
    error: str | None = None
    error_code: ErrorCode | None = None
    is_full: bool = False
    equal: int = 0

    @property
    def result(self) -> str:
        """PROVED only when everything was compared and nothing differs."""
        kinds = {one.kind for one in self.differences}
        if kinds - {Class.LATE}:
            return FAILED
        if self.error is not None:
            return INCOMPLETE
        return LATE if kinds else PROVED

    @property
    def is_explained(self) -> bool:
        return self.result in (PROVED, LATE)

    @property
    def records(self) -> int:
        return self.compared.get("records", 0)

    @property
    def unexplained(self) -> tuple[Difference, ...]:
        """The differences that are not late."""
        return tuple(one for one in self.differences if one.kind is not Class.LATE)

    def count(self, kind: Class) -> int:
        return sum(one.kind is kind for one in self.differences)

    def told(self, run_id: str) -> VerificationFinished:
        """The fact for whoever listens: counts, no places."""
        return VerificationFinished(
            run_id=run_id,
            region=self.region,
            entity=self.entity,
            result=self.result,
            compared_records=self.records,
            late_differences=self.count(Class.LATE),
            missing_differences=self.count(Class.MISSING),
            surplus_differences=self.count(Class.SURPLUS),
            wrong_differences=self.count(Class.WRONG),
            unexplained_differences=self.count(Class.UNEXPLAINED),
            calls=self.calls,
            duration_seconds=self.seconds,
            error=self.error,
        )
