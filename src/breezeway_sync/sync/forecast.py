"""How many calls the schedule will cost, from what is stored. Pure: no call is made to find out.

Averages over a long time: a list that is read whole once a week counts with a share each hour.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import ceil

from breezeway_sync.entities.catalog import ENTITIES
from breezeway_sync.entities.model import CalledChild, Entity, Shape, Source
from breezeway_sync.entities.stock import Listed, Stock, Unlisted
from breezeway_sync.sync.job import Settings
from breezeway_sync.sync.walks import due_seconds, list_name

HOUR_SECONDS = 3600.0
DAY_SECONDS = 86_400.0

CHANGES = "lists of what changed"
WHOLE_LISTS = "lists read whole each time"
SWEEP = "lists read whole now and then"
NEAR_TODAY = "lists around today"
CONTACTS = "contacts"
CHILDREN = "comments and requirements of changed tasks"
ROLLING = "comments and requirements of all tasks in turn"
UNLISTED = "records that lists leave out"

# What waits for a cycle's lists; the rest gives way to what is due.
OF_CYCLES = frozenset({CHANGES, WHOLE_LISTS, SWEEP, NEAR_TODAY, CONTACTS, UNLISTED})


@dataclass(frozen=True, slots=True)
class Use:
    """What one entity's calls are for, and how many an hour."""

    region: str
    entity: str
    purpose: str
    calls_per_hour: float


@dataclass(frozen=True, slots=True)
class Tempo:
    """Entities of one account that are read together, every so many seconds."""

    name: str
    every_seconds: float
    entities: frozenset[str]


def calls_of(records: int, page_size: int) -> int:
    """Calls for a list in pages: a last page that is full is read past."""
    return records // page_size + 1


def forecast(stock: Stock, every_seconds: Mapping[str, float], settings: Settings) -> list[Use]:
    """What reading a region costs; `every_seconds` by entity, those that are missing are not read."""
    found: dict[tuple[str, str], float] = {}
    for entity in ENTITIES:
        for name, purpose, calls_per_hour in _of_entity(entity, stock, every_seconds, settings):
            found[name, purpose] = found.get((name, purpose), 0.0) + calls_per_hour
    return [Use(stock.region, name, purpose, calls) for (name, purpose), calls in found.items() if calls]


_Found = Iterator[tuple[str, str, float]]


def _of_entity(entity: Entity, stock: Stock, every: Mapping[str, float], settings: Settings) -> _Found:
    left_out = stock.unavailable | settings.disabled
    if entity.name in every:
        interval = every[entity.name]
        for source in entity.sources:
            if source.name not in left_out:
                for purpose, calls in _of_source(entity, source, stock, interval, settings):
                    yield entity.name, purpose, calls
        owed = [called for called in entity.called if called.owed and called.source.name not in left_out]
        yield from _of_children(entity, owed, stock, interval, settings)
        yield entity.name, UNLISTED, _of_unlisted(stock.unlisted.get(entity.name, Unlisted(0)), interval, settings)
    for called in entity.called:
        name = called.source.name
        if not called.owed and name in every and name not in left_out:
            yield name, CONTACTS, stock.properties * HOUR_SECONDS / every[name]


def _of_source(
    entity: Entity, source: Source, stock: Stock, interval: float, settings: Settings
) -> Iterator[tuple[str, float]]:
    lists = stock.lists.get(source.name, () if source.per else (Listed(0, 0),))
    if source.changed is None:
        calls = sum(list_calls(entity, source, one.records, settings.page_size) for one in lists)
        yield WHOLE_LISTS, calls * HOUR_SECONDS / interval
        return
    # A walk asks from the day on that lies the overlap before the last one: half a day more on average.
    window_hours = (settings.pace.overlap_seconds + DAY_SECONDS / 2 + interval) / HOUR_SECONDS
    changed = stock.changed_per_hour.get(entity.name, 0.0) * window_hours / max(1, len(lists))
    for one in lists:
        name = list_name(stock.region, source.name, one.parent)
        whole_seconds = _period(name, settings.pace.sweep_seconds, interval)
        per_hour = HOUR_SECONDS / whole_seconds
        yield SWEEP, per_hour * list_calls(entity, source, one.records, settings.page_size)
        # In between: one that reads everything also counts as one of the others.
        changes = list_calls(entity, source, int(changed), settings.page_size)
        yield CHANGES, per_hour * (whole_seconds / interval - 1) * changes
        # Only where there is something that could leave the list.
        if source.dated and one.near:
            near_seconds = _period(name, settings.pace.near_seconds, interval)
            near = list_calls(entity, source, one.near, settings.page_size)
            yield NEAR_TODAY, per_hour * (ceil(whole_seconds / near_seconds) - 1) * near


