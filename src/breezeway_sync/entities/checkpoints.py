"""Types that reading and storing share about checkpoints and about refreshing old records."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

# What a walk over a list asks for: everything, what changed, what is planned around today.
FULL = "full"
INCREMENTAL = "incremental"
WINDOW = "window"
# What falls between two days, read again on demand.
BACKFILL = "backfill"


@dataclass(frozen=True, slots=True)
class RefreshPace:
    """How often what is read again; see `[sync]` of the configuration."""

    overlap_seconds: float = 86_400.0
    full_scan_seconds: float = 7 * 86_400.0
    children_refresh_seconds: float = 30 * 86_400.0
    window_scan_seconds: float = 0.8 * 3600.0
    window_days: int = 14
    hidden_refresh_seconds: float = 6 * 86_400.0
    resume_seconds: float = 3600.0


@dataclass(frozen=True, slots=True)
class Days:
    """From one day to another, both included."""

    since: date
    until: date


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a walk over a list has proven, stored in the transaction of the last records that it speaks for.

    `parent` is the property whose list it is, or 0. `began_at` and `began_order` are those of the first request
    that the proof rests on: what a later request brought was not to be shown by it. `ids` are the `shown` records
    that it showed; of one that is complete, what is not among them is absent, unless it is one of those `nameless`
    without an id. `covers_near`: no record around today was stored that its list could have lost before it began.
    """

    source: str
    parent: int
    kind: str
    since: date | None
    until: date | None
    began_at: datetime
    began_order: int
    shown: int
    is_complete: bool
    version: int
    ids: Sequence[int] = ()
    nameless: int = 0
    covers_window: bool = False


@dataclass(frozen=True, slots=True)
class ListState:
    """What marks have left of a list: when the first request of its last complete walks was sent, by kind.

    The last walk of everything served `version` of the mapping. `is_doubtful`: records that it did not
    show wait for a person.
    """

    watermark: datetime | None = None
    last_full_scan_at: datetime | None = None
    last_window_scan_at: datetime | None = None
    version: int | None = None
    is_doubtful: bool = False
    refused_run: UUID | None = None
    """The first run that asked a sample of its parents and was refused for all of them, with no answer since."""

    @property
    def has_answered(self) -> bool:
        """Whether the account was ever seen to have it."""
        return self.watermark is not None
