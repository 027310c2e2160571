"""Which walks a list needs, and what a finished one proves. Pure.

Three kinds: everything, what changed since the last complete walk (by the clock of its first request, less
an overlap, since the service compares days and nobody knows in which zone), and what is planned around
today. Only complete walks move what is known: every page read, the announced number the same at both ends
and equal to the records that were shown.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from zlib import crc32

from breezeway_sync.entities.marks import BACKFILL, CHANGED, NEAR, WHOLE, Days, Mark, Pace, Part, Standing
from breezeway_sync.entities.model import Source, Window
from breezeway_sync.sync.belonging import Sifted
from breezeway_sync.sync.ports import Page, Params
from breezeway_sync.sync.seen import Seen

# A list is due within the last quarter of its interval, at a place of its own: not all in one hour.
SPREAD = 0.25
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Walk:
    """A walk to be made; one that goes on from another that was cut off has pages and records stored already."""

    kind: str
    since: date | None = None
    until: date | None = None
    pages_stored: int = 0
    shown_stored: int = 0

    @property
    def is_resumed(self) -> bool:
        return self.pages_stored > 0

    def narrowed(self, usual: Params, source: Source) -> Params:
        """What goes with every call, and what narrows the list to this walk in place of the same name."""
        own = self.params(source)
        names = {name for name, _ in own}
        return [*((name, value) for name, value in usual if name not in names), *own]

    def params(self, source: Source) -> Params:
        """What narrows the list to this walk."""
        if self.kind == BACKFILL:
            days = {"{since}": str(self.since), "{until}": str(self.until)}
            return [(name, _filled(value, days)) for name, value in source.dated]
        window = {CHANGED: source.changed, NEAR: source.near}.get(self.kind)
        return () if window is None else ((window.param, self._days(window)),)

    def _days(self, window: Window) -> str:
        return f"{self.since},{self.until}" if window.is_pair else str(self.since)


def _filled(text: str, values: Mapping[str, str]) -> str:
    for name, value in values.items():
        text = text.replace(name, value)
    return text


@dataclass(frozen=True, slots=True)
class Wanted:
    """What decides over the walks of one run. `cut_off` is when the run began that this one goes on with."""

    now: datetime
    pace: Pace
    is_full: bool
    version: int
    page_size: int
    cut_off: datetime | None = None


def walks(source: Source, name: str, standing: Standing, wanted: Wanted) -> list[Walk]:
    """The walks that a list needs now; `name` gives it its place in time. None when the run that was cut off
    had made them all."""
    found = [_walk(kind, standing, wanted) for kind in _kinds(source, name, standing, wanted)]
    cut_off = wanted.cut_off
    if cut_off is None:
        return found
    left = [walk for walk in found if not is_made(walk.kind, standing, cut_off)]
    return [_resumed(walk, standing.part, wanted.page_size, cut_off) for walk in left]


def _kinds(source: Source, name: str, standing: Standing, wanted: Wanted) -> list[str]:
    whole, covered, now = standing.whole_at, standing.covered_at, wanted.now
    if source.changed is None or wanted.is_full or whole is None or covered is None:
        return [WHOLE]
    # A watermark of the future was written by a wrong clock: nothing can be concluded from it.
    if standing.version != wanted.version or standing.is_doubtful or max(whole, covered) > now:
        return [WHOLE]
    if _is_due(whole, name, wanted.pace.sweep_seconds, now):
        return [WHOLE]
    near = standing.near_at or whole
    is_near_due = source.near is not None and (near > now or _is_due(near, name, wanted.pace.near_seconds, now))
    return [CHANGED, NEAR] if is_near_due else [CHANGED]


def _is_due(last: datetime, name: str, every_seconds: float, now: datetime) -> bool:
    return (now - last).total_seconds() >= due_seconds(name, every_seconds)


def due_seconds(name: str, every_seconds: float) -> float:
    """How long after it was read a list is due again; `name` gives it its place in time."""
    return every_seconds * (1 - SPREAD * crc32(name.encode()) / 2**32)


def _walk(kind: str, standing: Standing, wanted: Wanted) -> Walk:
    today = wanted.now.date()
    if kind == CHANGED and standing.covered_at is not None:
        since = standing.covered_at - timedelta(seconds=wanted.pace.overlap_seconds)
        return Walk(CHANGED, since.date(), today + _DAY)
    if kind == NEAR:
        # One day more on either side: the service's day may be another than UTC's.
        reach = timedelta(days=wanted.pace.near_days + 1)
        return Walk(NEAR, today - reach, today + reach)
    return Walk(WHOLE)


def is_made(kind: str, standing: Standing, cut_off: datetime) -> bool:
    """Whether the run that began at `cut_off` has made this walk."""
    at = {WHOLE: standing.whole_at, CHANGED: standing.covered_at, NEAR: standing.near_at}[kind]
    return at is not None and at >= cut_off and not standing.is_doubtful


def backfill_walk(days: Days, part: Part | None, page_size: int) -> Walk:
    """The walk over what falls between two days, going on from the part that was stored before it was cut off."""
    if part is None or part.page_size != page_size:
        return Walk(BACKFILL, days.since, days.until)
    return Walk(BACKFILL, days.since, days.until, part.pages, part.shown)


def _resumed(walk: Walk, part: Part | None, page_size: int, cut_off: datetime) -> Walk:
    """Go on with what the run that was cut off has stored of this walk; what an earlier one left is too old."""
    if part is None or (part.kind, part.page_size) != (walk.kind, page_size) or part.began_at < cut_off:
        return walk
    return Walk(part.kind, part.since, part.until, part.pages, part.shown)


@dataclass(slots=True)
class Course:
    """What one walk over one list has shown so far."""

    source: str
    parent: int
    walk: Walk
    page_size: int
    version: int
    seen: Seen = field(default_factory=Seen)
    pages: int = 0
    began_at: datetime | None = None
    began_order: int = 0
    first_total: int | None = None
    last_total: int | None = None
    is_repeating: bool = False
    sifted: Sifted = field(default_factory=Sifted)

    @property
    def shown(self) -> int:
        """Distinct records, those of a walk before that was cut off counted in."""
        return self.walk.shown_stored + len(self.seen) + self.seen.nameless

    def turned(self, page: Page, order: int) -> None:
        """Take note of a page whose records are in `seen` already."""
        if self.began_at is None or order < self.began_order:
            self.began_at = page.requested_wall
            self.began_order = order
        if self.pages == 0:
            self.first_total = page.total_results
        self.pages += 1
        self.last_total = page.total_results
        self.is_repeating = page.is_repeat

    def flaw(self) -> str | None:
        """Why the list may have held records that were not shown, in words; None when it was read whole."""
        first, last = self.first_total, self.last_total
        if self.walk.is_resumed or last is None:
            return None
        if self.shown < last:
            return f"it showed {self.shown} of the {last} records that it announced"
        if first is not None and first > last:
            return "records vanished from it while it was read, and others may have slipped past"
        return None

    @property
    def is_complete(self) -> bool:
        """Whether absence from this walk says something."""
        if self.last_total is None and self.is_repeating:
            return False  # nothing says that there was not more
        is_steady = self.first_total == self.last_total
        return is_steady and not self.walk.is_resumed and self.last_total in (None, self.shown)

    def mark(self, *, is_over: bool) -> Mark:
        """How far it has come, to be stored with its records."""
        if self.began_at is None:
            raise AssertionError("unreachable: a walk is marked after its first page")
        # Nobody reads some days again but who asked for them: begun anew until they were read whole.
        is_anew = is_over and self.walk.kind == BACKFILL and self.flaw() is not None
        return Mark(
            source=self.source,
            parent=self.parent,
            kind=self.walk.kind,
            since=self.walk.since,
            until=self.walk.until,
            began_at=self.began_at,
            began_order=self.began_order,
            pages=0 if is_anew else self.walk.pages_stored + self.pages,
            page_size=self.page_size,
            shown=0 if is_anew else self.shown,
            is_over=is_over and not is_anew,
            is_complete=is_over and self.is_complete,
            version=self.version,
            ids=self._own_ids() if is_over else (),
            nameless=self.seen.nameless,
        )

    def _own_ids(self) -> Sequence[int]:
        """What was shown, without what belongs to another company: that is not in the region's list."""
        left_out = self.sifted.left_out
        return [key for key in self.seen.ids if key not in left_out] if left_out else self.seen.ids


def sweep_share(total: int, elapsed_seconds: float, period_seconds: float) -> int:
    """How many of `total` parents a rolling sweep takes after so long."""
    if period_seconds <= 0:
        return total
    return min(total, int(total * max(0.0, elapsed_seconds) / period_seconds))


def list_name(region: str, source: str, parent: int) -> str:
    """A list's name, by which it has its place in time."""
    return f"{region} {source} {parent}"
