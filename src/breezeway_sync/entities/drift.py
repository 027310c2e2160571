"""Finds schema drift: what changed in the API's records since the last stored field profile. Pure.

It is careful, because a rare field may be missing from a few records by chance. A field counts as vanished only where
it is expected: from complete readings, ten times at least (twenty filled values), or by fifty records of a part where
every record had it. Each field is counted against the object or list that it belongs to. A new field is reported
without its members. Names that may be data (ids, people) are not stored. What has not changed is written once a day.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Enum

from breezeway_sync.entities.field_profile import MOST_MEMBERS, MOST_PATHS, FieldProfile, ProfiledPath, scope_of
from breezeway_sync.entities.model import Child, ColumnKind, Entity, Field
from breezeway_sync.entities.plan import Node, RowShape, plan_of

LEAST_SEEN = 10
"""How often something must be expected, or known, before its presence or absence tells anything."""
LEAST_FILLED = 20
"""How many filled values must be expected before half of them missing tells anything."""
LEAST_IN_PART = 50
"""How many records of a reading that was not of everything must lack what all records had before it tells anything."""
REFRESH = timedelta(days=1)
"""How often what has not changed is written down again."""


class DriftKind(Enum):
    """The ways in which a path changes."""

    APPEARED = "appeared"
    VANISHED = "vanished"
    TYPE_CHANGED = "type_changed"
    EMPTIED = "emptied"


@dataclass(frozen=True, slots=True)
class KnownPath:
    """A path as it was written down; `seen`, `present` and `filled` are those of one reading (see Sighting)."""

    path: str
    types: tuple[str, ...]
    first_seen_at: datetime
    last_seen_at: datetime
    seen: int
    present: int
    filled: int
    appeared_at: datetime | None = None
    type_changed_at: datetime | None = None
    emptied_at: datetime | None = None
    vanished_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class DriftChange:
    """`detail` are types or shares, never values."""

    path: str
    what: DriftKind
    detail: str


@dataclass(frozen=True, slots=True)
class DriftReport:
    """The rows that must be written, and what people should know."""

    rows: tuple[KnownPath, ...]
    changes: tuple[DriftChange, ...]


def compare(
    known: Mapping[str, KnownPath], profile: FieldProfile, *, is_full: bool, now: datetime, of_any_type: frozenset[str]
) -> DriftReport:
    """Hold a reading against what was known. Without anything known it is a first sight: rows, but no changes.

    `is_whole`: everything was read. From a part of the records only that can be missing which all records had, since
    what changed lately may well be of another kind. `of_any_type` are paths whose types are
    known to vary.
    """
    sightings = profile.sightings()
    known_scopes = _scopes(known.values())
    members = Counter(scope_of(path) for path in known)
    rows: list[KnownPath] = []
    changes: list[DriftChange] = []
    for one in sightings:
        before = known.get(one.path)
        if before is not None:
            row, found = _again(before, one, is_full=is_full, now=now, is_any=one.path in of_any_type)
        elif members.total() < MOST_PATHS and members[scope := scope_of(one.path)] < MOST_MEMBERS:
            members[scope] += 1
            is_news = bool(known) and known_scopes.get(scope, 0) >= LEAST_SEEN
            row, found = _first(one, now, is_news=is_news)
        else:
            continue
        changes += found
        rows += [row] if row != before else []
    if not profile.is_cut:
        # As many names as that are keys that are data, and come and go.
        scopes = {scope: seen for scope, seen in profile.scopes().items() if members[scope] < MOST_MEMBERS}
        for row, change in _missing(known, sightings, scopes, is_full=is_full, now=now):
            rows.append(row)
            changes.append(change)
    return DriftReport(tuple(rows), tuple(changes))


def _scopes(known: Iterable[KnownPath]) -> dict[str, int]:
    """How often each object and list was there when its members were written down."""
    scopes: dict[str, int] = {}
    for one in known:
        scope = scope_of(one.path)
        scopes[scope] = max(scopes.get(scope, 0), one.seen)
    return scopes


def _first(one: ProfiledPath, now: datetime, *, is_news: bool) -> tuple[KnownPath, list[DriftChange]]:
    row = KnownPath(
        one.path, one.types, now, now, one.seen, one.present, one.filled, appeared_at=now if is_news else None
    )
    return row, [DriftChange(one.path, DriftKind.APPEARED, _types(one.types))] if is_news else []


def _again(
    before: KnownPath, one: ProfiledPath, *, is_full: bool, now: datetime, is_any: bool
) -> tuple[KnownPath, list[DriftChange]]:
    row, changes = before, []
    if before.vanished_at is not None:
        row = _counted(replace(row, vanished_at=None, appeared_at=now), one, now)
        changes.append(DriftChange(one.path, DriftKind.APPEARED, f"again, {_types(one.types)}"))
    new_types = [name for name in one.types if name not in before.types]
    if new_types:
        row = replace(row, types=(*before.types, *new_types), last_seen_at=now)
        # What was only ever null has had no type to change.
        if before.types and not is_any:
            row = replace(row, type_changed_at=now)
            detail = f"{_types(before.types)}, now also {_types(new_types)}"
            changes.append(DriftChange(one.path, DriftKind.TYPE_CHANGED, detail))
    if before.vanished_at is None:
        if _has_emptied(before, one, is_full=is_full):
            row = _counted(replace(row, emptied_at=now), one, now)
            detail = f"{_percent(before.filled, before.seen)} filled before, now {_percent(one.filled, one.seen)}"
            changes.append(DriftChange(one.path, DriftKind.EMPTIED, detail))
        elif is_full and before.emptied_at is not None and _has_recovered(before, one):
            row = _counted(replace(row, emptied_at=None), one, now)
    if row is before:
        row = _refreshed(before, one, is_full=is_full, now=now)
    return row, changes


def _refreshed(before: KnownPath, one: ProfiledPath, *, is_full: bool, now: datetime) -> KnownPath:
    """Nothing changed: written down again once a day, and while too little was seen to tell anything."""
    is_due = abs(now - before.last_seen_at) >= REFRESH  # in the future it was written by a clock that ran ahead
    if is_full:
        return _counted(before, one, now) if is_due or before.seen < LEAST_SEEN <= one.seen else before
    if before.seen < LEAST_SEEN:
        sums = (before.seen + one.seen, before.present + one.present, before.filled + one.filled)
        return replace(before, seen=sums[0], present=sums[1], filled=sums[2], last_seen_at=now)
    return replace(before, last_seen_at=now) if is_due else before


def _counted(row: KnownPath, one: ProfiledPath, now: datetime) -> KnownPath:
    return replace(row, seen=one.seen, present=one.present, filled=one.filled, last_seen_at=now)


def _has_emptied(before: KnownPath, one: ProfiledPath, *, is_full: bool) -> bool:
    expected = one.seen * before.filled / before.seen if before.seen else 0.0
    is_told = before.emptied_at is not None and not is_full
    can_tell = _can_tell(before.filled, before.seen, expected, LEAST_FILLED, is_full=is_full)
    return can_tell and one.filled * 2 < expected and not is_told


def _can_tell(had: int, seen: int, expected: float, least: int, *, is_full: bool) -> bool:
    """Whether so many expected can be missed: in a part of the records, of what all of them had."""
    return expected >= least if is_full else had == seen and expected >= LEAST_IN_PART


def _has_recovered(before: KnownPath, one: ProfiledPath) -> bool:
    return one.filled > 0 and one.filled * before.seen >= 2 * before.filled * one.seen


def _missing(
    known: Mapping[str, KnownPath],
    sightings: Iterable[ProfiledPath],
    scopes: Mapping[str, int],
    *,
    is_full: bool,
    now: datetime,
) -> Iterator[tuple[KnownPath, DriftChange]]:
    """Paths that should have been there, as often as the object or list was to which they belong."""
    present = {one.path for one in sightings}
    for path, before in known.items():
        if path in present or before.vanished_at is not None or not before.seen:
            continue
        expected = scopes.get(scope_of(path), 0) * before.present / before.seen
        if _can_tell(before.present, before.seen, expected, LEAST_SEEN, is_full=is_full):
            detail = f"{_percent(before.present, before.seen)} of records had it"
            yield replace(before, vanished_at=now), DriftChange(path, DriftKind.VANISHED, detail)


def _types(types: Iterable[str]) -> str:
    return " or ".join(types) or "null"


def _percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:.0f} %" if whole else "0 %"


# --- what is known to vary ------------------------------------------------------------------------


def of_any_type(entity: Entity, called: Child | None = None) -> frozenset[str]:
    """Paths that the catalog takes in several types: as a text or an object, or as JSON whatever it is."""
    plan = plan_of(entity)
    if called is not None:
        shape = next(one.shape for one in plan.called if one.child.table == called.table)
        return frozenset(_varying(shape, called.fields, ""))
    found = set(_varying(plan.shape, entity.fields, ""))
    for child in plan.children:
        found |= set(_varying(child.shape, child.child.fields, f"{child.child.items}[]."))
    return frozenset(found)


def _varying(shape: RowShape, fields: Iterable[Field], prefix: str) -> Iterator[str]:
    yield from (prefix + one.path for one in fields if one.kind is ColumnKind.JSON)
    yield from (prefix + path for path in _both(shape.nodes, ""))


def _both(nodes: Mapping[str, Node], prefix: str) -> Iterator[str]:
    for name, node in nodes.items():
        if node.slots and node.nested:
            yield prefix + name
        yield from _both(node.nested, f"{prefix}{name}.")
