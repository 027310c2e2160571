"""Computes how many calls the schedule will cost, from what is stored. Pure: it makes no call.

It uses the rules by which lists are read (`sync.scans`), not figures of its own. It computes averages over a long time:
a list that is read once a week counts with a share each hour.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import ceil

from breezeway_sync.core.text import enumerated
from breezeway_sync.entities.model import AnswerShape, CalledChild, Entity, Source
from breezeway_sync.entities.row_counts import HiddenCounts, ListCounts, RowCounts
from breezeway_sync.entities.streams import STREAMS, Stream
from breezeway_sync.sync.job import ReadSettings
from breezeway_sync.sync.scans import due_seconds, list_name

HOUR_SECONDS = 3600.0
DAY_SECONDS = 86_400.0

CHANGES = "lists of what changed"
WHOLE_LISTS = "lists read whole each time"
REFRESH = "lists read whole now and then"
IN_WINDOW = "lists around today"
HIDDEN = "records that lists leave out"


@dataclass(frozen=True, slots=True)
class Use:
    """What one stream's calls are for, and how many an hour. `gives_way`: no cycle waits for them."""

    region: str
    entity: str
    purpose: str
    calls_per_hour: float
    gives_way: bool = False


@dataclass(frozen=True, slots=True)
class ReadInterval:
    """Entities of one account that are read together, every so many seconds."""

    name: str
    every_seconds: float
    entities: frozenset[str]


def calls_of(records: int, page_size: int) -> int:
    """Calls for a list in pages: a last page that is full is read past."""
    return records // page_size + 1


def forecast(row_counts: RowCounts, every_seconds: Mapping[str, float], settings: ReadSettings) -> list[Use]:
    """What reading a region costs; `every_seconds` by entity, those that are missing are not read."""
    excluded = row_counts.unavailable | settings.disabled
    found: dict[tuple[str, str, bool], float] = {}
    for stream in STREAMS.values():
        if stream.name in every_seconds:
            interval = every_seconds[stream.name]
            lists = [(*one, False) for one in _of_lists(stream, excluded, row_counts, interval, settings)]
            pending_reads = [one for one in stream.called if stream.child is None and one.source.name not in excluded]
            children = [
                (*one, True) for one in _of_children(stream.entity, pending_reads, row_counts, interval, settings)
            ]
            for purpose, calls_per_hour, gives_way in (*lists, *children):
                key = stream.name, purpose, gives_way
                found[key] = found.get(key, 0.0) + calls_per_hour
    return [Use(row_counts.region, name, purpose, calls, way) for (name, purpose, way), calls in found.items() if calls]


_Found = Iterator[tuple[str, float]]


def _of_lists(
    stream: Stream, excluded: Collection[str], row_counts: RowCounts, interval: float, settings: ReadSettings
) -> _Found:
    if stream.child is not None:
        if stream.name not in excluded:
            yield stream.child.child.items, row_counts.homes * HOUR_SECONDS / interval
        return
    for source in stream.sources:
        if source.name not in excluded:
            yield from _of_source(stream.entity, source, row_counts, interval, settings)
    yield HIDDEN, _of_hidden(row_counts.hidden.get(stream.name, HiddenCounts(0)), interval, settings)


def _of_source(
    entity: Entity, source: Source, row_counts: RowCounts, interval: float, settings: ReadSettings
) -> _Found:
    lists = row_counts.lists.get(source.name, () if source.per else (ListCounts(0, 0),))
    if source.changed is None:
        calls = sum(list_calls(entity, source, one.records, settings.page_size) for one in lists)
        yield WHOLE_LISTS, calls * HOUR_SECONDS / interval
        return
    # A walk asks from the day on that lies the overlap before the last one: half a day more on average.
    window_hours = (settings.pace.overlap_seconds + DAY_SECONDS / 2 + interval) / HOUR_SECONDS
    changed = row_counts.changed_per_hour.get(entity.name, 0.0) * window_hours / max(1, len(lists))
    for one in lists:
        name = list_name(row_counts.region, source.name, one.parent)
        whole_seconds = _period(name, settings.pace.full_scan_seconds, interval)
        per_hour = HOUR_SECONDS / whole_seconds
        yield REFRESH, per_hour * list_calls(entity, source, one.records, settings.page_size)
        # In between: one that reads everything also counts as one of the others.
        changes = list_calls(entity, source, int(changed), settings.page_size)
        yield CHANGES, per_hour * (whole_seconds / interval - 1) * changes
        # Only where there is something that could leave the list.
        if source.dated and one.near:
            window_scan_seconds = _period(name, settings.pace.window_scan_seconds, interval)
            near = list_calls(entity, source, one.near, settings.page_size)
            yield IN_WINDOW, per_hour * (ceil(whole_seconds / window_scan_seconds) - 1) * near


