"""The plan of one account: ids, days and chances of its records. Nothing here is stored per record."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from breezeway_sync.sandbox.draw import Chance, Draw
from breezeway_sync.sandbox.spec import AccountSpec, Kind

#: Task counts of ten properties in a row, in halves of the mean (see AccountSpec).
_SHARES = (2, 2, 2, 5, 2, 0, 2, 1, 2, 2)


@dataclass(frozen=True, slots=True)
class IdRange:
    """Ids with gaps, in order of creation, that tell their index."""

    base: int
    stride: int
    count: int
    shift: int

    def id_of(self, index: int) -> int:
        return self.base + index * self.stride + (index * 7 + self.shift) % self.stride

    def index_of(self, record_id: int) -> int | None:
        index = (record_id - self.base) // self.stride
        return index if 0 <= index < self.count and self.id_of(index) == record_id else None

    @property
    def end(self) -> int:
        """The first id that no record of the beginning has."""
        return self.base + self.count * self.stride


@dataclass(frozen=True, slots=True)
class Calendar:
    """The account's history: from `past_days` before to `future_days` after the anchor, evenly filled."""

    anchor: datetime
    past_days: int
    future_days: int

    def created(self, nth: float) -> datetime:
        """When the record at this fraction of the history was created: in order, never after the anchor."""
        seconds = int(nth * (self.past_days + 30) * 86_400)
        return (
            self.anchor - timedelta(days=self.past_days + 30) + timedelta(seconds=min(seconds, self.total_seconds - 1))
        )

    @property
    def total_seconds(self) -> int:
        return (self.past_days + 30) * 86_400

    def day(self, nth: float) -> date:
        """Which day it is about: never before its creation."""
        return (self.anchor + timedelta(days=int(nth * (self.past_days + self.future_days)) - self.past_days)).date()


def calendar_of(spec: AccountSpec, anchor: date) -> Calendar:
    weeks = max(spec.tasks_per_property, spec.reservations_per_property, 4)
    span = min(max(weeks * 7, 90), 1460)
    future = min(span * 4 // 10, 180)
    return Calendar(datetime(anchor.year, anchor.month, anchor.day, tzinfo=UTC), span - future, future)


class Blueprint:
    """All that records are computed from."""

    def __init__(self, spec: AccountSpec, index: int, seed: int, anchor: date) -> None:
        self.spec = spec
        self.index = index
        self.seed = seed
        self.calendar = calendar_of(spec, anchor)
        self.salt = Chance(seed, spec.code, "salt").at(0).below(1 << 32)
        self.ids: dict[Kind, IdRange] = _id_ranges(spec, index)
        self._chances: dict[str, Chance] = {}
        self._task_counts = tuple(self._task_count(index) for index in range(10))

    def draw(self, what: str, index: int) -> Draw:
        chance = self._chances.get(what)
        if chance is None:
            chance = self._chances[what] = Chance(self.seed, self.spec.code, what)
        return chance.at(index)

    def _task_count(self, index: int) -> int:
        mean = self.spec.tasks_per_property
        share = _SHARES[index]
        if share == 5:  # what the half leaves over, so that ten properties have ten times the mean
            return mean * 3 - mean // 2
        return mean * share // 2

    def task_count(self, prop: int) -> int:
        return self._task_counts[prop % 10]

    def task_place(self, task_id: int) -> tuple[int, int] | None:
        """Index of the property and of the task within it."""
        index = self.ids["tasks"].index_of(task_id)
        if index is None:
            return None
        nth, prop = divmod(index, self.spec.properties)
        return (prop, nth) if nth < self.task_count(prop) else None

    def task_id(self, prop: int, nth: int) -> int:
        return self.ids["tasks"].id_of(nth * self.spec.properties + prop)

    def reference(self, what: int, index: int) -> str:
        """An id of the partner's system that tells its index, in the form of the samples."""
        return f"{self.salt:08x}{what:04x}{index:012x}"

    def unreference(self, what: int, reference: str) -> int | None:
        if len(reference) != 24 or not reference.startswith(f"{self.salt:08x}{what:04x}"):
            return None
        try:
            return int(reference[12:], 16)
        except ValueError:
            return None

    def first_row_on(self, day: date) -> int:
        """The first reservation row (one reservation of each property) whose day is not before this one."""
        rows = self.spec.reservations_per_property
        before = day - timedelta(days=1)
        return bisect_right(range(rows), before, key=lambda row: self.calendar.day((row + 0.5) / rows))


def _id_ranges(spec: AccountSpec, index: int) -> dict[Kind, IdRange]:
    """Accounts share all ids of their lists, and pairs of accounts those of everything else.

    So nothing that confuses two accounts can stay unseen. Task ids pass 1e8 (API page, "Task").
    """
    pair = index // 2
    small: dict[Kind, tuple[int, int, int]] = {
        "people": (12_300, 9, spec.people),
        "supplies": (54_400, 7, spec.supplies),
        "task_tags": (30, 3, spec.task_tags),
        "reservation_tags": (30, 4, spec.reservation_tags),
        "property_tags": (30, 5, spec.property_tags),
        "templates": (23_000, 27, spec.templates),
        "subdepartments": (3, 2, spec.subdepartments),
    }
    ranges = {kind: IdRange(base, stride, count, 0) for kind, (base, stride, count) in small.items()}
    most_tasks = max(spec.tasks_per_property * 3, 1) * spec.properties
    ranges["properties"] = IdRange(328_800 + pair * 50_000, 11, spec.properties, 3)
    ranges["reservations"] = IdRange(
        15_486_000 + pair * 30_000_000, 3, spec.properties * spec.reservations_per_property, 1
    )
    ranges["tasks"] = IdRange(99_999_700 + pair * 40_000_000, 4, most_tasks, 2)
    return ranges
