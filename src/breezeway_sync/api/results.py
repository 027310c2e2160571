"""The results of the client: a record, a page, a count of calls."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from breezeway_sync.core.outcome import Tally
from breezeway_sync.entities.decode import Item, Json

__all__ = ["FetchedPage", "FetchedRecord", "Params", "Tally"]

Params = Sequence[tuple[str, str | int]]
"""Query parameters in order; a name may stand more than once (arrays)."""


@dataclass(frozen=True, slots=True)
class FetchedRecord:
    """A single object. Both times are those at which the attempt that succeeded was sent."""

    value: dict[str, Json]
    requested_at: float
    requested_wall: datetime


@dataclass(frozen=True, slots=True)
class FetchedPage:
    """One page of a list; `number` counts from 1.

    `requested_at` is in seconds of `Clock.monotonic`, `requested_wall` in UTC: when the attempt that
    succeeded was sent. `is_last` stands on the last page, which may be empty. `is_complete` is False
    only there, and only when the server had announced more than it gave: absence from such a list says
    nothing. `is_repeat`: the list ended because this page only showed again what was known. `size_bytes` is
    the JSON that it came in.
    """

    items: tuple[Item, ...]
    number: int
    requested_at: float
    requested_wall: datetime
    total_pages: int | None = None
    total_results: int | None = None
    is_last: bool = False
    is_complete: bool = True
    is_repeat: bool = False
    size_bytes: int = 0