def list_calls(entity: Entity, source: Source, records: int, page_size: int) -> int:
    """Calls for reading a list: what takes several and does not tell when records were made is read twice."""
    calls = len(source.variants) * (1 if source.shape is AnswerShape.LIST else calls_of(records, page_size))
    return calls if calls == 1 or entity.stamps else 2 * calls


def _period(name: str, every_seconds: float, interval: float) -> float:
    """How often a list is read so, by cycles every `interval`: at the first one at which it is due."""
    return max(1, ceil(due_seconds(name, every_seconds) / interval)) * interval


def _of_children(
    entity: Entity, pending_reads: Sequence[CalledChild], row_counts: RowCounts, interval: float, settings: ReadSettings
) -> _Found:
    if not pending_reads:
        return
    records = sum(one.records for source in entity.sources for one in row_counts.lists.get(source.name, ()))
    children = enumerated([called.child.items for called in pending_reads])
    yield f"{children} of changed {entity.name}", len(pending_reads) * row_counts.changed_per_hour.get(entity.name, 0.0)
    full_scan_seconds = max(settings.pace.children_refresh_seconds, interval)
    yield f"{children} of all {entity.name} in turn", len(pending_reads) * records * HOUR_SECONDS / full_scan_seconds


def _of_hidden(hidden: HiddenCounts, interval: float, settings: ReadSettings) -> float:
    far = (hidden.records - hidden.near) / max(settings.pace.hidden_refresh_seconds, interval)
    return HOUR_SECONDS * (far + hidden.near / max(settings.pace.window_scan_seconds, interval))


def worries(uses: Sequence[Use], read_intervals: Sequence[ReadInterval], requests_per_minute: float) -> list[str]:
    """What of one account would be late, in words."""
    budget = requests_per_minute * 60
    total = sum(use.calls_per_hour for use in uses)
    found = []
    near = sum(use.calls_per_hour for use in uses if use.purpose == IN_WINDOW)
    if total > budget:
        text = f"{total:,.0f} calls an hour do not fit into {budget:,.0f}: everything falls behind"
        if near and total - near <= budget:
            text += f"; without the {near:,.0f} for {IN_WINDOW} they do, see `sync.window_hours` and `sync.window_days`"
        found.append(text)
    shortest = min(read_intervals, key=lambda read_interval: read_interval.every_seconds, default=None)
    for read_interval in read_intervals:
        lists = [use.calls_per_hour for use in uses if use.entity in read_interval.entities and not use.gives_way]
        calls = sum(lists) * read_interval.every_seconds / HOUR_SECONDS
        minutes = calls / requests_per_minute
        took = f"{read_interval.name} lists are {calls:,.0f} calls, about {minutes:,.0f} min"
        if minutes * 60 > read_interval.every_seconds:
            found.append(f"{took}, and due every {read_interval.every_seconds / 60:,.0f} min: they are always late")
        elif shortest is not None and minutes * 60 > shortest.every_seconds:
            found.append(f"{took}: {shortest.name} ones that come due meanwhile are late")
    return found


def unknowns(row_counts: RowCounts, every_seconds: Mapping[str, float], settings: ReadSettings) -> list[str]:
    """What the estimate cannot say of a region yet, in words."""
    streams = [stream for stream in STREAMS.values() if stream.name in every_seconds]
    sources = [source for stream in streams if stream.child is None for source in stream.sources]
    expected = [one.name for one in sources if one.name not in row_counts.unavailable | settings.disabled]
    unread = [name for name in expected if name not in row_counts.read]
    if not row_counts.read:
        return ["nothing is stored yet: how long the first load takes is not known"]
    found = []
    if unread:
        found.append(f"never read to the end, so how much is there is not known: {', '.join(unread)}")
    found += [
        f"how many {stream.name} change is not known: the log is younger than an hour after the first success"
        for stream in streams
        if stream.child is None and stream.called and stream.name not in row_counts.changed_per_hour
    ]
    return found
