"""Decides how much is compared, and estimates its cost. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from breezeway_sync.entities.comparison import Rows
from breezeway_sync.entities.model import AnswerShape, Source
from breezeway_sync.entities.streams import Stream
from breezeway_sync.sync.forecast import calls_of

PAGE_ROWS = 100
# Lists of so few pages are read whole: that also tells which records are missing.
SMALL_PAGES = 5
# Lists of properties, and lists of children, cost more than a record: one for so many records of the sample.
RECORDS_PER_LIST = 5
# A difference stays on record until it is seen right, so a sample looks at as many of them as a night has room for.
OPEN_PER_SAMPLE = 20


@dataclass(frozen=True, slots=True)
class Extent:
    """How much is compared: records per entity, by a seed that finds the same ones again; `whole`: all lists."""

    sample_records: int
    seed: int
    whole: bool = False
    workers: int = 8
    paths: Mapping[str, str] = field(default_factory=dict)
    disabled: frozenset[str] = frozenset()
    page_size: int = 100

    @property
    def lists(self) -> int:
        return max(1, self.sample_records // RECORDS_PER_LIST)

    @property
    def open_records(self) -> int:
        """How many records that an earlier comparison found to differ are looked at again by a sample."""
        return OPEN_PER_SAMPLE * self.sample_records


def estimated_calls(stream: Stream, rows: Rows, extent: Extent) -> int:
    """About how many calls a comparison makes where nothing differs, without those for the homes that it walks."""
    if stream.child is not None:
        return rows.homes if extent.whole else min(extent.lists, rows.homes)
    pending_reads = [one for one in stream.called if one.source.name not in extent.disabled]
    calls = len(pending_reads) * (rows.live if extent.whole else min(extent.lists, rows.live))
    seen = 0.0
    for source in (one for one in stream.sources if one.name not in extent.disabled):
        made, shown = _of_source(source, rows, extent)
        calls += made
        seen += shown
    if stream.entity.own_address is None:
        return calls
    left = max(0.0, rows.live - seen)
    drawn = left if extent.whole else min(extent.sample_records, rows.live) * left / max(1, rows.live)
    return round(calls + drawn)


def _of_source(source: Source, rows: Rows, extent: Extent) -> tuple[int, float]:
    """Calls for its lists, and how many live rows these show."""
    if source.shape is AnswerShape.LIST:
        return len(source.variants), float(rows.live)
    if source.per is not None:
        walked = 1.0 if extent.whole else min(1.0, extent.lists / max(1, rows.homes))
        calls = sum(calls_of(one, extent.page_size) for one in rows.by_home)
        return round(calls * walked), (rows.live - rows.hidden) * walked
    whole, pages = calls_of(rows.live - rows.hidden, extent.page_size), -(-rows.live // PAGE_ROWS)
    if extent.whole:
        return whole, rows.live - rows.hidden
    if pages <= SMALL_PAGES:
        return 1 + whole, rows.live - rows.hidden
    looked = 1 + min(pages - 1, max(1, extent.sample_records // PAGE_ROWS))
    return looked, min(rows.live, looked * PAGE_ROWS)


def calls_for_homes(homes: int, extent: Extent) -> int:
    """What it costs to ask the API which properties there are."""
    if extent.whole:
        return calls_of(homes, extent.page_size)
    return 1 + (1 if homes > SMALL_PAGES * PAGE_ROWS else calls_of(homes, extent.page_size))
