"""Selects the records of a list and their order. Without a filter, one page costs only a page."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from breezeway_sync.sandbox.account import SandboxAccount
from breezeway_sync.sandbox.facts import Facts, Span
from breezeway_sync.sandbox.listing import IdListing
from breezeway_sync.sandbox.query import PageQuery
from breezeway_sync.sandbox.reservations import MOST_NIGHTS, MOST_SHIFT_DAYS, MOST_UPDATE_DAYS
from breezeway_sync.sandbox.spec import Kind
from breezeway_sync.sandbox.tasks import latest_update

_REMEMBERED = 6


@dataclass(frozen=True, slots=True)
class Filter:
    """What a list is narrowed by."""

    spans: Mapping[str, Span] = field(default_factory=dict)
    property_ids: Collection[int] | None = None
    department: str | None = None
    assignees: Collection[int] | None = None
    company_ids: Collection[int] | None = None

    @property
    def is_open(self) -> bool:
        return not self.spans and all(
            value is None for value in (self.property_ids, self.department, self.assignees, self.company_ids)
        )

    def key(self) -> tuple[Any, ...]:
        ids = [
            None if value is None else tuple(value) for value in (self.property_ids, self.assignees, self.company_ids)
        ]
        return tuple(sorted(self.spans.items(), key=lambda item: item[0])), tuple(ids), self.department


class Selector:
    """Selections, the last few of each account remembered until the account changes."""

    def __init__(self) -> None:
        self._known: dict[str, OrderedDict[Any, array[int]]] = {}

    def page(
        self, account: SandboxAccount, kind: Kind, page: PageQuery, narrowed: Filter, *, home_id: int | None = None
    ) -> tuple[int, list[int]]:
        """The number of all matches, and the ids on this page."""
        offset = (page.number - 1) * page.limit
        listing = account.listing(kind, home_id)
        if narrowed.is_open and page.sort_by in ("created_at", "id"):
            return len(listing), listing.page(offset, page.limit, descending=page.descending)
        key = (account.version, kind, home_id, page.sort_by, page.descending, narrowed.key())
        matches = self._remembered(account, key, lambda: _matches(account, kind, home_id, page, narrowed))
        return len(matches), list(matches[offset : offset + page.limit])

    def _remembered(self, account: SandboxAccount, key: Any, select: Callable[[], Sequence[int]]) -> array[int]:
        known = self._known.setdefault(account.code, OrderedDict())
        if key not in known:
            known[key] = array("q", select())
            while len(known) > _REMEMBERED:
                known.popitem(last=False)
        known.move_to_end(key)
        return known[key]


def _matches(account: SandboxAccount, kind: Kind, home_id: int | None, page: PageQuery, narrowed: Filter) -> list[int]:
    ids = [
        record_id
        for record_id in _candidates(account, kind, home_id, narrowed)
        if narrowed.is_open or _fits(account, kind, record_id, narrowed)
    ]
    if page.sort_by not in ("created_at", "id"):
        ids.sort(key=lambda record_id: _sort_key(account, kind, record_id, page.sort_by))
    return ids[::-1] if page.descending else ids


def _candidates(account: SandboxAccount, kind: Kind, home_id: int | None, narrowed: Filter) -> Iterable[int]:
    """In order of creation."""
    listing = account.listing(kind, home_id)
    low = narrowed.spans.get("updated_at", Span()).low
    if kind == "tasks" and low is not None:
        return _task_candidates(account, listing, home_id, low)
    if kind != "reservations" or narrowed.is_open:
        return listing
    return sorted(set(_stay_candidates(account, listing, narrowed)), key=_by_creation(account))


def _by_creation(account: SandboxAccount) -> Callable[[int], tuple[int, int]]:
    order = {record_id: nth for nth, record_id in enumerate(account.listing("reservations").added())}
    return lambda record_id: (1, order[record_id]) if record_id in order else (0, record_id)


def _stay_candidates(account: SandboxAccount, listing: IdListing, narrowed: Filter) -> Iterator[int]:
    """Changed reservations, and those whose place in history can fit."""
    changed = [record_id for record_id in account.written_ids("reservations") if record_id in listing]
    yield from changed
    width = account.spec.properties
    first, last = _rows(account, narrowed.spans)
    if narrowed.property_ids is None:
        yield from listing.places(first * width, last * width)
        return
    ids = account.blueprint.ids["properties"]
    columns = [place for expected in narrowed.property_ids if (place := ids.index_of(expected)) is not None]
    for column in columns:
        for row in range(first, last):
            yield from listing.places(row * width + column, row * width + column + 1)


def _rows(account: SandboxAccount, spans: Mapping[str, Span]) -> tuple[int, int]:
    """Rows (one reservation of each property) that can hold a stay with these days."""
    blueprint = account.blueprint
    first, last = 0, account.spec.reservations_per_property
    for name, later in (("checkin_date", MOST_SHIFT_DAYS), ("checkout_date", MOST_SHIFT_DAYS + MOST_NIGHTS)):
        span = spans.get(name, Span())
        if span.low is not None:
            first = max(first, blueprint.first_row_on((span.low - timedelta(days=later)).date()))
        if span.high is not None:
            last = min(last, blueprint.first_row_on((span.high + timedelta(days=1)).date()))
    for name, later in (("created_at", 0), ("updated_at", MOST_UPDATE_DAYS)):
        span = spans.get(name, Span())
        if span.low is not None:
            first = max(first, _rows_before(account, span.low - timedelta(days=later)) - 1)
        if span.high is not None:
            last = min(last, _rows_before(account, span.high) + 1)
    return first, last


def _rows_before(account: SandboxAccount, moment: datetime) -> int:
    """How many rows begin to be created before this moment."""
    rows = account.spec.reservations_per_property
    return bisect_left(range(rows), moment, key=lambda row: account.blueprint.calendar.created(row / rows))


def _task_candidates(account: SandboxAccount, listing: IdListing, home_id: int | None, low: datetime) -> Iterable[int]:
    """All but the old tasks that cannot have been updated so late."""
    prop = None if home_id is None else account.blueprint.ids["properties"].index_of(home_id)
    if prop is None:
        return listing
    blueprint, count = account.blueprint, account.blueprint.task_count(prop)
    first = bisect_left(range(count), low, key=lambda nth: latest_update(blueprint, prop, nth))
    late = list(listing.places(first, count))
    changed = {task_id for task_id in account.written_ids("tasks") if task_id in listing}
    return [*sorted(changed.difference(late, listing.added())), *late, *listing.added()]


def _fits(account: SandboxAccount, kind: Kind, record_id: int, narrowed: Filter) -> bool:
    if kind in ("properties", "supplies"):
        companies = narrowed.company_ids
        return companies is None or account.get(kind, record_id).get("company_id") in companies
    facts = account.facts(kind, record_id)
    if any(facts.get(name) not in span for name, span in narrowed.spans.items()):
        return False
    if narrowed.property_ids is not None and facts.get("property_id") not in narrowed.property_ids:
        return False
    if narrowed.department is not None and facts.get("type_department") != narrowed.department:
        return False
    return narrowed.assignees is None or _is_assigned(account, kind, record_id, narrowed.assignees)


def _is_assigned(account: SandboxAccount, kind: Kind, record_id: int, assignees: Collection[int]) -> bool:
    assigned = account.get(kind, record_id).get("assignments") or []
    return any(isinstance(item, dict) and item.get("assignee_id") in assignees for item in assigned)


def _sort_key(account: SandboxAccount, kind: Kind, record_id: int, name: str) -> tuple[bool, Any]:
    """Nulls first, as nothing is known about them."""
    facts: Facts = account.facts(kind, record_id) if kind in ("tasks", "reservations") else {}
    value = facts[name] if name in facts else account.get(kind, record_id).get(name)
    if value is None or isinstance(value, dict | list):
        return False, 0
    return True, value if name in facts else str(value)
