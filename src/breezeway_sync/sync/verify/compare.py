"""Compares a record of the API with its row, field by field. Pure.

Every value of the record must stand in its column or under its own name in `extra`. Every item of a list must stand in
a child row or in `extra`. Nothing else may stand there.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from typing import cast

from breezeway_sync.entities.comparison import Children, Row, Stored
from breezeway_sync.entities.model import Child, ColumnKind, DerivationRule, Derived, Entity, Field
from breezeway_sync.sync.verify.values import clean, normal, number, same, same_money, whole

Json = dict[str, object]


def unlike(entity: Entity, record: Mapping[str, object], row: Row, children: Children) -> list[str]:
    """Paths of the record at which the mirror says something else; embedded lists included.

    Lists with an address of their own are not looked at.
    """
    theirs, ours = _copies(record, row)
    found: list[str] = []
    for child in entity.children:
        items, kept = theirs.get(child.items), ours.get(child.items)
        if isinstance(items, list):
            del theirs[child.items]
            found += unlike_items(child, items, children.get(child.table, ()), ours.pop(child.items, None))
        elif children.get(child.table) or kept != items:
            found.append(child.items)
    for tags in entity.tags:
        listed = theirs.get(tags.items)
        if isinstance(listed, list) and _are_objects(listed):
            del theirs[tags.items]
            ours.pop(tags.items, None)
            expected = {whole(item.get("id")) for item in listed if isinstance(item, dict)} - {None}
            if expected != {whole(one["tag_id"]) for one in children.get(tags.table, ())}:
                found.append(tags.items)
    for called in entity.called:
        ours.pop(f"/{called.child.items}", None)
    return found + _unlike_fields((entity.key, *entity.fields), entity.derived, record, row, (theirs, ours))


def unlike_items(child: Child, items: Sequence[object], rows: Sequence[Row], kept: object) -> list[str]:
    """Paths below a list at which its rows, and what the parent's `extra` keeps of it, say something else."""
    if child.key is None:
        return _by_place(child, items, rows, kept)
    named: dict[int, list[tuple[int, Json]]] = {}
    nameless: list[Json] = []
    odd: list[object] = []
    for place, item in enumerate(items):
        key = whole(item.get(child.key.path)) if isinstance(item, dict) else None
        if isinstance(item, dict) and key is not None:
            named.setdefault(key, []).append((place, item))
        elif isinstance(item, dict) and child.key_may_be_null and item.get(child.key.path) is None:
            nameless.append(item)
        else:
            odd.append(item)
    by_key = {cast(int, row[child.key.name]): row for row in rows if row[child.key.name] is not None}
    found = [f"{child.items}[{key}]" for key in sorted(named.keys() ^ by_key.keys())]
    for key in sorted(named.keys() & by_key.keys()):
        said = [_unlike_item(child, item, by_key[key]) for _, item in named[key]]
        if all(said):
            found += [f"{child.items}[{key}].{path}" for path in said[0]]
        if child.position is not None and by_key[key][child.position] != named[key][0][0]:
            found.append(f"{child.items}[{key}].{child.position}")
    found += _in_order(child, nameless, [row for row in rows if row[child.key.name] is None])
    return found + _kept(child, odd, [item for same_key in named.values() for _, item in same_key], kept)


def _in_order(child: Child, items: Sequence[Json], rows: Sequence[Row]) -> list[str]:
    by_place = {row["ordinal"]: row for row in rows}
    if sorted(by_place, key=str) != sorted(range(len(items)), key=str) or len(rows) != len(items):
        return [child.items]
    return [
        f"{child.items}[{n}].{path}" for n, item in enumerate(items) for path in _unlike_item(child, item, by_place[n])
    ]


def _by_place(child: Child, items: Sequence[object], rows: Sequence[Row], kept: object) -> list[str]:
    """Rows at the places of the objects; what is no object stands in `extra`."""
    objects = {place: cast(Json, item) for place, item in enumerate(items) if isinstance(item, dict)}
    by_place = {cast(int, row["ordinal"]): row for row in rows}
    found = [f"{child.items}[{place}]" for place in sorted(objects.keys() ^ by_place.keys())]
    for place in sorted(objects.keys() & by_place.keys()):
        item = objects[place]
        paths = _unlike_item(child, item, by_place[place], is_first=place == 0)
        found += [f"{child.items}[{place}].{path}" for path in paths]
    return found + _kept(child, [item for item in items if not isinstance(item, dict)], (), kept)


