"""The interface through which the HTTP side reads the daemon."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from breezeway_sync.core.report import Freshness, LeaseState, PastRun, RegionState, TokenState, VerificationState
from breezeway_sync.ops.health import Facts
from breezeway_sync.ops.metrics import Metrics


@dataclass(frozen=True, slots=True)
class StatusReport:
    """What the database said at `read_at` (aware, UTC), and why it says nothing newer, if so.

    Ages and remaining times in it count from `read_at`.
    """

    freshness: tuple[Freshness, ...]
    runs: tuple[PastRun, ...]
    leases: tuple[LeaseState, ...]
    tokens: tuple[TokenState, ...]
    regions: tuple[RegionState, ...]
    database_error: str | None
    read_at: datetime
    verifications: tuple[VerificationState, ...] = ()


class Watch(Protocol):
    """The daemon, as far as it lets itself be looked at."""

    @property
    def metrics(self) -> Metrics: ...

    def facts(self) -> Facts:
        """The present; takes no time."""
        ...

    async def status(self) -> StatusReport:
        """The latest report, which may be old. May fail or hang: whoever asks bounds it."""
        ...
