"""Plans the scans of a list, and the days that each one asks for. Pure.

There are three kinds: full, incremental (what changed since the last complete scan, by the clock of its first request,
less an overlap, because the API compares days in an unknown time zone) and window (what is planned around today). The
kinds are planned for all lists together. The days are chosen when a list is read, because a machine may sleep between.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zlib import crc32

from breezeway_sync.entities.checkpoints import BACKFILL, FULL, INCREMENTAL, WINDOW, Days, ListState, RefreshPace
from breezeway_sync.entities.model import Source
from breezeway_sync.sync.ports import Params

# A list is due within a quarter of its interval, at a place of its own: not all in one hour. The last one is due
# early enough that no list of a service which reads every hour is ever older than its interval of a week.
SPREAD = 0.25
LATEST = 0.97
_DAY = timedelta(days=1)
# The note that counts the lists which the run that was cut off has read.
READ_BEFORE = "lists that were read before the interruption"


@dataclass(frozen=True, slots=True)
class PlannedScan:
    """A walk to be made, from one day to another where it is narrowed to some.

    `today`: the day around which these were chosen; a walk that begins later has asked for the wrong ones.
    """

    kind: str
    since: date | None = None
    until: date | None = None
    today: date | None = None

    @property
    def must_begin_before(self) -> datetime | None:
        """The moment after which its days are the wrong ones; None where it asks for any, or for given ones."""
        return None if self.today is None else datetime.combine(self.today + _DAY, time(), UTC)

    def narrowed(self, usual: Params, source: Source) -> Params:
        """What goes with every call, and what narrows the list to this walk in place of the same name."""
        own = self.params(source)
        names = {name for name, _ in own}
        return [*((name, value) for name, value in usual if name not in names), *own]

    def params(self, source: Source) -> Params:
        """What narrows the list to this walk."""
        if self.kind in (WINDOW, BACKFILL):
            days = {"{since}": str(self.since), "{until}": str(self.until)}
            return [(name, _filled(value, days)) for name, value in source.dated]
        if self.kind == INCREMENTAL and source.changed is not None:
            window = source.changed
            return ((window.param, f"{self.since},{self.until}" if window.is_pair else str(self.since)),)
        return ()


def _filled(text: str, values: Mapping[str, str]) -> str:
    for name, value in values.items():
        text = text.replace(name, value)
    return text


@dataclass(frozen=True, slots=True)
class ScanInputs:
    """What decides over the walks of one run. `cut_off` is when the run began that this one goes on with."""

    now: datetime
    pace: RefreshPace
    is_full: bool
    version: int
    interrupted: datetime | None = None


def due_scans(
    source: Source, name: str, known_state: ListState, expected: ScanInputs, *, has_window: bool
) -> list[str]:
    """The kinds of walks that a list needs now; `name` gives it its place in time. None when the run that was cut off
    had made them all.

    `has_near`: the mirror has live records around today that the list should show.
    """
    found = _kinds(source, name, known_state, expected, has_window=has_window)
    interrupted = expected.interrupted
    return [kind for kind in found if interrupted is None or not is_made(kind, known_state, interrupted)]


def _kinds(source: Source, name: str, known_state: ListState, expected: ScanInputs, *, has_window: bool) -> list[str]:
    whole, covered, near, now = (
        known_state.last_full_scan_at,
        known_state.watermark,
        known_state.last_window_scan_at,
        expected.now,
    )
    if source.changed is None or expected.is_full or whole is None or covered is None:
        return [FULL]
    # A watermark of the future was written by a wrong clock: nothing can be concluded from it.
    if known_state.version != expected.version or known_state.is_doubtful or max(whole, covered) > now:
        return [FULL]
    if _is_due(whole, name, expected.pace.full_scan_seconds, now):
        return [FULL]
    is_window_scan_due = near is None or near > now or _is_due(near, name, expected.pace.window_scan_seconds, now)
    return [INCREMENTAL, WINDOW] if source.dated and has_window and is_window_scan_due else [INCREMENTAL]


def _is_due(last: datetime, name: str, every_seconds: float, now: datetime) -> bool:
    return (now - last).total_seconds() >= due_seconds(name, every_seconds)


def due_seconds(name: str, every_seconds: float) -> float:
    """How long after it was read a list is due again; `name` gives it its place in time."""
    return every_seconds * (LATEST - SPREAD * crc32(name.encode()) / 2**32)


def planned_scan_of(kind: str, known_state: ListState, pace: RefreshPace, now: datetime) -> PlannedScan:
    """The walk of a kind that is asked for at `now`."""
    today = now.date()
    if kind == INCREMENTAL and known_state.watermark is not None:
        since = known_state.watermark - timedelta(seconds=pace.overlap_seconds)
        return PlannedScan(INCREMENTAL, since.date(), today + _DAY, today)
    if kind == WINDOW:
        return PlannedScan(WINDOW, *window_days(today, pace), today)
    return PlannedScan(FULL)


def window_days(today: date, pace: RefreshPace) -> tuple[date, date]:
    """The first and the last day that count as around today: one more on either side, since the service's day may be
    another than UTC's, and tomorrow's days are known when it begins."""
    reach = timedelta(days=pace.window_days + 1)
    return today - reach, today + reach


def is_made(kind: str, known_state: ListState, interrupted: datetime) -> bool:
    """Whether the run that began at `interrupted` has made this scan."""
    at = {
        FULL: known_state.last_full_scan_at,
        INCREMENTAL: known_state.watermark,
        WINDOW: known_state.last_window_scan_at,
    }[kind]
    return at is not None and at >= interrupted and not known_state.is_doubtful


def backfill_scan(days: Days) -> PlannedScan:
    """The walk over what falls between two days."""
    return PlannedScan(BACKFILL, days.since, days.until)


def refresh_share(total: int, elapsed_seconds: float, period_seconds: float) -> int:
    """How many of `total` parents a rolling sweep takes after so long."""
    if period_seconds <= 0:
        return total
    return min(total, int(total * max(0.0, elapsed_seconds) / period_seconds))


def list_name(region: str, source: str, parent: int) -> str:
    """A list's name, by which it has its place in time."""
    return f"{region} {source} {parent}"
