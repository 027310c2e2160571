"""The counts of a region's mirror that decide how many calls a refresh costs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class ListCounts:
    """One list: of the property `parent`, or of the region (0). `near` of its records are planned around today."""

    parent: int
    records: int
    near: int = 0


@dataclass(frozen=True, slots=True)
class HiddenCounts:
    """Records that lists leave out; `near` of them are planned around today."""

    records: int
    near: int = 0


@dataclass(frozen=True, slots=True)
class RowCounts:
    """One region. By source: `lists`, `owed` calls, `unavailable` ones and those that were `read` whole once.

    By entity: `changed_per_hour` records (missing where the log is too young to tell) and `unlisted` ones.
    """

    region: str
    lists: Mapping[str, Sequence[ListCounts]]
    read: frozenset[str] = frozenset()
    unavailable: frozenset[str] = frozenset()
    changed_per_hour: Mapping[str, float] = field(default_factory=dict)
    hidden: Mapping[str, HiddenCounts] = field(default_factory=dict)
    pending_reads: Mapping[str, int] = field(default_factory=dict)
    homes: int = 0
    """Live ones: so many lists of each source there are that is asked for home by home."""