def list_calls(entity: Entity, source: Source, records: int, page_size: int) -> int:
    """Calls for reading a list: what takes several and does not tell when records were made is read twice."""
    calls = len(source.variants) * (1 if source.shape is Shape.LIST else calls_of(records, page_size))
    return calls if calls == 1 or entity.stamps else 2 * calls


def _period(name: str, every_seconds: float, interval: float) -> float:
    """How often a list is read so, by cycles every `interval`: at the first one at which it is due."""
    return max(1, ceil(due_seconds(name, every_seconds) / interval)) * interval


def _of_children(
    entity: Entity, owed: Sequence[CalledChild], stock: Stock, interval: float, settings: Settings
) -> _Found:
    if not owed:
        return
    tasks = sum(one.records for source in entity.sources for one in stock.lists.get(source.name, ()))
    yield entity.name, CHILDREN, len(owed) * stock.changed_per_hour.get(entity.name, 0.0)
    sweep_seconds = max(settings.pace.children_sweep_seconds, interval)
    yield entity.name, ROLLING, len(owed) * tasks * HOUR_SECONDS / sweep_seconds


def _of_unlisted(unlisted: Unlisted, interval: float, settings: Settings) -> float:
    far = (unlisted.records - unlisted.near) / max(settings.pace.unlisted_seconds, interval)
    return HOUR_SECONDS * (far + unlisted.near / max(settings.pace.near_seconds, interval))


def worries(uses: Sequence[Use], tempos: Sequence[Tempo], requests_per_minute: float) -> list[str]:
    """What of one account would be late, in words."""
    budget = requests_per_minute * 60
    total = sum(use.calls_per_hour for use in uses)
    found = []
    near = sum(use.calls_per_hour for use in uses if use.purpose == NEAR_TODAY)
    if total > budget:
        text = f"{total:,.0f} calls an hour do not fit into {budget:,.0f}: everything falls behind"
        if near and total - near <= budget:
            text += f"; without the {near:,.0f} for {NEAR_TODAY} they do, see `sync.near_hours` and `sync.near_days`"
        found.append(text)
    shortest = min(tempos, key=lambda tempo: tempo.every_seconds, default=None)
    for tempo in tempos:
        lists = [use.calls_per_hour for use in uses if use.entity in tempo.entities and use.purpose in OF_CYCLES]
        calls = sum(lists) * tempo.every_seconds / HOUR_SECONDS
        minutes = calls / requests_per_minute
        took = f"{tempo.name} lists are {calls:,.0f} calls, about {minutes:,.0f} min"
        if minutes * 60 > tempo.every_seconds:
            found.append(f"{took}, and due every {tempo.every_seconds / 60:,.0f} min: they are always late")
        elif shortest is not None and minutes * 60 > shortest.every_seconds:
            found.append(f"{took}: {shortest.name} ones that come due meanwhile are late")
    return found


def unknowns(stock: Stock, every_seconds: Mapping[str, float], settings: Settings) -> list[str]:
    """What the estimate cannot say of a region yet, in words."""
    sources = [source for entity in ENTITIES if entity.name in every_seconds for source in entity.sources]
    wanted = [one.name for one in sources if one.name not in stock.unavailable | settings.disabled]
    unread = [name for name in wanted if name not in stock.read]
    if not stock.read:
        return ["nothing is stored yet: how long the first load takes is not known"]
    found = []
    if unread:
        found.append(f"never read to the end, so how much is there is not known: {', '.join(unread)}")
    if "tasks" in every_seconds and "tasks" not in stock.changed_per_hour:
        found.append("how many tasks change is not known: the log is younger than an hour after the first success")
    return found
