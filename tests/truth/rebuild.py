"""Columns plus `extra` give the record back: put it together again and lay it beside the API's."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from copy import deepcopy
from typing import Any, TypeAlias

from tests.truth.contract import Field, Table, at, fields_of
from tests.truth.mirror import Row
from tests.truth.values import clean, deeply, frozen, same, same_json, whole

#: Rows of each child table that belong to one parent; those of link tables as `{"id": <tag id>}`.
Children: TypeAlias = Mapping[str, Sequence[Row]]


def rebuild(fields: Sequence[Field], row: Row) -> dict[str, Any]:
    """The record out of one row, without its children."""
    record: dict[str, Any] = {}
    for one in fields:
        value = row[one.column]
        if one.kind == "money" and value is not None:
            value = (value, row[f"{one.column}_currency"])
        if value is not None:
            _put(record, one.path, value)
    return _merged(record, row["extra"] or {})


def _put(record: dict[str, Any], path: tuple[str, ...], value: Any) -> None:
    for name in path[:-1]:
        record = record.setdefault(name, {})
    record[path[-1]] = value


def _merged(record: dict[str, Any], extra: dict[str, Any]) -> dict[str, Any]:
    """`extra` stands under the API's own names and nesting."""
    for name, value in extra.items():
        ours = record.get(name)
        record[name] = _merged(ours, value) if isinstance(ours, dict) and isinstance(value, dict) else value
    return record


def unlike(table: Table, record: dict[str, Any], row: Row, children: Children) -> list[str]:
    """What the rebuilt record says otherwise than the API's; nothing, when they are equal."""
    with deeply():
        return _unlike(table, record, row, children)


def _unlike(table: Table, record: dict[str, Any], row: Row, children: Children) -> list[str]:
    fields = fields_of(table, record)
    ours, theirs = rebuild(fields, row), cleaned(deepcopy(record))
    found: list[str] = []
    for child in table.lists:
        rows = children.get(child.name, ())
        if isinstance(theirs.get(child.source), list):
            found += unlike_list(child, theirs.pop(child.source), rows, ours.pop(child.source, []))
        elif rows:
            found.append(f"{child.name}: rows without a list")
    for child in table.calls:
        ours.pop(child.source, None)
    if table.name == "properties":  # notes are an object at all times
        ours["notes"], theirs["notes"] = (one.get("notes") or {} for one in (ours, theirs))
    for one in fields:
        if not same(one.kind, at(theirs, *one.path), at(ours, *one.path)):
            found.append(f"{'.'.join(one.path)}: {at(ours, *one.path)!r} instead of {at(theirs, *one.path)!r}"[:400])
        _drop(ours, one.path)
        _drop(theirs, one.path)
    if not same_json(ours, theirs):
        found.append(f"the rest: {ours!r} instead of {theirs!r}"[:800])
    return found


def cleaned(record: dict[str, Any]) -> dict[str, Any]:
    """Names as the mirror can hold them; the values are cleaned where they are compared."""
    return {clean(name): value for name, value in record.items()}


def _drop(record: dict[str, Any], path: tuple[str, ...]) -> None:
    inner = at(record, *path[:-1]) if path[:-1] else record
    if isinstance(inner, dict):
        inner.pop(path[-1], None)


def unlike_list(child: Table, items: list[Any], rows: Sequence[Row], kept: Any) -> list[str]:
    """A list of the API beside the rows made of it and what stands in the parent's `extra`."""
    if not isinstance(kept, list):
        return [f"{child.source}: {kept!r} is no list"[:400]]
    if child.order == "place":
        return _by_place(child, items, rows, kept)
    nameless = [item for item in items if child.order == "id or place" and _is_nameless(item)]
    named: dict[int, list[Any]] = {}
    odd: list[Any] = []
    for place, item in enumerate(items):
        number = whole(item.get("id")) if isinstance(item, dict) else None
        if number is not None:
            named.setdefault(int(number), []).append((place, item))
        elif not any(item is one for one in nameless):
            odd.append(item)
    found = _by_id(child, named, [row for row in rows if row[_key(child)] is not None])
    found += _nameless(child, nameless, [row for row in rows if row[_key(child)] is None])
    return found + _kept(child, odd, [item for same_id in named.values() for _place, item in same_id], kept)


def _key(child: Table) -> str:
    return child.key or "id"


def _is_nameless(item: Any) -> bool:
    return isinstance(item, dict) and item.get("id") is None


def _by_id(child: Table, named: Mapping[int, list[Any]], rows: Sequence[Row]) -> list[str]:
    """One row for each id, made of one of the items that have it."""
    by_id = {row[_key(child)]: row for row in rows}
    if by_id.keys() != named.keys() or len(by_id) != len(rows):
        return [f"{child.name}: rows of {sorted(by_id)} instead of {sorted(named)}"]
    found: list[str] = []
    for number, items in named.items():
        row = by_id[number]
        if "display_order" in child.others and row["display_order"] != items[0][0]:
            found.append(f"{child.name} {number}: at place {row['display_order']} instead of {items[0][0]}")
        said = [_unlike(child, item, row, {}) for _place, item in items] if child.order != "link" else [[]]
        if all(said):
            found += [f"{child.name} {number}: {one}" for one in said[0]]
    return found


def _nameless(child: Table, items: Sequence[Any], rows: Sequence[Row]) -> list[str]:
    """Items whose id is null, in their order."""
    ordered = sorted(rows, key=lambda row: row["ordinal"])
    if [row["ordinal"] for row in ordered] != list(range(len(items))):
        return [f"{child.name}: places {[row['ordinal'] for row in ordered]} for {len(items)} items without id"]
    return [one for item, row in zip(items, ordered, strict=True) for one in _unlike(child, item, row, {})]


def _kept(child: Table, odd: Sequence[Any], repeated: Sequence[Any], kept: Sequence[Any]) -> list[str]:
    """What no row takes stands in `extra`; besides it only repetitions of an id may stand there."""
    counted: Counter[Hashable] = Counter(frozen(item) for item in kept)
    missing = [item for item in odd if not counted[frozen(item)]]
    counted.subtract(Counter(frozen(item) for item in odd))
    surplus = +counted - Counter(frozen(item) for item in repeated)
    found = [f"{child.source}: {item!r} is lost"[:400] for item in missing]
    return found + ([f"{child.source}: {surplus!r} in extra"[:400]] if surplus else [])


def _by_place(child: Table, items: list[Any], rows: Sequence[Row], kept: list[Any]) -> list[str]:
    """Rows at their places, the items that are no objects in the gaps between them."""
    by_place = {row["ordinal"]: row for row in rows}
    places = [place for place, item in enumerate(items) if isinstance(item, dict)]
    if sorted(by_place) != places or len(rows) != len(places):
        return [f"{child.name}: rows at {sorted(by_place)} instead of {places}"]
    gaps = [item for item in items if not isinstance(item, dict)]
    found = [] if same_json(gaps, kept) else [f"{child.source}: {kept!r} instead of {gaps!r}"[:400]]
    return found + [one for place in places for one in _unlike(child, items[place], by_place[place], {})]
