"""The timetable: when each region's entities are due. Pure; times in seconds.

The entry that is due next also ends the reading of pending child reads. So a first load that takes days never delays an
hourly run, and no second kind of work is needed. If the clock is set by more than 30 s, the timetable is made again
from the last successes. A success in the future (from a clock that ran ahead) does not count and delays nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from math import inf
from zlib import crc32

from breezeway_sync.core.report import VerificationState
from breezeway_sync.core.verification import FAILED
from breezeway_sync.entities.streams import STREAMS
from breezeway_sync.service.selection import enabled_entities
from breezeway_sync.service.settings import Settings

Successes = Mapping[tuple[str, str], datetime]


@dataclass(frozen=True, slots=True)
class ScheduleEntry:
    """One line of the timetable: entities of one region that are read together, every so many seconds."""

    region: str
    interval: str
    every_seconds: float
    entities: tuple[str, ...]

    @property
    def name(self) -> str:
        return f"{self.region} {self.interval}"


@dataclass(frozen=True, slots=True)
class DueVerification:
    """An entity that is to be compared; `seed` where an earlier sample is to be drawn again."""

    entity: str
    seed: int | None = None


def timetable(settings: Settings) -> tuple[ScheduleEntry, ...]:
    """Every region's lines; entities that are switched off are on none."""
    every = {
        "hourly": settings.schedule.hourly_seconds,
        "daily": settings.schedule.daily_seconds,
        "weekly": settings.schedule.weekly_seconds,
    }
    groups: dict[str, tuple[str, ...]] = {}
    for name in enabled_entities(settings):
        interval = settings.entities[name].interval or STREAMS[name].interval.value
        groups[interval] = (*groups.get(interval, ()), name)
    return tuple(
        ScheduleEntry(region, interval, every[interval], entities)
        for region in settings.regions
        for interval, entities in groups.items()
    )


def first_in_seconds(line: ScheduleEntry, successes: Successes, now: datetime, spread_seconds: float) -> float:
    """How long after a start a line is first due: the schedule goes on from the last recorded success.

    A region that was never read begins at once. What is overdue begins within the spread, at a place that
    is the region's own, so that not all begin together.
    """
    if not any(region == line.region for region, _ in successes):
        return 0.0
    due_in = _due_in_seconds(line, successes, now)
    share = crc32(line.name.encode()) / 2**32
    return due_in if due_in > 0 else share * min(spread_seconds, line.every_seconds)


def _due_in_seconds(line: ScheduleEntry, successes: Successes, now: datetime) -> float:
    known = [successes.get((line.region, entity)) for entity in line.entities]
    oldest = min((one for one in known if one is not None), default=None)
    if oldest is None or None in known:
        return 0.0
    # A success in the future is a clock that was set back: due a full interval from now, not later.
    return min(line.every_seconds, line.every_seconds - (now - oldest).total_seconds())


def comparisons(
    settings: Settings, states: Iterable[VerificationState], successes: Successes, now: datetime
) -> list[tuple[str, list[DueVerification]]]:
    """What is to be compared with the API now, by region; the region that has waited longest comes first.

    A region is compared once all of it was read. Each has its own place in the last quarter of the interval; one that
    did not come to its end is tried again a 24th of the interval later. What has failed is drawn again with its
    seed, so that it is good only when that is repaired.
    """
    every = settings.schedule.verify_seconds
    known = {(one.region, one.entity): one for one in states}
    names = enabled_entities(settings)
    found: list[tuple[float, str, list[DueVerification]]] = []
    for region in settings.regions if every else ():
        if any((region, name) not in successes for name in names):
            continue
        longest = every * (1 - crc32(region.encode()) / 2**32 / 4)
        due, waited = [], 0.0
        for name in names:
            one = known.get((region, name))
            age = _age_seconds(None if one is None else one.compared_at, now)
            if age >= longest and _age_seconds(None if one is None else one.tried_at, now) >= every / 24:
                due.append(DueVerification(name, one.seed if one is not None and one.result == FAILED else None))
                waited = max(waited, age)
        if due:
            found.append((waited, region, due))
    return [(region, due) for _, region, due in sorted(found, key=lambda one: -one[0])]


def _age_seconds(moment: datetime | None, now: datetime) -> float:
    return inf if moment is None else (now - moment).total_seconds()


class PeerProgress:
    """Which turns other processes took: what one of them has read since our last turn is not read again.

    Compares only what the database says at two moments, so that no clock matters.
    """

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], datetime | None] = {}

    def begin(self, line: ScheduleEntry, successes: Successes, now: datetime) -> None:
        """A line is put on the timetable, made from these successes.

        Of a line that is overdue, what was read within half its interval was not the reason, and somebody may
        be reading the rest just now: the first turn leaves it out.
        """
        is_overdue = _due_in_seconds(line, successes, now) <= 0
        for entity in line.entities:
            at = successes.get((line.region, entity))
            is_fresh = at is not None and (now - at).total_seconds() < line.every_seconds / 2
            self._known[line.region, entity] = None if is_overdue and is_fresh else at

    def left(self, entities: Mapping[str, tuple[str, ...]], successes: Successes) -> dict[str, tuple[str, ...]]:
        """What nobody else has read since, by region; it counts as not known until it is `ended`."""
        found: dict[str, tuple[str, ...]] = {}
        for region, names in entities.items():
            for name in names:
                now, before = successes.get((region, name)), self._known.pop((region, name), ...)
                if before in (now, ...):
                    found[region] = (*found.get(region, ()), name)
                else:
                    self._known[region, name] = now
        return found

    def ended(self, entities: Mapping[str, tuple[str, ...]], successes: Successes) -> None:
        """Our own turn is over."""
        for region, names in entities.items():
            for name in names:
                self._known[region, name] = successes.get((region, name))