def _kept(child: Child, odd: Sequence[object], repeated: Sequence[object], kept: object) -> list[str]:
    """What no row takes must stand in `extra`; besides it only what repeats an id may."""
    there = Counter(normal(item) for item in kept) if isinstance(kept, list) else Counter()
    expected = Counter(normal(item) for item in odd)
    surplus = there - expected - Counter(normal(item) for item in repeated)
    is_list = isinstance(kept, list) or kept is None
    return [] if is_list and not expected - there and not surplus else [f"{child.items}: items without a row"]


def _unlike_item(child: Child, item: Mapping[str, object], row: Row, *, is_first: bool = False) -> list[str]:
    fields = child.fields if child.key is None else (child.key, *child.fields)
    return _unlike_fields(fields, child.derived, item, row, _copies(item, row), is_first=is_first)


def _unlike_fields(
    fields: Sequence[Field],
    derived: Sequence[Derived],
    record: Mapping[str, object],
    row: Row,
    copies: tuple[Json, Json],
    *,
    is_first: bool = False,
) -> list[str]:
    theirs, ours = copies
    found: list[str] = []
    rules = {one.column: one.rule for one in derived}
    said: set[str] = set()
    for field in fields:
        for path in (field.path, *field.also):
            value = _at(theirs, path)
            if value is None or (isinstance(value, dict) and field.kind is not ColumnKind.JSON):
                continue
            if _at(ours, path) is None and field.name not in said:
                said.add(field.name)
                if not _is_same(field, value, row):
                    found.append(path)
                _drop(theirs, path)
        if field.name not in said and row[field.name] is not None and field.name not in rules:
            found.append(field.path)
    for column, rule in rules.items():
        if column not in said and row[column] != _RULES[rule](record, is_first):
            found.append(column)
    return found + sorted(
        name for name in theirs.keys() | ours.keys() if normal(theirs.get(name)) != normal(ours.get(name))
    )


def _is_same(field: Field, value: object, row: Row) -> bool:
    if field.kind is ColumnKind.MONEY:
        return same_money(value, row[field.name], row[f"{field.name}_currency"])
    return same(field.kind, value, row[field.name])


def _copies(record: Mapping[str, object], row: Row) -> tuple[Json, Json]:
    extra = row.get("extra")
    # The mirror only writes objects: anything else is a difference.
    kept = deepcopy(extra) if isinstance(extra, dict) else {} if extra is None else {"extra": extra}
    return {clean(name): deepcopy(value) for name, value in record.items()}, kept


def _are_objects(items: Sequence[object]) -> bool:
    return all(isinstance(item, dict) and whole(item.get("id")) is not None for item in items)


def _at(record: object, path: str) -> object:
    for name in path.split("."):
        record = record.get(name) if isinstance(record, dict) else None
    return record


def _drop(record: Json, path: str) -> None:
    *above, last = path.split(".")
    inner = _at(record, ".".join(above)) if above else record
    if isinstance(inner, dict):
        inner.pop(last, None)


def _full_name(record: Mapping[str, object], _is_first: bool) -> object:
    parts = [clean(one) for one in (record.get("first_name"), record.get("last_name")) if isinstance(one, str)]
    return " ".join(one for one in parts if one) or None


def _first_email(record: Mapping[str, object], _is_first: bool) -> object:
    emails = record.get("emails")
    first = emails[0] if isinstance(emails, list) and emails else None
    return clean(first) if isinstance(first, str) else None


def _first_phone(record: Mapping[str, object], _is_first: bool) -> object:
    phones = record.get("phone_numbers")
    first = phones[0] if isinstance(phones, list) and phones else None
    first = first.get("number") if isinstance(first, dict) else first
    if isinstance(first, str):
        return clean(first)
    return None if number(first) is None else str(first)


_RULES: Mapping[DerivationRule, Callable[[Mapping[str, object], bool], object]] = {
    DerivationRule.FULL_NAME: _full_name,
    DerivationRule.FIRST_EMAIL: _first_email,
    DerivationRule.FIRST_PHONE: _first_phone,
    DerivationRule.IS_FIRST: lambda _record, is_first: is_first,
}


def says_deleted(entity: Entity, record: Mapping[str, object]) -> bool:
    """Whether a record says of itself that it is deleted, as some do that lists still show."""
    if entity.deleted_when is None:
        return False
    column, value = entity.deleted_when
    field = next(one for one in entity.fields if one.name == column)
    return any(_at(record, path) == value for path in (field.path, *field.also))


def paths_unlike(entity: Entity, record: Mapping[str, object], stored: Stored) -> list[str]:
    """Where they differ; a record nested too deeply to be compared differs as a whole."""
    try:
        return unlike(entity, record, stored.row, stored.children)
    except RecursionError:
        return ["(nested too deeply)"]
